/*
** target.h - what the requests of a client to one endpoint have in common
** SPDX-License-Identifier: MIT
** Made once and shared by many exchanges, which are spared reading, copying
** and telling libcurl the same things again. Knows neither Lua nor pools.
*/

#ifndef PREDIBASE_TARGET_H
#define PREDIBASE_TARGET_H

#include <stddef.h>

#include <curl/curl.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* NULL: not given. */
typedef struct target_options {
  const char *url;
  const char *method;
  struct curl_slist *headers;  /* taken over, whatever target_new returns */
  int events;                  /* parse a text/event-stream answer */
  size_t max_event, max_body;  /* bytes */
  const char *proxy;           /* "" for none; NULL: the environment's */
  const char *ca_file, *client_cert, *client_key, *client_key_password;
  int verify;                  /* check the server's certificate */
  int http_version;            /* 0 automatic, 1 HTTP/1.1, 2 HTTP/2 */
} target_options;

typedef struct target {
  target_options o;  /* its strings are in 'text' */
  size_t refs;
  char *text;
  size_t text_len;
} target;

/* A new target with one reference; NULL when memory ran out. */
target *target_new (const target_options *o);

/* Takes one more reference, and gives one back (NULL is let alone). The last
** one frees it. Only one thread at a time may touch what shares a target. */
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
