/* links: coalesce.c poller.c buf.c */
/*
** test_coalesce.c - tests of coalesce.c: when it sleeps before it waits
** SPDX-License-Identifier: MIT
*/

#include <sys/socket.h>
#include <unistd.h>

#include "coalesce.h"
#include "tap.h"

/* Returns the state after n sockets were ready every 'each' microseconds. */
static coalesce program (int n, int each) {
  coalesce g = {0, 0, 0};
  int64_t at;
  for (at = 1000000; at < 1020000; at += each) coalesce_note(&g, n, at);
  return g;
}

static void wishes (void) {
  coalesce quiet = {0, 0, 0};
  coalesce hundred = program(1, 200);  /* 100 streams, one token every 20 ms */
  coalesce thousand = program(1, 20);
  coalesce batches = program(25, 500);
  ok(!coalesce_wanted(&quiet, 0, 1000), "it does not sleep at the start");
  ok(!coalesce_wanted(&hundred, 0, 100), "nor at 5,000 tokens a second");
  ok(coalesce_wanted(&thousand, 0, 1000), "it sleeps at 50,000 a second");
  ok(coalesce_wanted(&batches, 0, 1000),
     "it still sleeps when they arrive together");
  ok(!coalesce_wanted(&thousand, 20, 1000), "but not if enough are ready");
  ok(!coalesce_wanted(&thousand, 0, 3), "nor with a few fast streams");
  coalesce_note(&thousand, 1, 3000000);
  ok(!coalesce_wanted(&thousand, 0, 1000), "nor after a pause");
}

static void waits (void) {
  coalesce g = program(1, 20);
  poller *w = poller_new();
  poller_ready ready[POLLER_BATCH];
  int pair[2], n;
  ok(w != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
     poller_set(w, pair[0], POLLER_IN) == 0, "a socket is watched");
  ok(coalesce_wait(&g, w, ready, 0, 1000) == 0, "0 ms returns at once");
  ok(coalesce_wait(&g, w, ready, 1, 1000) == 0, "a wait ends after its time");
  ok(write(pair[1], "x", 1) == 1, "a byte is written");
  n = coalesce_wait(&g, w, ready, -1, 1000);
  ok(n == 1 && ready[0].fd == pair[0] && ready[0].mask == POLLER_IN,
     "it is found after the sleep");
  close(pair[0]);
  close(pair[1]);
  poller_free(w);
}

int main (void) {
  wishes();
  waits();
  return done();
}
