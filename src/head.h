/*
** head.h - the head of one HTTP response: status and header fields
** SPDX-License-Identifier: MIT
** Knows neither libcurl nor Lua: it is given one header line at a time.
*/

#ifndef PREDIBASE_HEAD_H
#define PREDIBASE_HEAD_H

#include "buf.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** A LoRAX answer behind a gateway has about 40 fields in 2 KiB. What is
** kept of a head is limited well above that, because a stream holds it
** for as long as it is open.
*/
#define HEAD_MAX_FIELDS 128
#define HEAD_MAX_BYTES (32 * 1024)

enum { HEAD_OK = 0, HEAD_NOMEM = -1, HEAD_TOOBIG = -2 };

typedef struct head {
  int status;    /* 0 until a status line was seen */
  int version;   /* 1 for HTTP/1.x, 2 for HTTP/2; 0 with the status */
  int fields;    /* how many fields are in 'text' */
  int complete;  /* the blank line of a final (not 1xx) head was seen */
  size_t trailers;  /* bytes of trailers, which are not kept */
  buf text;      /* name NUL value NUL ..., names in lower case */
} head;

void head_init (head *h);
void head_free (head *h);

/*
** Takes one line with its line end, as it came. A status line starts the
** head anew (an interim 1xx answer is forgotten); lines after a complete
** head are trailers: they are ignored, but limited like the head itself.
** Returns HEAD_*.
*/
int head_line (head *h, const char *s, size_t n);

/* Value of the first field with this lower-case name, or NULL. */
const char *head_get (const head *h, const char *name);

/*
** Does any Content-Encoding name a coding? "identity", "none" and character
** sets are none, though servers and proxies write them there.
*/
int head_is_coded (const head *h);

/*
** Could two readers take the end of the body for different places? Then one
** of them takes what follows for the next answer (RFC 9112 section 6.3).
*/
int head_is_ambiguous (const head *h);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
