/*
** gate.c - who may open an HTTP/2 connection, and who waits to share it
** SPDX-License-Identifier: MIT
** Left alone, libcurl opens a connection for each request that finds none to
** share, and while one is being opened nobody knows whether it can be
** shared: a hundred streams begun at once would be a hundred connections.
** CURLOPT_PIPEWAIT has them wait for the first, but libcurl forgets their
** clocks meanwhile, and 7.88 opens a connection each for all that the first
** has no room for. So one request at a time goes ahead here, and the others
** wait until it has a connection. Where that cannot be shared, they all go.
** A pool is one client's and a client has one server: one gate is enough.
*/

#include "gate.h"

static void enqueue (gate *g, exchange *x) {
  x->held = HELD;
  x->next_held = NULL;
  x->prev_held = g->last;
  if (g->last != NULL) g->last->next_held = x;
  else g->first = x;
  g->last = x;
}

static void dequeue (gate *g, exchange *x) {
  x->held = NOT_HELD;
  if (x->prev_held != NULL) x->prev_held->next_held = x->next_held;
  else g->first = x->next_held;
  if (x->next_held != NULL) x->next_held->prev_held = x->prev_held;
  else g->last = x->prev_held;
}

int gate_hold (gate *g, exchange *x) {
  if (!x->shareable || g->state == GATE_OPEN) return 0;
  if (g->opener != NULL || g->first != NULL) {
    enqueue(g, x);
    return 1;
  }
  g->opener = x;
  return 0;
}

/* Is the way free for the next one? */
static int settled (gate *g) {
  if (g->opener == NULL) return 1;
  if (exchange_connected(g->opener)) {
    /* before any answer every connection is in use: this one is shared */
    if (g->connected && g->state == GATE_UNKNOWN) g->state = GATE_SHARED;
    g->connected = 1;
  }
  else if (g->connected && g->state == GATE_UNKNOWN)
    g->state = GATE_OPEN;  /* it could have shared and did not */
  else if (g->state != GATE_OPEN)
    return 0;
  g->opener = NULL;
  return 1;
}

exchange *gate_next (gate *g) {
  exchange *x = settled(g) ? g->first : NULL;
  if (x == NULL) return NULL;
  dequeue(g, x);
  if (g->state != GATE_OPEN) g->opener = x;
  return x;
}

void gate_leave (gate *g, exchange *x) {
  if (g->opener == x) g->opener = NULL;
  if (x->held == HELD) dequeue(g, x);
  if (!x->shareable) return;
  if (x->head.version != 0)
    g->state = x->head.version >= 2 ? GATE_SHARED : GATE_OPEN;
  else if (g->state == GATE_UNKNOWN)
    g->connected = 0;  /* its connection may be gone with it */
}
