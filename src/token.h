/*
** token.h - reads a LoRAX token event without a JSON parser
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_TOKEN_H
#define PREDIBASE_TOKEN_H

#include <stddef.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Longest text of a plain token, in bytes. The longest tokens of current
** vocabularies are 128 spaces.
*/
#define TOKEN_MAX_TEXT 256

/* The value of 'special' and 'skipped' if the server did not send them. */
#define TOKEN_ABSENT (-1)

typedef struct token {
  double logprob;  /* valid if has_logprob */
  int id;
  int has_logprob;
  int special, skipped;
  size_t len;
  char text[TOKEN_MAX_TEXT];  /* no zero byte at the end; may contain some */
} token;

/*
** Reads the data of an event. Returns 1 if it is a plain token: a JSON object
** with a token of the documented fields, in which all other fields are null.
** Returns 0 for everything else, which needs a JSON parser: the closing event,
** an error, a token with alternatives, numbers and strings in unusual
** notation, invalid JSON. For a plain token, a JSON parser returns the same
** values.
*/
int token_read (token *t, const char *s, size_t n);

/* Returns the bytes that a token adds to the text: a special one adds none. */
static inline size_t token_added (const token *t) {
  return t->special == 1 ? 0 : t->len;
}

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
