/*
** easy_cache.h - libcurl's easy handles, kept for the next request
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_EASY_CACHE_H
#define PREDIBASE_EASY_CACHE_H

#include "libcurl.h"

#include "target.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* The most handles that are kept: enough for a few calls at the same time, and
** few enough for a linear search. */
#define EASY_CACHE_MAX 16

/* One of this many handles that come back is always reset: see is_worn. */
#define EASY_CACHE_RESET 32

/* All zeros is an empty cache. */
typedef struct easy_cache {
  struct {
    CURL *easy;
    target *to;  /* the target whose options are set, or NULL */
  } at[EASY_CACHE_MAX];
  int n;
  unsigned given;  /* number of handles that have come back */
} easy_cache;

/* Returns a handle for a target, or NULL if there is no memory. *is_set tells
** whether the target's options are set already. */
CURL *easy_cache_take (easy_cache *h, const target *to, int *is_set);

/* Takes a handle back and removes the request's options from it. The handle
** must not belong to a multi handle. 'to' is the target whose options it has,
** or NULL. */
void easy_cache_give (easy_cache *h, CURL *easy, target *to);

/* Frees all handles. */
void easy_cache_free (easy_cache *h);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
