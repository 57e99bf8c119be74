/*
** clock.h - the monotonic clock of the C core
** SPDX-License-Identifier: MIT
** Monotonic, so that a change of the wall clock moves no deadline.
*/

#ifndef PREDIBASE_CLOCK_H
#define PREDIBASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Returns microseconds since an arbitrary start. */
static inline int64_t clock_us (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Returns milliseconds since the same start, rounded down. */
static inline int64_t clock_ms (void) {
  return clock_us() / 1000;
}

#endif
