/*
** answer.h - the text of a stream, as its tokens are read
** SPDX-License-Identifier: MIT
** The parser of a stream (sse.h) queues events. This module reads the plain
** tokens at the head of the queue, counts them and keeps their text. The caller
** removes the events from the queue.
*/

#ifndef PREDIBASE_ANSWER_H
#define PREDIBASE_ANSWER_H

#include <stddef.h>

#include "buf.h"
#include "sse.h"
#include "text_filter.h"
#include "token.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

typedef struct answer {
  buf text;       /* empty unless 'kept' */
  size_t tokens;  /* with special ones */
  size_t size;    /* bytes of their text, also if it is not kept */
  size_t limit;   /* of 'size' */
  int kept;       /* the text is kept */
  text_filter *filter;  /* NULL: all text may be shown */
} answer;

/* Initialises an answer without allocating. Its text may have 'limit' bytes. */
void answer_init (answer *a, size_t limit, int kept);

/*
** Reads the first queued event. Returns 1 if it is a plain token, see
** token_read, its text does not exceed the limit, and it passes the filter.
*/
int answer_peek (const answer *a, const sse *p, token *t);

/*
** Adds such a token. If 'collects', the filter collects the text to show.
** Returns 0; or -1 if there is no memory, and the answer is unchanged.
*/
int answer_take (answer *a, const token *t, int collects);

/*
** Reads plain tokens from the head of the queue, as long as their text does not
** exceed the limit and the next token's text fits into 'text' for certain.
** Returns their number, and writes their texts to 'text', which has 'size'
** bytes, and the length to *len. Does not ask the filter.
*/
size_t answer_gather (const answer *a, const sse *p, char *text, size_t size,
                      size_t *len);

/*
** Adds the text of so many tokens, whatever the limit is. For an answer with a
** filter, this is the text that may be shown. Returns 0; or -1 if
** there is no memory, and the answer is unchanged.
*/
int answer_add (answer *a, const char *s, size_t n, size_t tokens);

/*
** Tells whether a text ends with a whole character, or with bytes that no other
** bytes can make one (RFC 3629).
*/
int answer_is_whole (const char *s, size_t n);

/* Frees the text and the filter. */
void answer_free (answer *a);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
