/*
** h2_unread.c - makes old libcurl process HTTP/2 frames that it has buffered
** SPDX-License-Identifier: MIT
** Up to 8.0, libcurl copies HTTP/2 frames into the buffer of the transfer that
** they belong to, as far as they fit, and stops reading until that transfer
** has taken the rest. Then libcurl waits for the socket, although more frames,
** also of other transfers, may follow that rest in its memory, and the server
** may never send another byte. Such a transfer always takes a full buffer
** before the rest. So each transfer that has taken a full buffer is run again
** until it takes nothing more; the last of these runs reads all that libcurl
** has.
*/

#include "h2_unread.h"

#define FIXED_IN 0x080100

/* The size of a transfer's buffer: see STREAM_BUFFER in easy_setup.c. */
#define FULL CURL_MAX_WRITE_SIZE

int h2_unread_happens (unsigned version) {
  return version < FIXED_IN;
}

void h2_unread_note (exchange *x, size_t n) {
  x->taken_in += n;
  if (x->unread == NULL || x->head.version < 2) return;
  if (x->taken_in >= FULL || x->paused) list_append(x->unread, &x->unread_item);
}

void h2_unread_leave (exchange *x) {
  list_remove(&x->unread_item);
}

/* Returns how many bytes libcurl has received for x since the last call. The
** bytes that it keeps for a paused transfer appear only in its statistics. */
static size_t received (exchange *x) {
  curl_off_t size = 0;
  size_t before = x->taken_in;
  x->taken_in = 0;
  if (!x->paused) return before;
  if (curl_easy_getinfo(x->easy, CURLINFO_SIZE_DOWNLOAD_T, &size) != CURLE_OK)
    return 0;
  x->taken_in = (size_t)size;
  return x->taken_in > before ? x->taken_in - before : 0;
}

/* libcurl runs a transfer soon after any change of its pauses. */
static void run_again (exchange *x) {
  int as_it_is = x->paused ? CURLPAUSE_RECV : CURLPAUSE_CONT;
  (void)curl_easy_pause(x->easy, as_it_is | CURLPAUSE_SEND);
  (void)curl_easy_pause(x->easy, as_it_is);
}

int h2_unread_rerun (list *l) {
  list_item *item = l->first;
  int any = 0;
  while (item != NULL) {
    exchange *x = LIST_OBJECT(item, exchange, unread_item);
    size_t n = received(x);
    item = item->next;
    x->rerun = n >= FULL || (x->rerun && n > 0);
    if (x->rerun) {
      run_again(x);
      any = 1;
    }
    else if (!x->paused)
      h2_unread_leave(x);
  }
  return any;
}
