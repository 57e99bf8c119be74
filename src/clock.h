/*
** clock.h - the monotonic clock of the C core
** SPDX-License-Identifier: MIT
** Monotonic, so that a change of the wall clock moves no deadline.
*/

#ifndef PREDIBASE_CLOCK_H
#define PREDIBASE_CLOCK_H

#include <stdint.h>

#if defined(_WIN32)

#include "process.h"

/* Returns microseconds since an arbitrary start. */
static inline int64_t clock_us (void) {
  LARGE_INTEGER count, second;
  QueryPerformanceCounter(&count);
  QueryPerformanceFrequency(&second);
  /* in two parts, because the product of all of it would overflow */
  return count.QuadPart / second.QuadPart * 1000000 +
         count.QuadPart % second.QuadPart * 1000000 / second.QuadPart;
}

/* Sleeps for less than a second. Returns 0, or -1 if a signal ended the sleep.
** On Windows a sleep lasts up to 15 ms, so only other threads get a turn. */
static inline int clock_sleep_ns (long ns) {
  (void)ns;
  Sleep(0);
  return 0;
}

#else

#include <time.h>

static inline int64_t clock_us (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline int clock_sleep_ns (long ns) {
  struct timespec t;
  t.tv_sec = 0;
  t.tv_nsec = ns;
  return nanosleep(&t, NULL);
}

#endif

/* Returns milliseconds since the same start, rounded down. */
static inline int64_t clock_ms (void) {
  return clock_us() / 1000;
}

#endif
