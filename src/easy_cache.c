/*
** easy_cache.c - libcurl's easy handles, kept for the next request
** SPDX-License-Identifier: MIT
** Resetting a handle and setting about thirty options again costs more than
** everything else that happens before a request is sent, so a handle keeps the
** options of its target. It also keeps the target alive: otherwise a new target
** could get the same address and be mistaken for it.
*/

#include "easy_cache.h"
#include "easy_setup.h"

/*
** Returns 1 if a handle must not be used again. From 7.83 to 8.1, libcurl frees
** the headers of a response before the next transfer of the handle, but keeps a
** pointer to the last one. If the next response begins with a folded line,
** libcurl writes to the freed memory (curl pull request 11103). A reset does
** not remove the pointer.
*/
static int is_used_up (void) {
  static unsigned int version;
  if (version == 0) version = curl_version_info(CURLVERSION_NOW)->version_num;
  return version >= 0x075300 && version <= 0x080100;
}

/*
** Returns the handle without options, or a new one in its place; NULL if there
** is no memory. After a transfer over a connection that others still use,
** libcurl 7.88 keeps the receive buffer, but a reset restores the default size,
** and the next transfer would write beyond the buffer. In that state libcurl
** refuses a change of the size, which this function uses as a test.
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
** libcurl resends a request when a kept connection turns out to be dead, but
** only five times in the life of a handle; a reset sets that count to 0. So a
** handle that had to open a connection is reset. Others are reset now and
** then, because the resent request may have used another kept connection.
*/
static int is_worn (easy_cache *h, CURL *easy) {
  long connects = 1;
  h->given++;
  if (h->given % EASY_CACHE_RESET == 0) return 1;
  return curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects) != CURLE_OK
         || connects > 0;
}

void easy_cache_give (easy_cache *h, CURL *easy, target *to) {
  if (h->n == EASY_CACHE_MAX || is_used_up()) {
    easy_setup_clear(easy);  /* cleaning up may write to the error buffer */
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
