/*
** easy_cache.c - libcurl's easy handles that wait for their next request
** SPDX-License-Identifier: MIT
** To reset a handle and to tell it some thirty options again costs more than
** all else that a request needs before it is sent, so a handle stays set up
** for its target. It keeps the target alive: an address is never taken for
** that of another one.
*/

#include "easy_cache.h"
#include "easy_setup.h"

/*
** As new. After a transfer over a connection that others still use, libcurl
** 7.88 keeps the buffer of the size that was set, and forgets that size in a
** reset: the next transfer would write beyond it. It says so by refusing
** another size. NULL: no memory.
*/
static CURL *blank (CURL *easy) {
  if (curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CURL_MAX_WRITE_SIZE)
      == CURLE_OK) {
    curl_easy_reset(easy);
    return easy;
  }
  curl_easy_cleanup(easy);
  return curl_easy_init();
}

CURL *easy_cache_take (easy_cache *h, const target *to, int *is_set) {
  CURL *easy;
  int i = h->n - 1;
  *is_set = 0;
  if (i < 0) return curl_easy_init();
  while (i > 0 && h->at[i].to != to) i--;
  easy = h->at[i].easy;
  *is_set = (h->at[i].to == to);
  if (!*is_set && h->at[i].to != NULL) easy = blank(easy);
  target_drop(h->at[i].to);
  h->n--;
  h->at[i] = h->at[h->n];
  return easy;
}

/*
** libcurl sends a request anew when a kept connection turns out to be dead,
** five times in the life of a handle: only a reset makes it count from 0
** again. So a handle that had to connect is reset, and others now and then,
** as what is sent anew may also find another kept connection.
*/
static int is_worn (easy_cache *h, CURL *easy) {
  long connects = 1;
  h->given++;
  if (h->given % EASY_CACHE_RESET == 0) return 1;
  return curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects) != CURLE_OK
         || connects > 0;
}

void easy_cache_give (easy_cache *h, CURL *easy, target *to) {
  if (h->n == EASY_CACHE_MAX) {
    easy_setup_clear(easy);  /* its end may write into a buffer of the request */
    curl_easy_cleanup(easy);
    return;
  }
  if (to != NULL && is_worn(h, easy)) to = NULL;
  easy_setup_clear(easy);
  if (to != NULL) target_keep(to);
  else if ((easy = blank(easy)) == NULL) return;
  h->at[h->n].easy = easy;
  h->at[h->n].to = to;
  h->n++;
}

void easy_cache_free (easy_cache *h) {
  while (h->n > 0) {
    h->n--;
    curl_easy_cleanup(h->at[h->n].easy);
    target_drop(h->at[h->n].to);
  }
}
