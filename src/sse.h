/*
** sse.h
** Incremental Server-Sent-Events parser (WHATWG HTML, section 9.2.6).
** Bytes go in, in any slices; whole events come out, in order.
** SPDX-License-Identifier: MIT
*/

#ifndef SSE_H
#define SSE_H

#include <stddef.h>

#include "buf.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

enum { SSE_OK = 0, SSE_NOMEM = -1, SSE_TOOBIG = -2 };

/*
** What a consumer sees of an event. The strings are not terminated by a
** zero and may contain zeros. An empty type means "message"; id is the
** last event ID, which stays from event to event until the stream sets
** another one.
*/
typedef struct sse_event {
  const char *data, *type, *id;
  size_t data_len, type_len, id_len;
} sse_event;

/* The parser. Embed it by value; all fields are private to sse.c. */
typedef struct sse {
  buf queue;  /* records of events; the last one may be unfinished */
  buf type;  /* event type of the unfinished event */
  buf line;  /* value of an unfinished 'event' or 'id' line */
  struct sse_id *id;  /* last event ID, shared with queued events */
  size_t head;  /* offset of the first record not popped */
  size_t tail;  /* end of the last whole record */
  size_t count;  /* whole records */
  size_t ids;  /* bytes in all event IDs alive */
  size_t max_event;
  int status;  /* SSE_OK, or the error that ended the parser */
  unsigned char state;
  unsigned char field;  /* of the line being read, once its name is known */
  unsigned char matched;  /* bytes in 'name', or of the byte order mark */
  unsigned char has_data;  /* the unfinished event has a 'data' line */
  unsigned char after_cr;  /* an LF would belong to the line end before */
  char name[5];  /* a field name so far; no known one is longer */
} sse;

/*
** Makes an empty parser; acquires nothing. 'max_event' limits the bytes of
** one event: its data with line ends, its type, the event ID and the line
** still being read.
*/
void sse_init (sse *p, size_t max_event);

/*
** Takes the next n bytes of the stream. Returns SSE_OK; SSE_TOOBIG when an
** event passes the limit; SSE_NOMEM. Errors are sticky: the stream cannot
** be continued. Events that were whole before the error stay readable.
*/
int sse_feed (sse *p, const char *s, size_t n);

/*
** Shows the first event that was not popped. Returns 1, or 0 when there is
** none. The strings belong to the parser and last until the next sse_pop,
** sse_feed or sse_free.
*/
int sse_peek (const sse *p, sse_event *ev);

/*
** Shows the event behind the one in 'ev', which is of sse_peek or of this
** function, with nothing done to the parser in between. Returns 1 or 0.
*/
int sse_peek_on (const sse *p, sse_event *ev);

/* Drops the event that sse_peek shows, if any. */
void sse_pop (sse *p);

/* Bytes held for whole events not yet popped, bookkeeping included. */
size_t sse_queued (const sse *p);

/* Number of whole events not yet popped. */
size_t sse_count (const sse *p);

/*
** To be asked when the input has ended: returns 1 and the event that no
** blank line closed, with an unfinished 'data' line but without any other
** unfinished line; 0 when there is none, or after an error. (The standard
** discards such an event; what to do with it is the caller's choice.)
** Changes nothing; the strings last as those of sse_peek do.
*/
int sse_finish (const sse *p, sse_event *ev);

/* Gives all memory back. The parser is as new afterwards. */
void sse_free (sse *p);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
