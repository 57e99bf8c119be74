/* links: watch.c buf.c */
/*
** test_watch.c
** The set of sockets, with what the system has: epoll or kqueue.
** SPDX-License-Identifier: MIT
*/

#include "watch_cases.h"

int main (void) {
  watch_cases();
  return done();
}
