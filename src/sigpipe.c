/*
** sigpipe.c - keeps SIGPIPE from ending the process
** SPDX-License-Identifier: MIT
** Signal handlers belong to the program, so the signal is blocked while libcurl
** runs, and removed if a write has raised it.
*/

#include <stddef.h>

#include "sigpipe.h"

#if defined(_WIN32)

void sigpipe_block (sigpipe_guard *g, int active) {
  g->active = active;
}

void sigpipe_restore (sigpipe_guard *g) {
  (void)g;
}

#else

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
    sigwait(&pipe_set, &sig);  /* removes the one that a write raised */
  }
  pthread_sigmask(SIG_SETMASK, &g->old, NULL);
}

#endif
