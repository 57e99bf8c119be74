/*
** sockets.h - the sockets that libcurl has opened for a pool
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_SOCKETS_H
#define PREDIBASE_SOCKETS_H

#include <stddef.h>

#include "libcurl.h"
#include "process.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* All zeros except the owner is an empty set. */
typedef struct sockets {
  struct sockets_entry *at;
  size_t n, cap;
  process_id owner;  /* the process whose sockets these are */
} sockets;

/* Callbacks for CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION.
** 'ud' is the set, which must live as long as any connection. */
curl_socket_t sockets_open (void *ud, curlsocktype purpose,
                            struct curl_sockaddr *address);
int sockets_close (void *ud, curl_socket_t fd);

/* sockets_mark_http1 records that the connection with this local port carried
** an HTTP/1.x response; sockets_is_http1 returns 1 if it did. */
void sockets_mark_http1 (sockets *s, long port);
int sockets_is_http1 (sockets *s, long port);

/*
** Returns 1 if an HTTP/1.x connection without a request cannot be used any
** more: it has been closed, or there are bytes to read, which belong to no
** response. (HTTP/2 connections may receive frames at any time.)
*/
int sockets_is_unusable (sockets *s, long port);

/* Returns the descriptor of a connection; -1: unknown. */
int sockets_find (sockets *s, long port);

/* Frees the set. The sockets must be closed already. */
void sockets_free (sockets *s);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
