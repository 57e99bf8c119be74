/*
** handles.c - libcurl's easy handles that wait for their next request
** SPDX-License-Identifier: MIT
** To reset a handle and to tell it some thirty options again costs more than
** all else that a request needs before it is sent, so a handle stays set up
** for its target. It keeps the target alive: an address is never taken for
** that of another one.
*/

#include "handles.h"
#include "setup.h"

CURL *handles_take (handles *h, const target *to, int *is_set) {
  CURL *easy;
  int i = h->n - 1;
  *is_set = 0;
  if (i < 0) return curl_easy_init();
  while (i > 0 && h->at[i].to != to) i--;
  easy = h->at[i].easy;
  *is_set = (h->at[i].to == to);
  if (!*is_set && h->at[i].to != NULL) curl_easy_reset(easy);
  target_drop(h->at[i].to);
  h->n--;
  h->at[i] = h->at[h->n];
  return easy;
}

void handles_give (handles *h, CURL *easy, target *to) {
  if (h->n == HANDLES_MAX) {
    setup_forget(easy);  /* its end may write into a buffer of the request */
    curl_easy_cleanup(easy);
    return;
  }
  if (to != NULL) {
    setup_forget(easy);
    target_keep(to);
  }
  else
    curl_easy_reset(easy);
  h->at[h->n].easy = easy;
  h->at[h->n].to = to;
  h->n++;
}

void handles_free (handles *h) {
  while (h->n > 0) {
    h->n--;
    curl_easy_cleanup(h->at[h->n].easy);
    target_drop(h->at[h->n].to);
  }
}
