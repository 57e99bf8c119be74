/* links: gather.c watch.c buf.c */
/*
** test_gather.c - when the pool sleeps before it waits
** SPDX-License-Identifier: MIT
*/

#include <sys/socket.h>
#include <unistd.h>

#include "gather.h"
#include "tap.h"

/* A program that is woken up 'each' microseconds by 'n' sockets. */
static gather program (int n, int each) {
  gather g = {0, 0, 0};
  int64_t at;
  for (at = 1000000; at < 1020000; at += each) gather_note(&g, n, at);
  return g;
}

static void wishes (void) {
  gather quiet = {0, 0, 0};
  gather hundred = program(1, 200);  /* 100 streams, a token each 20 ms */
  gather thousand = program(1, 20);
  gather batches = program(25, 500);
  ok(!gather_wanted(&quiet, 0, 1000), "nothing is gathered at the start");
  ok(!gather_wanted(&hundred, 0, 100), "5,000 tokens a second are not");
  ok(gather_wanted(&thousand, 0, 1000), "50,000 tokens a second are");
  ok(gather_wanted(&batches, 0, 1000), "they still are once gathered");
  ok(!gather_wanted(&thousand, 20, 1000), "but not when enough are ready");
  ok(!gather_wanted(&thousand, 0, 3), "nor for a few streams in a hurry");
  gather_note(&thousand, 1, 3000000);
  ok(!gather_wanted(&thousand, 0, 1000), "a pause makes it quiet again");
}

static void waits (void) {
  gather g = program(1, 20);
  watch *w = watch_new();
  watch_ready ready[WATCH_BATCH];
  int pair[2], n;
  ok(w != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
     watch_set(w, pair[0], WATCH_IN) == 0, "a socket is watched");
  ok(gather_wait(&g, w, ready, 0, 1000) == 0, "a look is only a look");
  ok(gather_wait(&g, w, ready, 1, 1000) == 0, "the time runs out");
  ok(write(pair[1], "x", 1) == 1, "something comes");
  n = gather_wait(&g, w, ready, -1, 1000);
  ok(n == 1 && ready[0].fd == pair[0] && ready[0].mask == WATCH_IN,
     "it is found after the moment");
  close(pair[0]);
  close(pair[1]);
  watch_free(w);
}

int main (void) {
  wishes();
  waits();
  return done();
}
