/*
** h2_gate.h - who may open an HTTP/2 connection, and who waits to share it
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_H2_GATE_H
#define PREDIBASE_H2_GATE_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

typedef enum h2_gate_state {
  H2_GATE_UNKNOWN,  /* nobody has seen yet what the server speaks */
  H2_GATE_SHARED,   /* HTTP/2: a connection carries many requests */
  H2_GATE_OPEN      /* one request on a connection: nobody waits */
} h2_gate_state;

/* All zeros is a gate that has seen nothing. */
typedef struct h2_gate {
  h2_gate_state state;
  int connected;          /* some request has got a connection */
  exchange *settler;      /* the last one that opened a connection */
  int settling;           /* the server's settings for it are awaited */
  int fd;                 /* its descriptor */
  int64_t settled_at;     /* until when */
  exchange *opener;       /* libcurl may be opening a connection for it */
  exchange *first, *last; /* those that wait */
} h2_gate;

/* Is x, which is to start, to wait? If not, the caller starts it. */
int h2_gate_hold (h2_gate *g, exchange *x);

/*
** The next one to start, or NULL. What the caller started before must have
** had its turn in libcurl, so that it has a connection if there was one.
*/
exchange *h2_gate_next (h2_gate *g, int64_t now);

/* When h2_gate_next may have another one; INT64_MAX: not by time alone. */
int64_t h2_gate_at (const h2_gate *g);

/* Bytes came in over a descriptor. */
void h2_gate_heard (h2_gate *g, int fd, int64_t now);

/* x is over, or was taken out of libcurl's hands. What its answer says of
** the server is taken note of. */
void h2_gate_leave (h2_gate *g, exchange *x);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
