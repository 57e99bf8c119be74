/* links: poller.c buf.c */
/*
** test_poller.c - tests of poller.c with epoll or kqueue
** SPDX-License-Identifier: MIT
*/

#include "poller_cases.h"

int main (void) {
  poller_cases();
  return done();
}
