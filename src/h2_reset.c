/*
** h2_reset.c - makes libcurl send the reset of an HTTP/2 stream at once
** SPDX-License-Identifier: MIT
*/

#include "h2_reset.h"

#define LATE_SINCE 0x075800
#define LATE_UNTIL 0x080f00

int h2_reset_is_late (unsigned version) {
  return version >= LATE_SINCE && version < LATE_UNTIL;
}

/* The local port identifies a connection to one server. libcurl reports the
** socket itself only after the transfer. */
long h2_reset_port (const exchange *x) {
  long port = 0;
  if (x->state != EXCHANGE_OPEN || x->easy == NULL ||
      exchange_is_waiting(x) || !x->shareable || x->head.version == 1 ||
      curl_easy_getinfo(x->easy, CURLINFO_LOCAL_PORT, &port) != CURLE_OK)
    return 0;
  return port;
}

/* Pausing another stream and continuing it changes nothing, but makes libcurl
** send what it has buffered. A paused stream cannot be used: it would
** continue. */
int h2_reset_flush (const list *all, const exchange *ended, long port) {
  const list_item *item;
  for (item = all->first; item != NULL; item = item->next) {
    exchange *x = LIST_OBJECT(item, exchange, pool_item);
    if (x == ended || x->paused || h2_reset_port(x) != port) continue;
    (void)curl_easy_pause(x->easy, CURLPAUSE_SEND);
    (void)curl_easy_pause(x->easy, CURLPAUSE_CONT);
    return 1;
  }
  return 0;
}
