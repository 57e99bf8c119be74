/*
** easy_cache.h - libcurl's easy handles, kept for the next request
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_EASY_CACHE_H
#define PREDIBASE_EASY_CACHE_H

#include <curl/curl.h>

#include "target.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Enough for calls one after the other or a few at a time, and few enough for a
** linear search. */
#define EASY_CACHE_MAX 16

/* One of this many returned handles is always reset: see is_worn. */
#define EASY_CACHE_RESET 32

/* All zeros is an empty cache. */
typedef struct easy_cache {
  struct {
    CURL *easy;
    target *to;  /* its options are set; NULL: those of no target */
  } at[EASY_CACHE_MAX];
  int n;
  unsigned given;
} easy_cache;

/* Returns a handle for a target; *is_set says if its options are set already.
** NULL: no memory. */
CURL *easy_cache_take (easy_cache *h, const target *to, int *is_set);

/* Takes a handle, which must be in no multi handle, and removes its request
** from it. 'to': the target whose options it still has, or NULL. */
void easy_cache_give (easy_cache *h, CURL *easy, target *to);

/* Frees all handles. */
void easy_cache_free (easy_cache *h);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
