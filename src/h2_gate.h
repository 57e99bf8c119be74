/*
** h2_gate.h - decides which request may open an HTTP/2 connection
** SPDX-License-Identifier: MIT
** Works around libcurl: see h2_gate.c.
*/

#ifndef PREDIBASE_H2_GATE_H
#define PREDIBASE_H2_GATE_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

typedef enum h2_gate_state {
  H2_GATE_UNKNOWN,  /* the server's HTTP version is not known yet */
  H2_GATE_SHARED,   /* HTTP/2: a connection carries many requests */
  H2_GATE_OPEN      /* HTTP/1: one request per connection, no waiting */
} h2_gate_state;

/*
** All zeros is the gate of a server that was not contacted yet. A pool has the
** gate of site 0, which is the first of a list with one gate for each site (see
** target.h). The functions take this first gate.
*/
typedef struct h2_gate {
  int site;
  struct h2_gate *next;   /* the gate of another site */
  h2_gate_state state;
  int connected;          /* a request has got a connection */
  exchange *settler;      /* the last exchange that opened a connection */
  int settling;           /* waiting for the server's SETTINGS frame there */
  int fd;                 /* the descriptor of that connection */
  int64_t settled_at;     /* end of that wait, on clock_ms */
  exchange *opener;       /* libcurl may be opening a connection for it */
  list waiting;           /* the exchanges that wait */
} h2_gate;

/*
** Must be called before x starts. Returns 1 if x has to wait (h2_gate_next
** returns it later), 0 if the caller may give it to libcurl at once.
*/
int h2_gate_hold (h2_gate *g, exchange *x);

/*
** Removes the next exchange that may start from the queue and returns it; NULL
** if none may start. libcurl must have run since the previous exchange was
** given to it: only then has that exchange joined a shared connection, if
** there is one.
*/
exchange *h2_gate_next (h2_gate *g, int64_t now);

/* Returns the time from which on h2_gate_next may return another exchange;
** INT64_MAX if that does not depend on time. */
int64_t h2_gate_at (const h2_gate *g);

/* Returns 1 if h2_gate_next may return an exchange now. */
int h2_gate_is_due (const h2_gate *g);

/* Records that bytes arrived on a descriptor. */
void h2_gate_heard (h2_gate *g, int fd, int64_t now);

/* Records that libcurl no longer has x, and the HTTP version of its
** response. */
void h2_gate_leave (h2_gate *g, exchange *x);

/* Frees all gates but the first. */
void h2_gate_free (h2_gate *g);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
