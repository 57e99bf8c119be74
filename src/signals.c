/*
** signals.c - Ctrl-C and the request to end: POSIX
** SPDX-License-Identifier: MIT
*/

#include "signals.h"

#if !defined(_WIN32)

#include <string.h>

int signals_set (int number, void (*handler) (int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler != NULL ? handler : SIG_DFL;
  sigemptyset(&action.sa_mask);
  /* no SA_RESTART: a system call that waits has to return, so that Lua runs */
  return sigaction(number, &action, NULL) == 0;
}

void signals_reset (int number) {
  signal(number, SIG_DFL);
}

#endif
