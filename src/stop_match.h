/*
** stop_match.h - finds stop sequences in text that arrives in pieces
** SPDX-License-Identifier: MIT
** What may be the beginning of a sequence is held back. A sequence to stop at
** ends the text where one is complete; if several are, the longest counts. A
** sequence to trim is only removed from the end of the whole text, where one
** line end may follow it.
*/

#ifndef PREDIBASE_STOP_MATCH_H
#define PREDIBASE_STOP_MATCH_H

#include <stddef.h>

#include "buf.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* A sequence to look for; it is not empty. */
typedef struct stop_sequence {
  const char *s;
  size_t len;
  int is_trim;
} stop_sequence;

/* An automaton of Knuth, Morris and Pratt for one sequence. */
typedef struct automaton {
  size_t state;  /* how many of its bytes match the end of the text so far */
  size_t saved;  /* the state before a trial */
  size_t size;
  size_t *back;  /* shorter state to go on with if the next byte differs */
  char *text;    /* of a sequence to trim: with a line end behind it */
  int is_trim;
} automaton;

typedef struct stop_match {
  size_t refs;
  unsigned char first[32];  /* bit set: bytes that begin a sequence */
  size_t kept;  /* length of the longest beginning at the end of the text */
  buf held;     /* these bytes; has memory for the longest sequence */
  const automaton *stopped;  /* the sequence that ended the text */
  size_t count;
  automaton list[1];  /* 'count' of them */
} stop_match;

/* Makes a matcher with one reference; NULL if there is no memory. */
stop_match *stop_match_new (const stop_sequence *list, size_t n);

/* Adds a reference. */
stop_match *stop_match_hold (stop_match *m);

/* Removes a reference. The last one frees the matcher; NULL is ignored. */
void stop_match_release (stop_match *m);

/*
** Reads a piece of text. Appends to 'out' what may be shown now. Returns 1 if a
** sequence has ended the text, 0 if not, -1 if there is no memory (nothing has
** changed). *used is then how many bytes of the piece were read: all of them,
** or those up to the end of that sequence.
*/
int stop_match_feed (stop_match *m, const char *s, size_t n, buf *out,
                     size_t *used);

/*
** Tells whether no sequence ends the text if these two pieces follow. Changes
** nothing.
*/
int stop_match_passes (stop_match *m, const char *s, size_t n, const char *more,
                       size_t more_n);

/*
** Returns the sequence to trim at the end of the text so far, or NULL; its
** state is how many bytes are to be removed from those that are held back.
*/
const automaton *stop_match_trimmed (const stop_match *m);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
