/*
** alloc.h - an allocator for tests
** SPDX-License-Identifier: MIT
** Counts the bytes in use and can refuse requests.
*/

#ifndef PREDIBASE_ALLOC_H
#define PREDIBASE_ALLOC_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

/* Bytes in front of each block for its size; a multiple of any alignment. */
#define PREDIBASE_ALLOC_HEAD 16

static size_t alloc_live;  /* bytes */
static size_t alloc_peak;
static long alloc_calls;  /* requests for memory, also refused ones */
static long alloc_fail_at;  /* number of the request to refuse; 0: none */
static int alloc_fail_on;  /* refuse all requests after it too */

/* Never resizes in place, so that sanitizers find the use of old pointers. */
static inline void *alloc_test (void *p, size_t n) {
  char *old = (p != NULL) ? (char *)p - PREDIBASE_ALLOC_HEAD : NULL;
  char *block = NULL;
  size_t old_n = 0;
  if (old != NULL)
    memcpy(&old_n, old, sizeof old_n);
  if (n > 0) {
    alloc_calls++;
    if (alloc_fail_at > 0
        && (alloc_calls == alloc_fail_at
            || (alloc_fail_on && alloc_calls > alloc_fail_at)))
      return NULL;
    block = malloc(n + PREDIBASE_ALLOC_HEAD);
    if (block == NULL)
      abort();
    memcpy(block, &n, sizeof n);
    if (old != NULL)
      memcpy(block + PREDIBASE_ALLOC_HEAD, p, n < old_n ? n : old_n);
    alloc_live += n;
    if (alloc_live > alloc_peak)
      alloc_peak = alloc_live;
  }
  alloc_live -= old_n;
  free(old);
  return (block != NULL) ? block + PREDIBASE_ALLOC_HEAD : NULL;
}

/* Resets the counts. Request number 'at' will fail, and if 'on' is 1, all after
** it. */
static inline void alloc_start (long at, int on) {
  mem_set_allocator(alloc_test);
  alloc_live = alloc_peak = 0;
  alloc_calls = 0;
  alloc_fail_at = at;
  alloc_fail_on = on;
}

#endif
