/*
** h2_gate.c - who may open an HTTP/2 connection, and who waits to share it
** SPDX-License-Identifier: MIT
** Left alone, libcurl opens a connection for each request that finds none to
** share, and while one is being opened nobody knows whether it can be
** shared: a hundred streams begun at once would be a hundred connections.
** CURLOPT_PIPEWAIT has them wait for the first, but libcurl forgets their
** clocks meanwhile, and 7.88 opens a connection each for all that the first
** has no room for. So one request at a time goes ahead here, and the others
** wait until it has a connection. Where that cannot be shared, they all go.
** A pool is one client's and a client has one server: one gate is enough.
**
** How many streams a new connection takes is in the first frame that the
** server sends, and libcurl does not tell when that has come. More streams
** than it allows would be refused, and libcurl gives each of them a connection
** of its own. So they wait until bytes came in after the handshake and no more
** follow at once (the first may be tickets of TLS), or for as long as it may
** take.
*/

#include "h2_gate.h"

/* How long no more bytes come, once some came, in milliseconds. */
#define QUIET 10

/* How long it waits for them: once more as long as it took to connect, which
** was more than a round trip, and this, in milliseconds. And at most. */
#define PATIENCE 50
#define PATIENCE_MAX 1000

static void enqueue (h2_gate *g, exchange *x) {
  x->held = HELD;
  x->next_held = NULL;
  x->prev_held = g->last;
  if (g->last != NULL) g->last->next_held = x;
  else g->first = x;
  g->last = x;
}

static void dequeue (h2_gate *g, exchange *x) {
  x->held = NOT_HELD;
  if (x->prev_held != NULL) x->prev_held->next_held = x->next_held;
  else g->first = x->next_held;
  if (x->next_held != NULL) x->next_held->prev_held = x->prev_held;
  else g->last = x->prev_held;
}

int h2_gate_hold (h2_gate *g, exchange *x) {
  if (!x->shareable || g->state == H2_GATE_OPEN) return 0;
  if (g->opener != NULL || g->first != NULL) {
    enqueue(g, x);
    return 1;
  }
  g->opener = x;
  return 0;
}

/* Begins to wait for the settings when x had to open a connection. */
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

/* Are the settings of the last connection awaited? An answer comes after
** them. */
static int is_settling (h2_gate *g, int64_t now) {
  if (g->settling && (now >= g->settled_at || g->state == H2_GATE_OPEN ||
                      (g->settler != NULL && g->settler->head.status != 0)))
    g->settling = 0;
  return g->settling && g->state == H2_GATE_SHARED;
}

int64_t h2_gate_at (const h2_gate *g) {
  return g->settling && g->first != NULL && g->opener == NULL ? g->settled_at
                                                              : INT64_MAX;
}

void h2_gate_heard (h2_gate *g, int fd, int64_t now) {
  if (g->settling && fd == g->fd) g->settled_at = now + QUIET;
}

/* Is the way free for the next one? */
static int settled (h2_gate *g, int64_t now) {
  if (g->opener == NULL) return 1;
  if (exchange_connected(g->opener)) {
    await_settings(g, g->opener, now);
    /* before any answer every connection is in use: this one is shared */
    if (g->connected && g->state == H2_GATE_UNKNOWN) g->state = H2_GATE_SHARED;
    g->connected = 1;
  }
  else if (g->connected && g->state == H2_GATE_UNKNOWN)
    g->state = H2_GATE_OPEN;  /* it could have shared and did not */
  else if (g->state != H2_GATE_OPEN)
    return 0;
  g->opener = NULL;
  return 1;
}

exchange *h2_gate_next (h2_gate *g, int64_t now) {
  exchange *x = NULL;
  (void)is_settling(g, now);  /* that of the connection before this one ends */
  if (settled(g, now) && !is_settling(g, now)) x = g->first;
  if (x == NULL) return NULL;
  dequeue(g, x);
  if (g->state != H2_GATE_OPEN) g->opener = x;
  return x;
}

void h2_gate_leave (h2_gate *g, exchange *x) {
  if (g->opener == x) g->opener = NULL;
  if (g->settler == x) {
    if (x->head.status != 0) g->settling = 0;
    g->settler = NULL;
  }
  if (x->held == HELD) dequeue(g, x);
  if (!x->shareable) return;
  if (x->head.version != 0)
    g->state = x->head.version >= 2 ? H2_GATE_SHARED : H2_GATE_OPEN;
  else if (g->state == H2_GATE_UNKNOWN)
    g->connected = 0;  /* its connection may be gone with it */
}
