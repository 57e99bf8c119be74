/*
** sockets.h - the sockets that libcurl has opened for a pool
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_SOCKETS_H
#define PREDIBASE_SOCKETS_H

#include <stddef.h>
#include <sys/types.h>

#include <curl/curl.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* All zeros but for the owner is an empty set. */
typedef struct sockets {
  struct sockets_entry *at;
  size_t n, cap;
  pid_t owner;  /* the process that may end connections */
} sockets;

/* For CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION; 'ud' is the
** set, which must live as long as any connection. */
curl_socket_t sockets_open (void *ud, curlsocktype purpose,
                            struct curl_sockaddr *address);
int sockets_close (void *ud, curl_socket_t fd);

/* A connection has answered over HTTP/1.x; 'port' is its port on our side. Has
** it? */
void sockets_mark_http1 (sockets *s, long port);
int sockets_is_http1 (sockets *s, long port);

/*
** Is such a connection, over which nothing was asked for, of no use any more?
** It is when it has ended, and when there are bytes to read, as they are part
** of no answer. (Connections of HTTP/2 may always have some.)
*/
int sockets_is_unusable (sockets *s, long port);

/* The descriptor of a connection; -1: not known. */
int sockets_find (sockets *s, long port);

/* Frees the set; the sockets were closed before. */
void sockets_free (sockets *s);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
