/*
** signals.h - Ctrl-C and the request to end
** SPDX-License-Identifier: MIT
** signals.c for POSIX, signals_windows.c for Windows, which has console events
** in the place of signals: Ctrl-C is SIGINT; Ctrl-Break, and closing the
** window, is SIGTERM.
*/

#ifndef PREDIBASE_SIGNALS_H
#define PREDIBASE_SIGNALS_H

#include <signal.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Sets the handler of SIGINT or SIGTERM; NULL restores the default action,
** which ends the process. On Windows, the handler runs in a thread of its own.
** Returns 1, or 0 if the system refused.
*/
int signals_set (int number, void (*handler) (int));

/* Restores the default action; for use in a handler. */
void signals_reset (int number);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
