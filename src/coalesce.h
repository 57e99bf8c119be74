/*
** coalesce.h - fewer wake-ups when many sockets are busy
** SPDX-License-Identifier: MIT
** A wake-up costs as much CPU time as reading one or two tokens. With many
** streams, the process would wake up for almost every token. So under such
** load it first sleeps for a short fixed time, and then reads everything that
** has arrived meanwhile.
*/

#ifndef PREDIBASE_COALESCE_H
#define PREDIBASE_COALESCE_H

#include <stddef.h>
#include <stdint.h>

#include "poller.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* All zeros is the initial state. */
typedef struct coalesce {
  int64_t since;    /* when the count began, in microseconds */
  unsigned count;   /* sockets that were ready since then */
  int busy;         /* there were BUSY or more in the previous span */
} coalesce;

/*
** Waits like poller_wait, for up to POLLER_BATCH results; 'open' is the number
** of exchanges. A signal ends the wait early.
*/
int coalesce_wait (coalesce *g, poller *w, poller_ready *out, int timeout_ms,
                 size_t open);

/*
** The parts of coalesce_wait, for tests. coalesce_note counts n sockets that
** were ready at 'now', in microseconds; coalesce_wanted returns 1 if sleeping
** before the wait is worth it, with the given numbers of ready sockets and open
** exchanges.
*/
void coalesce_note (coalesce *g, int n, int64_t now);
int coalesce_wanted (const coalesce *g, int ready, size_t open);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
