/*
** h2_reset.c - a server hears at once that a stream was ended
** SPDX-License-Identifier: MIT
*/

#include "h2_reset.h"

#define LATE_SINCE 0x075800
#define LATE_UNTIL 0x080f00

int h2_reset_is_late (unsigned version) {
  return version >= LATE_SINCE && version < LATE_UNTIL;
}

/* Our port tells the connections to one server apart. (The socket itself
** libcurl tells after the transfer only.) */
long h2_reset_port (const exchange *x) {
  long port = 0;
  if (x->state != EXCHANGE_OPEN || x->easy == NULL || x->held == HELD ||
      !x->shareable || x->head.version == 1 ||
      curl_easy_getinfo(x->easy, CURLINFO_LOCAL_PORT, &port) != CURLE_OK)
    return 0;
  return port;
}

/* The other stream is told to pause and not to, and with what that changes
** (nothing) all goes out that was held back. A stream that is paused in fact
** is of no use: it would go on. */
int h2_reset_flush (exchange *all, const exchange *ended, long port) {
  exchange *x;
  for (x = all; x != NULL; x = x->next) {
    if (x == ended || x->paused || h2_reset_port(x) != port) continue;
    (void)curl_easy_pause(x->easy, CURLPAUSE_SEND);
    (void)curl_easy_pause(x->easy, CURLPAUSE_CONT);
    return 1;
  }
  return 0;
}
