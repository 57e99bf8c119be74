/* links: coalesce.c poller.c buf.c */
/*
** test_coalesce.c - tests of coalesce.c: when it sleeps before it waits
** SPDX-License-Identifier: MIT
*/

#include <sys/socket.h>
#include <unistd.h>

#include "coalesce.h"
#include "tap.h"

/* A program that is woken up 'each' microseconds by 'n' sockets. */
static coalesce program (int n, int each) {
  coalesce g = {0, 0, 0};
  int64_t at;
  for (at = 1000000; at < 1020000; at += each) coalesce_note(&g, n, at);
  return g;
}

static void wishes (void) {
  coalesce quiet = {0, 0, 0};
  coalesce hundred = program(1, 200);  /* 100 streams, a token each 20 ms */
  coalesce thousand = program(1, 20);
  coalesce batches = program(25, 500);
  ok(!coalesce_wanted(&quiet, 0, 1000), "nothing is gathered at the start");
  ok(!coalesce_wanted(&hundred, 0, 100), "5,000 tokens a second are not");
  ok(coalesce_wanted(&thousand, 0, 1000), "50,000 tokens a second are");
  ok(coalesce_wanted(&batches, 0, 1000), "they still are once gathered");
  ok(!coalesce_wanted(&thousand, 20, 1000), "but not when enough are ready");
  ok(!coalesce_wanted(&thousand, 0, 3), "nor for a few streams in a hurry");
  coalesce_note(&thousand, 1, 3000000);
  ok(!coalesce_wanted(&thousand, 0, 1000), "a pause makes it quiet again");
}

static void waits (void) {
  coalesce g = program(1, 20);
  poller *w = poller_new();
  poller_ready ready[POLLER_BATCH];
  int pair[2], n;
  ok(w != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
     poller_set(w, pair[0], POLLER_IN) == 0, "a socket is watched");
  ok(coalesce_wait(&g, w, ready, 0, 1000) == 0, "a look is only a look");
  ok(coalesce_wait(&g, w, ready, 1, 1000) == 0, "the time runs out");
  ok(write(pair[1], "x", 1) == 1, "something comes");
  n = coalesce_wait(&g, w, ready, -1, 1000);
  ok(n == 1 && ready[0].fd == pair[0] && ready[0].mask == POLLER_IN,
     "it is found after the moment");
  close(pair[0]);
  close(pair[1]);
  poller_free(w);
}

int main (void) {
  wishes();
  waits();
  return done();
}
