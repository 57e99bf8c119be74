/*
** jumping_clock.c - a wall clock for specs that jumps by a day
** SPDX-License-Identifier: MIT
** Loaded with LD_PRELOAD. Every 20 ms the wall clock moves to another of three
** places: the true time, a day later, a day earlier. The monotonic clocks stay
** true.
*/

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#define DAY 86400
#define PERIOD 20000000  /* ns */

typedef int clock_reader (clockid_t, struct timespec *);

static clock_reader *real (void) {
  static clock_reader *found;
  if (found == NULL) *(void **)&found = dlsym(RTLD_NEXT, "clock_gettime");
  if (found == NULL) abort();
  return found;
}

static time_t jump (void) {
  struct timespec now;
  if (real()(CLOCK_MONOTONIC, &now) != 0) abort();
  switch ((now.tv_sec * (1000000000 / PERIOD) + now.tv_nsec / PERIOD) % 3) {
    case 0: return 0;
    case 1: return DAY;
    default: return -DAY;
  }
}

int clock_gettime (clockid_t clock, struct timespec *out) {
  int rc = real()(clock, out);
  if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    out->tv_sec += jump();
  return rc;
}

int gettimeofday (struct timeval *out, void *zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time (time_t *out) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
