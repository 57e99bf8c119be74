/*
** timers.h
** A set of deadlines ordered by time (a binary heap of borrowed timers).
** SPDX-License-Identifier: MIT
*/

#ifndef TIMERS_H
#define TIMERS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** One deadline, embedded by its owner. All zeros is a timer that is not
** set. The owner must cancel it before its memory goes away.
*/
typedef struct timer {
  int64_t at;  /* when, in the owner's unit */
  size_t slot;  /* place in the heap, from 1; 0 = not set */
} timer;

/* All zeros is an empty set. */
typedef struct timers {
  timer **heap;
  size_t n, cap;
} timers;

/*
** Sets the timer, or moves it when it is already set. Returns 0, or -1
** when there is no memory (nothing changed; moving never fails).
*/
int timers_set (timers *ts, timer *t, int64_t at);

/* Takes the timer out of the set; a timer that is not set is left alone. */
void timers_cancel (timers *ts, timer *t);

/* The timer with the earliest 'at' (any of several), or NULL. */
timer *timers_first (const timers *ts);

/* Cancels all timers and gives the memory back. */
void timers_free (timers *ts);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
