/*
** splitter.h - separates reasoning from an answer that arrives in pieces
** SPDX-License-Identifier: MIT
** The first opening mark begins the reasoning, and the first closing mark after
** it ends it; later marks are text. The white space around the reasoning, and
** in front of it when nothing else is there, belongs to neither part.
** predibase.reasoning describes the rules.
*/

#ifndef PREDIBASE_SPLITTER_H
#define PREDIBASE_SPLITTER_H

#include <stddef.h>

#include "buf.h"
#include "stop_match.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Most white space that is held back. */
#define SPLITTER_MAX_SPACE 256

typedef enum splitter_state {
  SPLITTER_BEFORE,  /* the opening mark has not come */
  SPLITTER_INSIDE,
  SPLITTER_GAP,     /* only white space has come after the closing mark */
  SPLITTER_ANSWER
} splitter_state;

typedef struct splitter {
  size_t refs;
  splitter_state state;
  int begun;         /* the reasoning has text */
  int begun_before;  /* there is text in front of the opening mark */
  int has_lead;      /* the reasoning may begin with the opening mark again */
  stop_match *open, *close;  /* look for the marks */
  buf mark;   /* the opening mark */
  buf space;  /* white space that is held back */
  buf lead;   /* what may be the beginning of that opening mark */
  buf piece, work;  /* used within a call */
  int keeps;  /* the two parts are kept */
  buf answer, reasoning;  /* the parts so far */
} splitter;

/*
** Makes a splitter with one reference; NULL if there is no memory. The text
** may begin inside of the reasoning. Marks are not empty.
*/
splitter *splitter_new (const char *open, size_t open_len, const char *close,
                        size_t close_len, int begins_inside);

/* Adds a reference. */
splitter *splitter_hold (splitter *p);

/* Removes a reference. The last one frees the splitter; NULL is ignored. */
void splitter_release (splitter *p);

/* Returns how many bytes are held back. */
size_t splitter_held (const splitter *p);

/*
** Reads a piece of text, and appends to 'answer' and 'thoughts' what may be
** shown now. Returns 0, or -1 if there is no memory (nothing has changed).
*/
int splitter_feed (splitter *p, const char *s, size_t n, buf *answer,
                   buf *thoughts);

/* Appends what is still held back. Returns 0, or -1 if there is no memory. */
int splitter_rest (const splitter *p, buf *answer, buf *thoughts);

/* Allocates memory for n more bytes of the parts that are kept. Returns 0, or
** -1 if there is none. */
int splitter_reserve_parts (splitter *p, size_t n);

/* Adds to the parts that are kept. Returns 0, or -1 if there is no memory. */
int splitter_keep (splitter *p, const char *answer, size_t answer_n,
                   const char *thoughts, size_t thoughts_n);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
