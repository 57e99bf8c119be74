/*
** soak_server.c - sends numbered tokens on many streams for a long time
** SPDX-License-Identifier: MIT
** usage: soak_server PACE_MS MAX_STREAMS
** The prompt of a request is "soak ID LENGTH FATE AT". The answer is a stream
** of LENGTH tokens with the texts "ID:1 ", "ID:2 " and so on, one every PACE_MS
** milliseconds. FATE tells what becomes of it after AT tokens: n (nothing, it
** is complete), r (the connection is reset), c (the connection is closed), s
** (the server is silent until the client leaves).
** One thread, loopback only. A connection that was used and has no request is
** closed after two seconds. A slow reader delays its own stream only.
** Prints its port, and at the end of its standard input how many tokens it
** has sent; then it exits.
*/

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../bench/wire.h"

#define REQUEST_MAX 8192
#define BACKLOG 4096
#define EVENTS 256
#define TICK_MS 5
#define IDLE_NS 2000000000    /* how long a kept connection waits */
#define CATCH_UP_NS 5000000000 /* a stream that is later stays late */
#define CUT_EVERY 64          /* tokens, of which one is sent in two pieces */

typedef enum { READING, STREAMING, SILENT } state;

typedef struct conn {
  struct conn *next, **link;
  int fd;
  state state;
  int64_t due; /* of the next token; while READING, of the end */
  long id, length, at, sent;
  char fate;
  size_t len;
  char request[REQUEST_MAX];
  char rest[WIRE_END_MAX]; /* bytes that were held back */
  size_t rest_len;
} conn;

static conn *all;
static int set, listener;
static int64_t pace;
static unsigned long sent_tokens;

static void drop (conn *c, int reset) {
  if (reset) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  close(c->fd);
  if (c->next != NULL) c->next->link = c->link;
  *c->link = c->next;
  free(c);
}

/* Sends what the socket takes, and keeps the rest. Returns -1 on a failure. */
static int push (conn *c, const char *s, size_t n) {
  ssize_t sent = send(c->fd, s, n, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) {
    if (errno != EAGAIN) return -1;
    sent = 0;
  }
  c->rest_len = n - (size_t)sent;
  memmove(c->rest, s + sent, c->rest_len);
  return 0;
}

/* Sends the next token. Now and then its end waits for the next tick. */
static int push_token (conn *c) {
  static unsigned turn;
  char text[64], out[CHUNK_MAX];
  size_t len, first;
  snprintf(text, sizeof text, "%ld:%ld ", c->id, c->sent + 1);
  len = first = wire_token(out, WIRE_LORAX, text);
  turn = turn * 1103515245u + 12345u;
  if ((turn >> 16) % CUT_EVERY == 0) first = 1 + (turn >> 8) % (len - 1);
  if (push(c, out, first) != 0) return -1;
  memcpy(c->rest + c->rest_len, out + first, len - first);
  c->rest_len += len - first;
  c->sent++;
  sent_tokens++;
  return 0;
}

/* Does what the fate of a stream says. Returns 1 if the connection is gone. */
static int meet_fate (conn *c, int64_t now) {
  char end[WIRE_END_MAX];
  if (c->fate == 's') {
    c->state = SILENT;
    return 0;
  }
  if (c->fate == 'r' || c->fate == 'c' ||
      push(c, end, wire_end(end, WIRE_LORAX)) != 0) {
    drop(c, c->fate == 'r');
    return 1;
  }
  c->state = READING;
  c->due = now + IDLE_NS;
  return 0;
}

static void go_on (conn *c, int64_t now) {
  if (c->rest_len > 0) {
    if (push(c, c->rest, c->rest_len) != 0) drop(c, 0);
    return;
  }
  if (c->state == READING && c->due <= now) {
    drop(c, 0);
    return;
  }
  if (c->state != STREAMING) return;
  if (c->due < now - CATCH_UP_NS) c->due = now - CATCH_UP_NS;
  while (c->due <= now && c->rest_len == 0) {
    if (c->sent == (c->fate == 'n' ? c->length : c->at)) {
      meet_fate(c, now);
      return;
    }
    if (push_token(c) != 0) {
      drop(c, 0);
      return;
    }
    c->due += pace;
  }
}

static void answer (conn *c) {
  static const char before[] = "\"inputs\":\"soak ";
  const char *prompt = memmem(c->request, c->len, before, sizeof before - 1);
  c->request[c->len] = '\0';
  if (prompt == NULL ||
      sscanf(prompt + sizeof before - 1, "%ld %ld %c %ld", &c->id, &c->length,
             &c->fate, &c->at) != 4)
    wire_die("soak_server", "a request with an unknown prompt");
  c->len = 0;
  c->sent = 0;
  c->state = STREAMING;
  /* streams that begin together must not stay in step */
  c->due = wire_now() + c->id * 7919 % 1000 * pace / 1000;
  if (push(c, wire_stream_head, strlen(wire_stream_head)) != 0) drop(c, 0);
}

static void take (conn *c) {
  ssize_t got = recv(c->fd, c->request + c->len, REQUEST_MAX - 1 - c->len,
                     MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    drop(c, 0);
    return;
  }
  if (c->state != READING)
    wire_die("soak_server", "a request on a stream that is open");
  c->len += (size_t)got;
  if (wire_request(c->request, c->len) != 0) answer(c);
  else if (c->len == REQUEST_MAX - 1)
    wire_die("soak_server", "a request that is too long");
}

static void accept_all (void) {
  int fd, on = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    struct epoll_event ev = {.events = EPOLLIN};
    conn *c = calloc(1, sizeof *c);
    if (c == NULL) wire_die("soak_server", "not enough memory");
    c->fd = fd;
    c->due = INT64_MAX;
    c->link = &all;
    c->next = all;
    if (all != NULL) all->link = &c->next;
    all = c;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ev.data.ptr = c;
    if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) != 0)
      wire_die("soak_server", "epoll_ctl failed");
  }
}

static void watch (int fd, void *what) {
  struct epoll_event ev = {.events = EPOLLIN};
  ev.data.ptr = what;
  /* standard input may be a file, which is never waited for */
  if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) != 0 && errno != EPERM)
    wire_die("soak_server", "epoll_ctl failed");
}

/* Handles what has arrived. Returns 0 at the end of standard input. */
static int handle (void) {
  struct epoll_event events[EVENTS];
  int i, n = epoll_wait(set, events, EVENTS, TICK_MS);
  for (i = 0; i < n; i++) {
    void *what = events[i].data.ptr;
    if (what == NULL) {
      char byte;
      if (read(0, &byte, 1) <= 0) return 0;
    }
    else if (what == &listener) accept_all();
    else take(what);
  }
  return 1;
}

int main (int argc, char **argv) {
  int64_t last = 0;
  if (argc != 3) wire_die("soak_server", "usage: soak_server PACE_MS MAX");
  pace = atol(argv[1]) * 1000000;
  wire_need_descriptors("soak_server", (unsigned long)atol(argv[2]) * 2);
  listener = wire_listen(BACKLOG);
  fcntl(listener, F_SETFL, O_NONBLOCK);
  set = epoll_create1(0);
  watch(listener, &listener);
  watch(0, NULL);
  while (handle()) {
    int64_t now = wire_now();
    conn *c, *next;
    if (now - last < TICK_MS * 1000000 / 2) continue;
    last = now;
    for (c = all; c != NULL; c = next) {
      next = c->next;
      go_on(c, now);
    }
  }
  printf("sent %lu\n", sent_tokens);
  return 0;
}
