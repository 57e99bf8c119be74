/*
** sse.h - incremental parser for event streams
** SPDX-License-Identifier: MIT
** Server-Sent Events, WHATWG HTML section 9.2.6. The caller feeds bytes in
** pieces of any size and takes whole events out, in order.
*/

#ifndef PREDIBASE_SSE_H
#define PREDIBASE_SSE_H

#include <stddef.h>

#include "buf.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

enum { SSE_OK = 0, SSE_NOMEM = -1, SSE_TOOBIG = -2 };

/*
** An event. The strings may contain zero bytes and do not end with one. An
** empty type means "message". 'id' is the last event ID, which stays the same
** until the stream sets another one.
*/
typedef struct sse_event {
  const char *data, *type, *id;
  size_t data_len, type_len, id_len;
} sse_event;

/* The parser. All fields are private to sse.c. */
typedef struct sse {
  buf queue;  /* events as records; the last may be unfinished */
  buf type;  /* event type of the unfinished event */
  buf line;  /* value of an unfinished 'event' or 'id' line */
  struct sse_id *id;  /* last event ID, shared with queued events */
  size_t head;  /* offset of the first record */
  size_t tail;  /* end of the last whole record */
  size_t count;  /* whole records */
  size_t ids;  /* bytes of all event IDs in use */
  size_t max_event;
  int status;  /* SSE_OK, or the error that ended the parser */
  unsigned char state;
  unsigned char field;  /* of the line being read, once its name is known */
  unsigned char matched;  /* bytes in 'name', or of the byte order mark */
  unsigned char has_data;  /* the unfinished event has a 'data' line */
  unsigned char after_cr;  /* an LF would complete a CRLF */
  char name[5];  /* the field name so far; no known one is longer */
} sse;

/*
** Initialises a parser without allocating. 'max_event' limits the bytes of one
** event: its data with line ends, its type, the event ID and an unfinished
** line.
*/
void sse_init (sse *p, size_t max_event);

/*
** Reads the next n bytes of the stream. Returns SSE_OK; SSE_TOOBIG if an event
** exceeds the limit; SSE_NOMEM. After an error each further call returns it.
** Events that were complete before stay readable.
*/
int sse_feed (sse *p, const char *s, size_t n);

/*
** Writes the first queued event to *ev. Returns 1, or 0 if there is none. The
** strings belong to the parser and are valid until the next sse_pop, sse_feed
** or sse_free.
*/
int sse_peek (const sse *p, sse_event *ev);

/*
** Writes to *ev the event after the one in *ev, which is a result of sse_peek
** or of this function that is still valid. Returns 1, or 0 if there is none.
*/
int sse_peek_on (const sse *p, sse_event *ev);

/* Drops the first queued event, if any. */
void sse_pop (sse *p);

/* Returns the bytes that queued events occupy. */
size_t sse_queued (const sse *p);

/* Returns the number of queued events. */
size_t sse_count (const sse *p);

/*
** For the end of the input: writes to *ev the event that no blank line has
** ended, with an unfinished 'data' line, but without other unfinished lines.
** Returns 1; 0 if there is none, or after an error. The standard discards such
** an event; here the caller decides. Changes nothing; the strings are valid
** like those of sse_peek.
*/
int sse_finish (const sse *p, sse_event *ev);

/* Frees all memory. The parser is empty and valid afterwards. */
void sse_free (sse *p);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
