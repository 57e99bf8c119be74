/*
** sigpipe.c - keeps a write to a closed connection from ending the process
** SPDX-License-Identifier: MIT
** A signal handler is the program's, so the signal is blocked and taken.
*/

#include <stddef.h>

#include "sigpipe.h"

void sigpipe_block (sigpipe_guard *g, int active) {
  sigset_t pipe_set, pending;
  g->active = active;
  if (!g->active) return;
  sigemptyset(&pipe_set);
  sigaddset(&pipe_set, SIGPIPE);
  sigpending(&pending);
  g->was_pending = sigismember(&pending, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_set, &g->old);
}

void sigpipe_restore (sigpipe_guard *g) {
  sigset_t pipe_set, pending;
  int sig;
  if (!g->active) return;
  sigpending(&pending);
  if (!g->was_pending && sigismember(&pending, SIGPIPE)) {
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    sigwait(&pipe_set, &sig);  /* takes the one that our write raised */
  }
  pthread_sigmask(SIG_SETMASK, &g->old, NULL);
}
