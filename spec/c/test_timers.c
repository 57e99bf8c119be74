/* links: timers.c buf.c */
/*
** test_timers.c - tests of timers.c
** SPDX-License-Identifier: MIT
** Random operations are compared with a list that is searched.
*/

#include "timers.h"

#include "alloc.h"
#include "tap.h"

#define MANY 300

/* A fixed seed: the same numbers in each run. */
static unsigned random_next (void) {
  static unsigned state = 12345;
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

static void simple (void) {
  timers ts = { 0 };
  timer a = { 0 }, b = { 0 }, c = { 0 };
  alloc_start(0, 0);
  ok(timers_first(&ts) == NULL, "an empty set has no first timer");
  timers_cancel(&ts, &a);
  ok(a.slot == 0, "cancelling what is not set does nothing");
  timers_set(&ts, &a, 30);
  timers_set(&ts, &b, 10);
  timers_set(&ts, &c, 20);
  ok(timers_first(&ts) == &b, "the earliest comes first");
  timers_set(&ts, &b, 40);
  ok(timers_first(&ts) == &c && b.at == 40, "a timer can be delayed");
  timers_set(&ts, &a, -5);
  ok(timers_first(&ts) == &a, "a timer can be brought forward");
  timers_cancel(&ts, &a);
  ok(timers_first(&ts) == &c && a.slot == 0, "the first can be cancelled");
  timers_free(&ts);
  ok(b.slot == 0 && c.slot == 0, "freeing the set cancels what is in it");
  ok(timers_set(&ts, &a, 1) == 0 && timers_first(&ts) == &a,
     "a freed set can be used again");
  timers_free(&ts);
  ok(alloc_live == 0, "nothing leaks");
}

/* Compares the set with the expected one, whose earliest timer is searched. */
static int agrees (const timers *ts, timer *all, const int *is_set) {
  const timer *first = timers_first(ts);
  size_t count = 0, i;
  int64_t earliest = INT64_MAX;
  for (i = 0; i < MANY; i++) {
    if (is_set[i] != (all[i].slot != 0))
      return 0;
    if (!is_set[i])
      continue;
    count++;
    if (ts->heap[all[i].slot - 1] != &all[i])
      return 0;
    if (all[i].at < earliest)
      earliest = all[i].at;
  }
  if (count != ts->n)
    return 0;
  return (count == 0) ? first == NULL
                      : first != NULL && first->at == earliest;
}

static void against_model (void) {
  static timer all[MANY];
  static int is_set[MANY];
  timers ts = { 0 };
  int step, good = 1, sorted = 1;
  int64_t last = INT64_MIN;
  alloc_start(0, 0);
  for (step = 0; step < 20000 && good; step++) {
    size_t i = random_next() % MANY;
    if (random_next() % 3 == 0) {
      timers_cancel(&ts, &all[i]);
      is_set[i] = 0;
    }
    else {
      /* few different times, so that many are equal */
      int64_t at = (int64_t)(random_next() % 50) - 10;
      timers_set(&ts, &all[i], at);
      is_set[i] = 1;
      good &= (all[i].at == at);
    }
    good &= agrees(&ts, all, is_set);
  }
  ok(good, "20,000 random operations agree with a searched list");
  while (timers_first(&ts) != NULL) {
    timer *t = timers_first(&ts);
    sorted &= (t->at >= last);
    last = t->at;
    timers_cancel(&ts, t);
  }
  ok(sorted && ts.n == 0, "taken out one by one they come in order");
  timers_free(&ts);
  ok(alloc_live == 0, "nothing leaks after many operations");
}

static void no_memory (void) {
  static timer all[100];
  timers ts = { 0 };
  size_t i, n = 0;
  alloc_start(3, 1);
  for (i = 0; i < 100 && timers_set(&ts, &all[i], 100 - (int64_t)i) == 0; i++)
    n++;
  ok(n > 0 && n < 100 && ts.n == n, "no memory is reported");
  ok(all[n].slot == 0 && timers_first(&ts) == &all[n - 1],
     "the set is unchanged");
  ok(timers_set(&ts, &all[0], 0) == 0 && timers_first(&ts) == &all[0],
     "a timer that is set can be moved without memory");
  timers_cancel(&ts, &all[1]);
  ok(timers_set(&ts, &all[n], -1) == 0 && timers_first(&ts) == &all[n],
     "a free slot can be used without memory");
  timers_free(&ts);
  ok(alloc_live == 0, "nothing leaks without memory");
}

int main (void) {
  simple();
  against_model();
  no_memory();
  mem_set_allocator(NULL);
  return done();
}
