/* links: buf.c */
/*
** test_poller_poll.c - tests of poller.c with poll(2)
** SPDX-License-Identifier: MIT
*/

#define POLLER_USES_POLL

#include "poller.c"

#include "poller_cases.h"

int main (void) {
  poller_cases();
  return done();
}
