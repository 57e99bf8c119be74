/*
** sockets.c - the sockets that libcurl has opened for a pool
** SPDX-License-Identifier: MIT
** libcurl reports the local port of a connection in use, but not its
** descriptor, so this table maps one to the other.
*/

#include <string.h>

#include "buf.h"
#include "socket_calls.h"
#include "sockets.h"

/* The first capacity: more than most programs need. */
#define FIRST 8

typedef struct sockets_entry {
  int fd;
  int port;    /* 0: not known yet */
  int http1;   /* it carried an HTTP/1.x response */
} entry;

static int grow (sockets *s) {
  size_t cap = s->cap == 0 ? FIRST : s->cap * 2;
  entry *at = mem_realloc(s->at, cap * sizeof *at);
  if (at == NULL) return -1;
  s->at = at;
  s->cap = cap;
  return 0;
}

curl_socket_t sockets_open (void *ud, curlsocktype purpose,
                            struct curl_sockaddr *address) {
  sockets *s = ud;
  entry *e;
  int fd;
  (void)purpose;
  if (s->n == s->cap && grow(s) != 0) return CURL_SOCKET_BAD;
  fd = socket_open(address->family, address->socktype, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  e = &s->at[s->n++];
  memset(e, 0, sizeof *e);
  e->fd = fd;
  return (curl_socket_t)fd;
}

/*
** If the process has forked, its child holds the socket too: closing it here
** would not end the connection, and the server would continue. So the process
** that opened it shuts it down first.
*/
int sockets_close (void *ud, curl_socket_t fd) {
  sockets *s = ud;
  size_t i = 0;
  while (i < s->n && s->at[i].fd != (int)fd) i++;
  if (i < s->n) s->at[i] = s->at[--s->n];
  if (process_own_id() == s->owner) socket_shutdown((int)fd);
  return socket_close((int)fd);
}

static int port_of (int fd) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage all;
  } a;
  socklen_t n = sizeof a;
  memset(&a, 0, sizeof a);
  if (getsockname((socket_number)fd, &a.any, &n) != 0) return 0;
  if (a.any.sa_family == AF_INET) return ntohs(a.v4.sin_port);
  if (a.any.sa_family == AF_INET6) return ntohs(a.v6.sin6_port);
  return 0;
}

/* Returns the next entry with this port from index *i on, or NULL. Connections
** to different addresses may have the same local port. */
static entry *next_of (sockets *s, long port, size_t *i) {
  while (*i < s->n) {
    entry *e = &s->at[(*i)++];
    if (e->port == 0) e->port = port_of(e->fd);
    if (e->port == port && port != 0) return e;
  }
  return NULL;
}

void sockets_mark_http1 (sockets *s, long port) {
  entry *e;
  size_t i = 0;
  while ((e = next_of(s, port, &i)) != NULL) e->http1 = 1;
}

int sockets_is_http1 (sockets *s, long port) {
  entry *e;
  size_t i = 0;
  while ((e = next_of(s, port, &i)) != NULL)
    if (e->http1) return 1;
  return 0;
}

int sockets_is_unusable (sockets *s, long port) {
  entry *e;
  size_t i = 0;
  while ((e = next_of(s, port, &i)) != NULL)
    if (e->http1 && socket_has_input(e->fd)) return 1;
  return 0;
}

int sockets_find (sockets *s, long port) {
  size_t i = 0;
  entry *e = next_of(s, port, &i);
  return e != NULL ? e->fd : -1;
}

void sockets_free (sockets *s) {
  mem_realloc(s->at, 0);
  memset(s, 0, sizeof *s);
}
