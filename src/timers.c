/*
** timers.c - a set of deadlines, ordered by time
** SPDX-License-Identifier: MIT
*/

#include "timers.h"

#include "buf.h"

/* The first capacity: more timers than most programs have requests. */
#define TIMERS_FIRST 16

/*
** Slots start at 1, so that the children of slot i are 2i and 2i + 1 and a
** timer that is all zeros has no slot.
*/
static timer *at_slot (const timers *ts, size_t slot) {
  return ts->heap[slot - 1];
}

static void put (timers *ts, size_t slot, timer *t) {
  ts->heap[slot - 1] = t;
  t->slot = slot;
}

/* Moves t from the free slot towards the root, to where it fits. */
static void rise (timers *ts, size_t slot, timer *t) {
  while (slot > 1 && at_slot(ts, slot / 2)->at > t->at) {
    put(ts, slot, at_slot(ts, slot / 2));
    slot /= 2;
  }
  put(ts, slot, t);
}

/* Moves t from the free slot away from the root, to where it fits. */
static void sink (timers *ts, size_t slot, timer *t) {
  while (slot <= ts->n / 2) {
    size_t child = slot * 2;
    if (child < ts->n && at_slot(ts, child + 1)->at < at_slot(ts, child)->at)
      child++;
    if (at_slot(ts, child)->at >= t->at)
      break;
    put(ts, slot, at_slot(ts, child));
    slot = child;
  }
  put(ts, slot, t);
}

/* Moves t from the free slot up or down, to where it fits. */
static void settle (timers *ts, size_t slot, timer *t) {
  if (slot > 1 && at_slot(ts, slot / 2)->at > t->at)
    rise(ts, slot, t);
  else
    sink(ts, slot, t);
}

static int grow (timers *ts) {
  size_t cap = (ts->cap == 0) ? TIMERS_FIRST : ts->cap * 2;
  timer **heap;
  if (cap > SIZE_MAX / sizeof *heap)
    return -1;
  heap = mem_realloc(ts->heap, cap * sizeof *heap);
  if (heap == NULL)
    return -1;
  ts->heap = heap;
  ts->cap = cap;
  return 0;
}

int timers_set (timers *ts, timer *t, int64_t at) {
  if (t->slot == 0) {
    if (ts->n == ts->cap && grow(ts) != 0)
      return -1;
    t->at = at;
    ts->n++;
    rise(ts, ts->n, t);
  }
  else {
    t->at = at;
    settle(ts, t->slot, t);
  }
  return 0;
}

void timers_cancel (timers *ts, timer *t) {
  size_t slot = t->slot;
  timer *last;
  if (slot == 0)
    return;
  last = at_slot(ts, ts->n);
  ts->n--;
  t->slot = 0;
  if (last != t)
    settle(ts, slot, last);
}

timer *timers_first (const timers *ts) {
  return (ts->n > 0) ? ts->heap[0] : NULL;
}

void timers_free (timers *ts) {
  size_t i;
  for (i = 0; i < ts->n; i++)
    ts->heap[i]->slot = 0;
  mem_realloc(ts->heap, 0);
  ts->heap = NULL;
  ts->n = ts->cap = 0;
}
