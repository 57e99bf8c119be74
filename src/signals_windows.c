/*
** signals_windows.c - Ctrl-C and the request to end: Windows
** SPDX-License-Identifier: MIT
*/

#include "signals.h"

#if defined(_WIN32)

#include <stddef.h>

#include "process.h"

/* Windows ends a process when the handler of a closed window returns, and after
** 5 seconds in any case. The process needs these to write its results. */
#define MILLISECONDS_TO_END 10000

static void (*volatile on_int) (int) = NULL;
static void (*volatile on_term) (int) = NULL;
static volatile int listening = 0;

static BOOL WINAPI on_event (DWORD event) {
  void (*handler) (int) = event == CTRL_C_EVENT ? on_int : on_term;
  if (event == CTRL_LOGOFF_EVENT || handler == NULL)
    return FALSE;  /* the next handler of the process, or the default action */
  handler(event == CTRL_C_EVENT ? SIGINT : SIGTERM);
  if (event == CTRL_CLOSE_EVENT || event == CTRL_SHUTDOWN_EVENT)
    Sleep(MILLISECONDS_TO_END);
  return TRUE;
}

int signals_set (int number, void (*handler) (int)) {
  if (number == SIGINT)
    on_int = handler;
  else
    on_term = handler;
  if (handler == NULL) {
    signal(number, SIG_DFL);  /* the `lua` program has a handler of its own */
    return 1;
  }
  if (!listening)
    listening = SetConsoleCtrlHandler(on_event, TRUE) != 0;
  return listening;
}

void signals_reset (int number) {
  signals_set(number, NULL);
}

#endif
