/*
** poller_cases.h - the tests of poller.c, for each of its implementations
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_POLLER_CASES_H
#define PREDIBASE_POLLER_CASES_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "alloc.h"
#include "tap.h"
#include "poller.h"

/* A time limit that only failing tests reach. */
#define LONG_MS 10000

static void make_pair (int fds[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
    abort();
}

static void close_pair (const int fds[2]) {
  close(fds[0]);
  close(fds[1]);
}

static void send_byte (int fd) {
  if (write(fd, "x", 1) != 1)
    abort();
}

/* Returns the mask that one wait reports for fd, with 64 for results of other
** sockets; 128 after an error. */
static unsigned look (poller *w, int fd, int timeout_ms) {
  poller_ready out[8];
  unsigned mask = 0;
  int i, n = poller_wait(w, out, 8, timeout_ms);
  if (n < 0)
    return 128;
  for (i = 0; i < n; i++)
    mask |= (out[i].fd == fd) ? out[i].mask : 64;
  return mask;
}

static void directions (void) {
  poller *w = poller_new();
  int s[2];
  make_pair(s);
  ok(w != NULL && look(w, s[0], 0) == 0, "an empty set reports nothing");
  ok(poller_set(w, s[0], POLLER_IN) == 0 && look(w, s[0], 0) == 0,
     "a silent socket is not readable");
  send_byte(s[1]);
  ok(look(w, s[0], LONG_MS) == POLLER_IN, "a byte makes it readable");
  ok(look(w, s[0], 0) == POLLER_IN, "it stays so until the byte is read");
  ok(poller_set(w, s[0], POLLER_OUT) == 0 && look(w, s[0], 0) == POLLER_OUT,
     "another direction replaces the first");
  ok(poller_set(w, s[0], POLLER_IN | POLLER_OUT) == 0
     && look(w, s[0], 0) == (POLLER_IN | POLLER_OUT), "both can be watched");
  ok(poller_set(w, s[0], 0) == 0 && look(w, s[0], 0) == 0,
     "a removed socket is not reported");
  ok(poller_set(w, s[0], 0) == 0 && poller_set(w, s[1], 0) == 0,
     "removing an absent socket does nothing");
  close_pair(s);
  poller_free(w);
}

static void hang_up (void) {
  poller *w = poller_new();
  unsigned mask;
  int s[2], p[2];
  make_pair(s);
  if (pipe(p) != 0)
    abort();
  poller_set(w, s[0], POLLER_IN);
  poller_set(w, p[0], POLLER_IN);
  close(s[1]);
  mask = look(w, s[0], LONG_MS);
  ok((mask & POLLER_IN) && !(mask & 64), "a socket's end can be read");
  poller_set(w, s[0], 0);
  close(s[0]);
  close(p[1]);
  ok(look(w, p[0], LONG_MS) & POLLER_IN, "a pipe's end can be read");
  poller_set(w, p[0], 0);
  close(p[0]);
  if (pipe(p) != 0)
    abort();
  poller_set(w, p[1], POLLER_OUT);
  close(p[0]);
  ok(look(w, p[1], LONG_MS) & POLLER_ERR, "a pipe without reader is an error");
  close(p[1]);
  poller_free(w);
}

/* libcurl closes sockets and opens others that get the same number. */
static void reused (void) {
  poller *w = poller_new();
  int a[2], b[2], number;
  make_pair(a);
  number = a[0];
  poller_set(w, number, POLLER_IN | POLLER_OUT);
  close_pair(a);
  ok(look(w, number, 0) == 0, "a closed socket is not reported");
  make_pair(b);
  if (b[0] != number) {
    dup2(b[0], number);
    close(b[0]);
    b[0] = number;
  }
  ok(poller_set(w, number, POLLER_IN) == 0, "a number can be used again");
  ok(look(w, number, 0) == 0, "the new socket is watched as asked");
  send_byte(b[1]);
  ok(look(w, number, LONG_MS) == POLLER_IN, "the new socket is reported");
  close_pair(b);
  ok(poller_set(w, number, 0) == 0, "a closed socket can be removed");
  make_pair(b);
  if (b[0] != number) {
    dup2(b[0], number);
    close(b[0]);
    b[0] = number;
  }
  send_byte(b[1]);
  ok(look(w, number, 0) == 0, "a new socket is not watched before asked");
  ok(poller_set(w, number, POLLER_IN) == 0
     && poller_set(w, number, POLLER_IN) == 0
     && look(w, number, 0) == POLLER_IN, "the same mask twice changes nothing");
  close_pair(b);
  poller_free(w);
}

/* More sockets than one wait returns: several waits report each of them. */
static void many (void) {
  enum { N = 300 };
  static int s[N][2];
  static int seen[4096];
  poller *w = poller_new();
  struct rlimit files;
  int i, round, count = 0;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0)
    abort();
  files.rlim_cur = files.rlim_max;  /* some defaults are below 600 sockets */
  setrlimit(RLIMIT_NOFILE, &files);
  for (i = 0; i < N; i++) {
    make_pair(s[i]);
    poller_set(w, s[i][0], POLLER_IN);
    send_byte(s[i][1]);
  }
  for (round = 0; round < 2 * N / 7 && count < N; round++) {
    poller_ready out[7];
    int n = poller_wait(w, out, 7, LONG_MS);
    for (i = 0; i < n; i++)
      count += (seen[out[i].fd]++ == 0);
  }
  ok(count == N, "300 ready sockets, 7 at a time: all are reported");
  for (i = 0; i < N; i++) {
    if (i % 2 == 0)
      poller_set(w, s[i][0], 0);
    seen[s[i][0]] = 0;
  }
  for (round = 0, count = 0; round < 2 * N / 7; round++) {
    poller_ready out[7];
    int n = poller_wait(w, out, 7, 0);
    for (i = 0; i < n; i++)
      count += (seen[out[i].fd]++ == 0);
  }
  for (i = 0; i < N; i += 2)
    count += seen[s[i][0]] * N;
  ok(count == N / 2, "with half of them removed, the other half is reported");
  for (i = 0; i < N; i++)
    close_pair(s[i]);
  ok(look(w, -1, 0) == 0 && look(w, -1, 0) == 0,
     "with all of them closed, none is");
  poller_free(w);
}

static void on_alarm (int number) {
  (void)number;
}

static void interrupted (void) {
  poller *w = poller_new();
  struct sigaction act, old;
  struct itimerval every = { { 0, 20000 }, { 0, 20000 } };
  struct itimerval off = { { 0, 0 }, { 0, 0 } };
  poller_ready out[1];
  int s[2];
  make_pair(s);
  poller_set(w, s[0], POLLER_IN);
  memset(&act, 0, sizeof act);
  act.sa_handler = on_alarm;
  sigaction(SIGALRM, &act, &old);
  setitimer(ITIMER_REAL, &every, NULL);
  ok(poller_wait(w, out, 1, LONG_MS) == 0, "a signal ends a wait with 0");
  ok(poller_wait(w, out, 1, -1) == 0, "also one without limit");
  setitimer(ITIMER_REAL, &off, NULL);
  sigaction(SIGALRM, &old, NULL);
  close_pair(s);
  poller_free(w);
}

/* The descriptor of the set, for other event loops. */
static void outside (void) {
  poller *w = poller_new();
  struct pollfd p;
  int s[2];
  p.fd = poller_fd(w);
  p.events = POLLIN;
  if (p.fd < 0) {
    ok(p.fd == -1, "there is no descriptor");
    poller_free(w);
    return;
  }
  make_pair(s);
  ok(fcntl(p.fd, F_GETFD) & FD_CLOEXEC, "the descriptor is not inherited");
  poller_set(w, s[0], POLLER_IN);
  ok(poll(&p, 1, 0) == 0, "the descriptor is silent while nothing is ready");
  send_byte(s[1]);
  ok(poll(&p, 1, LONG_MS) == 1, "it is readable when something is");
  poller_set(w, s[0], 0);
  ok(poll(&p, 1, 0) == 0, "it is silent again");
  close_pair(s);
  poller_free(w);
}

static void errors (void) {
  poller *w;
  int s[2];
  int refused, result;
  long n;
  make_pair(s);
  for (n = 1, refused = 0; ; n++) {
    int set = -1;
    alloc_start(n, 1);
    w = poller_new();
    if (w != NULL)
      set = poller_set(w, s[0], POLLER_IN);
    poller_free(w);
    if (set == 0)
      break;
    refused++;
  }
  ok(refused > 0 && alloc_live == 0, "no memory is reported, nothing leaks");
  alloc_start(0, 0);
  w = poller_new();
  close_pair(s);
  errno = 0;
  result = poller_set(w, s[0], POLLER_IN);
  ok((result == -1 && errno == EBADF) || look(w, s[0], 0) == 0,
     "a closed socket is refused or never reported");
  poller_free(w);
  poller_free(NULL);
  ok(alloc_live == 0, "nothing leaks");
  mem_set_allocator(NULL);
}

static void poller_cases (void) {
  directions();
  hang_up();
  reused();
  many();
  interrupted();
  outside();
  errors();
}

#endif
