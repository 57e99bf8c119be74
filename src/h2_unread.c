/*
** h2_unread.c - what libcurl has read of a shared connection and left lying
** SPDX-License-Identifier: MIT
** Up to 8.0, libcurl reads frames of HTTP/2 into the buffer of the transfer
** that they are for, as far as they fit, and stops reading until that
** transfer has taken the rest. Then it waits for the socket, although more
** frames, of other transfers, too, may lie behind that rest and no byte may
** ever come again. Before the rest such a transfer takes a whole buffer: so
** whoever did is run until it takes nothing more, and the last time, with
** nothing of its own in the way, it reads all that there is.
*/

#include "h2_unread.h"

#define MENDED_SINCE 0x080100

/* The buffer of a transfer, see easy_setup.c. */
#define FULL CURL_MAX_WRITE_SIZE

int h2_unread_happens (unsigned version) {
  return version < MENDED_SINCE;
}

void h2_unread_note (exchange *x, size_t n) {
  exchange_list *l = x->leftovers;
  x->taken_in += n;
  if (l == NULL || x->is_leftover || x->head.version < 2) return;
  if (x->taken_in < FULL && !x->paused) return;
  x->is_leftover = 1;
  x->next_leftover = NULL;
  x->prev_leftover = l->last;
  if (l->last != NULL) l->last->next_leftover = x;
  else l->first = x;
  l->last = x;
}

void h2_unread_leave (exchange *x) {
  exchange_list *l = x->leftovers;
  if (!x->is_leftover) return;
  x->is_leftover = 0;
  if (x->prev_leftover != NULL)
    x->prev_leftover->next_leftover = x->next_leftover;
  else l->first = x->next_leftover;
  if (x->next_leftover != NULL)
    x->next_leftover->prev_leftover = x->prev_leftover;
  else l->last = x->prev_leftover;
}

/* Bytes since the last look. What libcurl keeps for a transfer that waits is
** seen nowhere but here. */
static size_t took (exchange *x) {
  curl_off_t size = 0;
  size_t before = x->taken_in;
  x->taken_in = 0;
  if (!x->paused) return before;
  if (curl_easy_getinfo(x->easy, CURLINFO_SIZE_DOWNLOAD_T, &size) != CURLE_OK)
    return 0;
  x->taken_in = (size_t)size;
  return x->taken_in > before ? x->taken_in - before : 0;
}

/* libcurl runs a transfer soon when anything about its pauses changes. */
static void run_again (exchange *x) {
  int as_it_is = x->paused ? CURLPAUSE_RECV : CURLPAUSE_CONT;
  (void)curl_easy_pause(x->easy, as_it_is | CURLPAUSE_SEND);
  (void)curl_easy_pause(x->easy, as_it_is);
}

int h2_unread_rerun (exchange_list *l) {
  exchange *x = l->first;
  int any = 0;
  while (x != NULL) {
    exchange *next = x->next_leftover;
    size_t n = took(x);
    x->stirred = n >= FULL || (x->stirred && n > 0);
    if (x->stirred) {
      run_again(x);
      any = 1;
    }
    else if (!x->paused)
      h2_unread_leave(x);
    x = next;
  }
  return any;
}
