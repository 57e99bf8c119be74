/*
** timers.h - a set of deadlines, ordered by time
** SPDX-License-Identifier: MIT
** A binary heap of timers that are part of other objects.
*/

#ifndef PREDIBASE_TIMERS_H
#define PREDIBASE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** One deadline, a field of its owner. All zeros is a timer that is not set.
** The owner must cancel it before freeing it.
*/
typedef struct timer {
  int64_t at;  /* in the owner's unit */
  size_t slot;  /* index in the heap, from 1; 0: not set */
} timer;

/* All zeros is an empty set. */
typedef struct timers {
  timer **heap;
  size_t n, cap;
} timers;

/*
** Sets the timer, or changes its time if it is set. Returns 0, or -1 if there
** is no memory (then nothing has changed; changing a time never fails).
*/
int timers_set (timers *ts, timer *t, int64_t at);

/* Takes the timer out of the set. Does nothing if it is not set. */
void timers_cancel (timers *ts, timer *t);

/* Returns the timer with the earliest 'at' (any one of several), or NULL. */
timer *timers_first (const timers *ts);

/* Cancels all timers and frees the memory. */
void timers_free (timers *ts);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
