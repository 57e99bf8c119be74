/*
** token.h
** Reads the one event that a stream of LoRAX consists of: a plain token.
** SPDX-License-Identifier: MIT
*/

#ifndef TOKEN_H
#define TOKEN_H

#include <stddef.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Longest text of a plain token, in bytes. The longest pieces of today's
** vocabularies are runs of 128 spaces.
*/
#define TOKEN_MAX_TEXT	256

/* A value of 'special' and 'skipped', besides 0 and 1. */
#define TOKEN_ABSENT	(-1)

typedef struct token {
  double logprob;  /* if has_logprob */
  int id;
  int has_logprob;
  int special, skipped;
  size_t len;
  char text[TOKEN_MAX_TEXT];  /* without a zero at the end; may hold some */
} token;

/*
** Reads the data of an event: returns 1 if it is a JSON object with a token
** of the documented fields and nothing else that says anything, 0 for all
** else, be it the closing event, an error, a token with alternatives, a
** number or a string that needs more than a glance, or no JSON at all. All
** that is for a real JSON parser, which for a plain token gives the same as
** this.
*/
int token_read (token *t, const char *s, size_t n);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
