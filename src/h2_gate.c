/*
** h2_gate.c - decides which request may open an HTTP/2 connection
** SPDX-License-Identifier: MIT
** libcurl opens a connection for each request that finds no connection to
** share. It does not know before the TLS handshake whether a connection can be
** shared, so a hundred streams started at once would open a hundred
** connections. CURLOPT_PIPEWAIT makes them wait for the first connection, but
** then libcurl ignores their timeouts, and 7.88 opens one connection each for
** all requests that exceed the stream limit of the first connection. So this
** module lets one request at a time start, and the others wait until it has a
** connection. If the connection cannot be shared, all start at once. Each
** server that a pool connects to has a gate of its own.
**
** The server's first frame (SETTINGS) says how many streams a connection may
** have, and libcurl does not report its arrival. Streams above that limit are
** refused, and libcurl opens a connection for each of them. So the other
** requests wait until bytes have arrived after the handshake and no more follow
** at once (the first bytes may be TLS session tickets), or until a time limit.
*/

#include <string.h>

#include "buf.h"
#include "h2_gate.h"

/* Milliseconds without further bytes after which SETTINGS has arrived. */
#define QUIET 10

/*
** Milliseconds to wait for SETTINGS: the time that connecting took, which is
** more than a round trip, and PATIENCE; PATIENCE_MAX at most.
*/
#define PATIENCE 50
#define PATIENCE_MAX 1000

/* Returns the gate of x. Without memory for a new one, sites share a gate,
** which costs time but does no harm. */
static h2_gate *gate_of (h2_gate *g, const exchange *x) {
  int site = x->to->o.site;
  h2_gate *first = g, *made;
  do {
    if (g->site == site) return g;
  } while ((g = g->next) != NULL);
  made = mem_realloc(NULL, sizeof *made);
  if (made == NULL) return first;
  memset(made, 0, sizeof *made);
  made->site = site;
  made->next = first->next;
  first->next = made;
  return made;
}

int h2_gate_hold (h2_gate *g, exchange *x) {
  g = gate_of(g, x);
  if (!x->shareable || g->state == H2_GATE_OPEN) return 0;
  if (g->opener != NULL || g->waiting.first != NULL) {
    list_append(&g->waiting, &x->gate_item);
    return 1;
  }
  g->opener = x;
  return 0;
}

/* Begins to wait for SETTINGS if x had to open a connection. */
static void await_settings (h2_gate *g, exchange *x, int64_t now) {
  long opened = 0, port = 0;
  double t = 0;
  int64_t wait;
  if (curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &opened) != CURLE_OK ||
      opened == 0 || x->head.status != 0 ||
      curl_easy_getinfo(x->easy, CURLINFO_LOCAL_PORT, &port) != CURLE_OK)
    return;
  (void)curl_easy_getinfo(x->easy, CURLINFO_APPCONNECT_TIME, &t);
  wait = t > 1 ? PATIENCE_MAX : PATIENCE + (int64_t)(t * 1000.0);
  g->settling = 1;
  g->settler = x;
  g->fd = sockets_find(x->sockets, port);
  g->settled_at = now + (wait < PATIENCE_MAX ? wait : PATIENCE_MAX);
}

/* Returns 1 while SETTINGS of the last connection is awaited. A response ends
** the wait, because it follows SETTINGS. */
static int is_settling (h2_gate *g, int64_t now) {
  if (g->settling && (now >= g->settled_at || g->state == H2_GATE_OPEN ||
                      (g->settler != NULL && g->settler->head.status != 0)))
    g->settling = 0;
  return g->settling && g->state == H2_GATE_SHARED;
}

int64_t h2_gate_at (const h2_gate *g) {
  int64_t at = INT64_MAX;
  for (; g != NULL; g = g->next)
    if (g->settling && g->waiting.first != NULL && g->opener == NULL &&
        g->settled_at < at)
      at = g->settled_at;
  return at;
}

int h2_gate_is_due (const h2_gate *g) {
  for (; g != NULL; g = g->next)
    if (g->waiting.first != NULL && g->opener == NULL) return 1;
  return 0;
}

void h2_gate_heard (h2_gate *g, int fd, int64_t now) {
  for (; g != NULL; g = g->next)
    if (g->settling && fd == g->fd) g->settled_at = now + QUIET;
}

/* Returns 1 if no connection is being opened any more. Updates the state from
** the outcome of the last one. */
static int is_free (h2_gate *g, int64_t now) {
  if (g->opener == NULL) return 1;
  if (exchange_connected(g->opener)) {
    await_settings(g, g->opener, now);
    /* a second request got a connection while the first one still used the
       only one: it is shared */
    if (g->connected && g->state == H2_GATE_UNKNOWN) g->state = H2_GATE_SHARED;
    g->connected = 1;
  }
  else if (g->connected && g->state == H2_GATE_UNKNOWN)
    g->state = H2_GATE_OPEN;  /* libcurl did not share although it could */
  else if (g->state != H2_GATE_OPEN)
    return 0;
  g->opener = NULL;
  return 1;
}

static exchange *next_of (h2_gate *g, int64_t now) {
  exchange *x;
  (void)is_settling(g, now);  /* ends the wait for an earlier connection */
  if (!is_free(g, now) || is_settling(g, now) || g->waiting.first == NULL)
    return NULL;
  x = LIST_OBJECT(g->waiting.first, exchange, gate_item);
  list_remove(&x->gate_item);
  if (g->state != H2_GATE_OPEN) g->opener = x;
  return x;
}

exchange *h2_gate_next (h2_gate *g, int64_t now) {
  exchange *x = NULL;
  for (; g != NULL && x == NULL; g = g->next) x = next_of(g, now);
  return x;
}

void h2_gate_leave (h2_gate *g, exchange *x) {
  h2_gate *own = gate_of(g, x);
  for (; g != NULL; g = g->next) {
    if (g->opener == x) g->opener = NULL;
    if (g->settler != x) continue;
    if (x->head.status != 0) g->settling = 0;
    g->settler = NULL;
  }
  list_remove(&x->gate_item);
  if (!x->shareable) return;
  if (x->head.version != 0)
    own->state = x->head.version >= 2 ? H2_GATE_SHARED : H2_GATE_OPEN;
  else if (own->state == H2_GATE_UNKNOWN)
    own->connected = 0;  /* its connection may have ended with it */
}

void h2_gate_free (h2_gate *g) {
  while (g->next != NULL) {
    h2_gate *next = g->next;
    g->next = next->next;
    mem_realloc(next, 0);
  }
}
