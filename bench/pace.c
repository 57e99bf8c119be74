/*
** pace.c - the load source: many streams, with tokens at a fixed pace
** SPDX-License-Identifier: MIT
** usage: pace MAX_STREAMS
** POST /STREAMS/TOKENS/MICROSECONDS/generate_stream (or the same path without
** its last part, as lorax-client has it, or with /v1/chat/completions, for
** chunks of a chat) sends a first token, and waits until STREAMS streams are
** open. It then writes a token to each of them
** every MICROSECONDS microseconds, and ends each stream after TOKENS tokens
** (not counting the first one). The streams take turns, so that the writes are
** spread evenly over the time. Tokens of the second half contain the time of
** their write (wire.h). The program has one thread and listens on loopback
** only. It prints its port, and for each group of streams that has ended:
** "STREAMS TOKENS MICROSECONDS", the p50 and p99 of the delay of its writes in
** microseconds, and its load in CPU-seconds per second. It exits when its
** standard input is closed.
*/

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#define REQUEST_MAX 8192
#define BACKLOG 4096
#define EVENTS 256

/* The pause between the last request and the first paced token, in which the
** reader can measure its own memory. Nanoseconds. */
#define QUIET 300000000

#define LATE_STEP 10 /* microseconds in one bucket */
#define LATE_BUCKETS 10000

typedef struct conn {
  int fd;
  size_t len;
  char *request; /* the bytes received so far; freed when it is complete */
  int in_group;
} conn;

static int set; /* the epoll set */
static int listener;

/* The current group of streams; there is only one at a time. */
static struct {
  long streams, tokens, pace; /* from the path; streams is 0 without a group */
  int kind;
  conn **members;
  long count; /* of members */
  int64_t start;
  int64_t turn; /* streams * round + place of the next stream to write to */
  double cpu;
} group;

static unsigned late[LATE_BUCKETS];

static void watch (int fd, void *what) {
  struct epoll_event ev = {.events = EPOLLIN};
  ev.data.ptr = what;
  if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) != 0)
    wire_die("pace", "epoll_ctl failed");
}

/* When a stream leaves a complete group, its place stays empty. */
static void leave (const conn *c) {
  long i = 0;
  while (group.members[i] != c) i++;
  if (group.count == group.streams) {
    group.members[i] = NULL;
    return;
  }
  group.members[i] = group.members[--group.count];
  if (group.count > 0) return;
  free(group.members);
  memset(&group, 0, sizeof group);
}

static void drop (conn *c) {
  if (c->in_group) leave(c);
  close(c->fd);
  free(c->request);
  free(c);
}

/* Sends without waiting. Fails when the reader is too far behind, which makes
** the run invalid. */
static int send_all (conn *c, const char *s, size_t n) {
  ssize_t sent = send(c->fd, s, n, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == (ssize_t)n) return 0;
  if (sent >= 0 || errno == EAGAIN)
    fprintf(stderr, "pace: a reader is more than a socket's buffer behind; "
                    "its stream is cut\n");
  return -1;
}

/* Writes one token; returns the time at which the write began. */
static int64_t send_token (conn *c, int stamped, int *failed) {
  static const char zeros[] = "00000000000000000000";
  static struct {
    char plain[CHUNK_MAX], chunk[CHUNK_MAX];
    size_t plain_len, len, stamp_at;
  } made[WIRE_KINDS], *m;
  char stamp[STAMP_LEN + 1];
  int64_t now;
  m = &made[group.kind];
  if (m->len == 0) {
    m->plain_len = wire_token(m->plain, group.kind, TOKEN_TEXT);
    m->len = wire_token(m->chunk, group.kind, zeros);
    m->stamp_at = (size_t)(strstr(m->chunk, zeros) - m->chunk);
  }
  now = wire_now();
  if (stamped) {
    sprintf(stamp, "%0*" PRId64, STAMP_LEN, now);
    memcpy(m->chunk + m->stamp_at, stamp, STAMP_LEN);
    *failed = send_all(c, m->chunk, m->len);
  }
  else
    *failed = send_all(c, m->plain, m->plain_len);
  return now;
}

static double percentile (double share) {
  unsigned long all = 0, seen = 0;
  int i;
  for (i = 0; i < LATE_BUCKETS; i++) all += late[i];
  for (i = 0; i < LATE_BUCKETS; i++) {
    seen += late[i];
    if ((double)seen >= (double)all * share) break;
  }
  return (double)(i + 1) * LATE_STEP;
}

static void end_group (void) {
  char end[WIRE_END_MAX];
  size_t len = wire_end(end, group.kind);
  double seconds = (double)(wire_now() - group.start) / 1e9;
  long i;
  printf("%ld %ld %ld %.0f %.0f %.3f\n", group.streams, group.tokens,
         group.pace, percentile(0.5), percentile(0.99),
         (wire_cpu_us() - group.cpu) / 1e6 / seconds);
  fflush(stdout);
  for (i = 0; i < group.count; i++) {
    conn *c = group.members[i];
    if (c == NULL) continue;
    c->in_group = 0;
    if (send_all(c, end, len) != 0) drop(c);
  }
  free(group.members);
  memset(&group, 0, sizeof group);
}

static void join (conn *c, const char *request) {
  long streams, tokens, pace;
  int failed;
  if (sscanf(request, "POST /%ld/%ld/%ld", &streams, &tokens, &pace) != 3 ||
      streams <= 0 || tokens <= 0 || pace <= 0)
    wire_die("pace", "a request with an invalid path");
  if (group.streams == 0) {
    group.streams = streams;
    group.tokens = tokens;
    group.pace = pace;
    group.kind = wire_kind(request);
    group.members = calloc((size_t)streams, sizeof(conn *));
    if (group.members == NULL) wire_die("pace", "not enough memory");
  }
  if (streams != group.streams || group.count == streams)
    wire_die("pace", "a request while another group of streams is open");
  c->in_group = 1;
  group.members[group.count++] = c;
  send_all(c, wire_stream_head, strlen(wire_stream_head));
  send_token(c, 0, &failed);
  if (group.count < streams) return;
  memset(late, 0, sizeof late);
  group.start = wire_now() + QUIET;
  group.cpu = wire_cpu_us();
}

static void take (conn *c) {
  ssize_t got;
  if (c->request == NULL) c->request = malloc(REQUEST_MAX);
  if (c->request == NULL) wire_die("pace", "not enough memory");
  got = recv(c->fd, c->request + c->len, REQUEST_MAX - 1 - c->len,
             MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    drop(c);
    return;
  }
  c->len += (size_t)got;
  c->request[c->len] = '\0';
  if (wire_request(c->request, c->len) == 0) return;
  if (c->in_group) wire_die("pace", "a request on a stream that is open");
  join(c, c->request);
  free(c->request);
  c->request = NULL;
  c->len = 0;
}

static void accept_all (void) {
  int fd, on = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    conn *c = calloc(1, sizeof *c);
    if (c == NULL) wire_die("pace", "not enough memory");
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(fd, c);
  }
  if (errno == EMFILE || errno == ENFILE)
    wire_die("pace", "no file descriptor is left for another stream");
}

/* Returns when the next token is due; INT64_MAX while no group is complete. */
static int64_t due (void) {
  if (group.streams == 0 || group.count < group.streams) return INT64_MAX;
  return group.start +
         (int64_t)((double)group.turn * (double)group.pace * 1000.0 /
                   (double)group.streams);
}

/* Returns whether the next token contains the time. The streams take turns. */
static int is_stamped (void) {
  int64_t round = group.turn / group.streams;
  if (round < PLAIN_TOKENS(group.tokens)) return 0;
  return group.streams < STAMP_ALL_BELOW ||
         (round + group.turn % group.streams) % STAMP_EVERY == 0;
}

/* Writes all tokens that are due. */
static void write_due (void) {
  int64_t at = due();
  while (at <= wire_now()) {
    conn *c = group.members[group.turn % group.streams];
    if (c != NULL) {
      int failed, stamped = is_stamped();
      int64_t behind = (send_token(c, stamped, &failed) - at) / 1000 /
                       LATE_STEP;
      late[behind < LATE_BUCKETS ? behind : LATE_BUCKETS - 1]++;
      if (failed) drop(c);
    }
    if (++group.turn == (int64_t)group.streams * group.tokens) end_group();
    at = due();
  }
}

static void wait_until (int64_t at) {
  struct pollfd fd = {.fd = set, .events = POLLIN};
  struct timespec span = {0, 0};
  int64_t left = at - wire_now();
  if (left > 0) {
    span.tv_sec = left / 1000000000;
    span.tv_nsec = left % 1000000000;
  }
  ppoll(&fd, 1, at == INT64_MAX ? NULL : &span, NULL);
}

int main (int argc, char **argv) {
  struct epoll_event events[EVENTS];
  long most = argc == 2 ? atol(argv[1]) : 0;
  int i, n;
  if (most <= 0) wire_die("pace", "usage: pace MAX_STREAMS");
  wire_need_descriptors("pace", (unsigned long)most);
  /* with the default timer slack, each wait may end 50 us late */
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  listener = wire_listen(BACKLOG);
  fcntl(listener, F_SETFL, O_NONBLOCK);
  set = epoll_create1(0);
  watch(listener, &listener);
  watch(0, NULL);
  for (;;) {
    wait_until(due());
    write_due();
    n = epoll_wait(set, events, EVENTS, 0);
    for (i = 0; i < n; i++) {
      void *what = events[i].data.ptr;
      if (what == NULL) {
        char byte;
        if (read(0, &byte, 1) <= 0) return 0;
      }
      else if (what == &listener) accept_all();
      else take(what);
    }
  }
}
