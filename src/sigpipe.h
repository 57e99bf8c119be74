/*
** sigpipe.h - keeps SIGPIPE from ending the process
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_SIGPIPE_H
#define PREDIBASE_SIGPIPE_H

#if !defined(_WIN32)
#include <signal.h>
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

typedef struct sigpipe_guard {
#if !defined(_WIN32)
  sigset_t old;
#endif
  int active, was_pending;
} sigpipe_guard;

/* sigpipe_block keeps the signal from being delivered until sigpipe_restore.
** Neither does anything if 'active' is 0, or on Windows. */
void sigpipe_block (sigpipe_guard *g, int active);
void sigpipe_restore (sigpipe_guard *g);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
