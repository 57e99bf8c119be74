/*
** coalesce.h - one wake-up for many sockets
** SPDX-License-Identifier: MIT
** To be woken up costs as much as to read a token or two. With many streams
** the next token comes just after the process has fallen asleep, and each
** would wake it up anew. So then it sleeps for a fixed short time first, and
** finds all that came meanwhile.
*/

#ifndef PREDIBASE_COALESCE_H
#define PREDIBASE_COALESCE_H

#include <stddef.h>
#include <stdint.h>

#include "poller.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* All zeros is a quiet start. */
typedef struct coalesce {
  int64_t since;    /* when the count began, in microseconds */
  unsigned count;   /* sockets that were ready since then */
  int busy;         /* they were many in the span before */
} coalesce;

/*
** As poller_wait, with room for POLLER_BATCH results; 'open' is the number of
** exchanges. A signal ends the wait early, as there.
*/
int coalesce_wait (coalesce *g, poller *w, poller_ready *out, int timeout_ms,
                 size_t open);

/*
** The parts of it. 'n' sockets were ready at 'now', in microseconds. Whether
** to sleep before the wait, with so many ready already and so many open.
*/
void coalesce_note (coalesce *g, int n, int64_t now);
int coalesce_wanted (const coalesce *g, int ready, size_t open);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
