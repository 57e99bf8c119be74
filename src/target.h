/*
** target.h - what the requests of a client to one endpoint have in common
** SPDX-License-Identifier: MIT
** A target is made once and shared by many exchanges, so that the same options
** are not read, copied and passed to libcurl for each of them. This file
** depends on neither Lua nor pools.
*/

#ifndef PREDIBASE_TARGET_H
#define PREDIBASE_TARGET_H

#include <stddef.h>

#include "libcurl.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* NULL means not given. */
typedef struct target_options {
  const char *url;
  const char *method;
  const char *headers;         /* header lines, each ended by a zero byte */
  size_t headers_len;          /* with the zero bytes */
  int events;                  /* parse a text/event-stream response */
  int log;                     /* keep what is sent and received */
  size_t max_event, max_body;  /* bytes */
  const char *proxy;           /* "" for none; NULL: from the environment */
  const char *ca_file, *client_cert, *client_key, *client_key_password;
  int verify;                  /* check the server's certificate */
  int http_version;            /* 0 automatic, 1 HTTP/1.1, 2 HTTP/2 */
  int site;                    /* requests of different sites never share a
                                  connection */
} target_options;

typedef struct target {
  target_options o;  /* its strings are in 'text'; 'headers' is NULL */
  struct curl_slist *headers;  /* the header lines, and "Expect:" */
  size_t refs;
  char *text;
  size_t text_len;
} target;

/* Copies the options to a new target with one reference. Returns NULL if
** memory ran out. */
target *target_new (const target_options *o);

/*
** target_keep adds a reference; target_drop removes one and frees the target
** with the last (NULL is allowed). The count is not atomic: only one thread at
** a time may use the exchanges of a target.
*/
target *target_keep (target *t);
void target_drop (target *t);

/*
** Returns 1 if the server may speak HTTP/2, so that requests may share a
** connection. Known for certain only after the TLS handshake.
*/
int target_may_share (const target *t);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
