/* links: buf.c */
/*
** test_watch_poll.c
** The set of sockets where there is only poll(2).
** SPDX-License-Identifier: MIT
*/

#define WATCH_POLL

#include "watch.c"

#include "watch_cases.h"

int main (void) {
  watch_cases();
  return done();
}
