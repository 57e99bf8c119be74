/*
** head.h - the head of an HTTP response: status and header fields
** SPDX-License-Identifier: MIT
** Depends on neither libcurl nor Lua: the caller passes one header line at a
** time.
*/

#ifndef PREDIBASE_HEAD_H
#define PREDIBASE_HEAD_H

#include "buf.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Limits of what is kept of a head, because a stream keeps it as long as it is
** open. A LoRAX response behind a gateway has about 40 fields in 2 KiB.
*/
#define HEAD_MAX_FIELDS 128
#define HEAD_MAX_BYTES (32 * 1024)

enum { HEAD_OK = 0, HEAD_NOMEM = -1, HEAD_TOOBIG = -2 };

typedef struct head {
  int status;    /* 0 before the status line */
  int version;   /* 1 for HTTP/1.x, 2 for HTTP/2; 0 before the status line */
  int fields;    /* number of fields in 'text' */
  int complete;  /* 1 after the blank line of a final (not 1xx) head */
  size_t trailers;  /* bytes of trailers; their text is dropped */
  buf text;      /* name NUL value NUL ..., names in lower case */
} head;

/* Returns the lower-case form of an ASCII letter, and any other byte as it is:
** names and values of fields are compared without regard to case. */
static inline char head_lower_case (char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void head_init (head *h);
void head_free (head *h);

/*
** Reads one line with its line end. A status line starts a new head and drops
** an interim (1xx) one. Lines after a complete head are trailers, which are
** ignored but limited like the head. Returns HEAD_*.
*/
int head_line (head *h, const char *s, size_t n);

/* Returns the value of the first field with this lower-case name, or NULL. */
const char *head_get (const head *h, const char *name);

/*
** Returns 1 if a Content-Encoding field names a coding. "identity", "none" and
** character sets are not codings, although servers and proxies put them there.
*/
int head_is_coded (const head *h);

/*
** Returns 1 if a Transfer-Encoding field has another value than "chunked" or
** "identity". A server may use another coding only if the request has a TE
** field (RFC 9110 section 10.1.4); libcurl decodes gzip and deflate anyway.
*/
int head_is_transfer_coded (const head *h);

/*
** Returns what is wrong with the Content-Length of a response without a
** Transfer-Encoding, or NULL: it is not a number, too large for any body, or
** there are two. libcurl reads some of these until the connection ends.
*/
const char *head_length_problem (const head *h);

/*
** Returns 1 if clients and proxies could disagree about where the body ends.
** One of them would read the rest as the next response (RFC 9112 section 6.3).
*/
int head_is_ambiguous (const head *h);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
