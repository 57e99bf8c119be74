/*
** text_filter.h - which part of a stream's text may be shown, token by token
** SPDX-License-Identifier: MIT
** Tokens go through a splitter, which separates the reasoning, and then through
** a matcher, which looks for stop sequences in the answer. Tokens that end the
** text, or at which the reasoning begins or ends, do not pass: the caller of
** these functions handles them in another way.
*/

#ifndef PREDIBASE_TEXT_FILTER_H
#define PREDIBASE_TEXT_FILTER_H

#include <stddef.h>

#include "buf.h"
#include "splitter.h"
#include "stop_match.h"
#include "token.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

typedef struct text_filter {
  splitter *splitter;   /* NULL: the text has no reasoning */
  stop_match *matcher;  /* NULL: there are no stop sequences */
  int is_last;    /* the last token has passed here, and the next two are its */
  buf shown;      /* what it added to the text to show */
  buf thoughts;   /* what it added to the reasoning */
  buf collected;  /* text to show that nobody has read yet */
  buf part;       /* used within a call */
} text_filter;

/*
** Makes a filter, which gets references of its own; NULL if there is no
** memory. One of the two may be NULL.
*/
text_filter *text_filter_new (splitter *p, stop_match *m);

/* Frees the filter; NULL is ignored. */
void text_filter_free (text_filter *f);

/* Returns the most bytes that a token with n bytes can add to a text. */
size_t text_filter_room (const text_filter *f, size_t n);

/* Tells whether a token passes. Changes nothing. */
int text_filter_passes (text_filter *f, const token *t);

/*
** Reads a token that passes. If 'collects', adds what may be shown to
** 'collected' too. Returns 0, or -1 if there is no memory (nothing has
** changed).
*/
int text_filter_take (text_filter *f, const token *t, int collects);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
