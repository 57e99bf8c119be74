/* links: poller.c buf.c */
/*
** test_poller.c
** The set of sockets, with what the system has: epoll or kqueue.
** SPDX-License-Identifier: MIT
*/

#include "poller_cases.h"

int main (void) {
  poller_cases();
  return done();
}
