/*
** easy_cache.h - libcurl's easy handles that wait for their next request
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_EASY_CACHE_H
#define PREDIBASE_EASY_CACHE_H

#include <curl/curl.h>

#include "target.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Enough that calls one after the other, or a few at a time, never make a new
** one, and never look long for one that knows their target.
*/
#define EASY_CACHE_MAX 16

/* One handle in so many that come back is reset in any case. */
#define EASY_CACHE_RESET 32

/* All zeros is an empty set. */
typedef struct easy_cache {
  struct {
    CURL *easy;
    target *to;  /* what it is set up for; NULL: nothing */
  } at[EASY_CACHE_MAX];
  int n;
  unsigned given;
} easy_cache;

/* A handle for a target; *is_set tells that it is set up for it. NULL: there
** is no memory. */
CURL *easy_cache_take (easy_cache *h, const target *to, int *is_set);

/* Takes a handle over, which must be in no multi handle, and lets it forget
** its request. 'to': what it is still set up for, or NULL. */
void easy_cache_give (easy_cache *h, CURL *easy, target *to);

/* Frees all handles. */
void easy_cache_free (easy_cache *h);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
