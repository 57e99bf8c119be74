/*
** tap.h - Test Anything Protocol for the C tests
** SPDX-License-Identifier: MIT
** ok() for each test, done() at the end.
*/

#ifndef PREDIBASE_TAP_H
#define PREDIBASE_TAP_H

#include <stdio.h>

static int tap_count, tap_failed;

/* One test; the name is a sentence. Returns the condition. */
static inline int ok (int condition, const char *name) {
  tap_count++;
  if (!condition)
    tap_failed++;
  printf("%s %d - %s\n", condition ? "ok" : "not ok", tap_count, name);
  fflush(stdout);
  return condition;
}

/* Prints the plan. Returns the exit code of the program. */
static inline int done (void) {
  printf("1..%d\n", tap_count);
  return tap_failed > 0;
}

#endif
