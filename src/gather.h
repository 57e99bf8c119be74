/*
** gather.h - one wake-up for many sockets
** SPDX-License-Identifier: MIT
** To be woken up costs as much as to read a token or two. With many streams
** the next token comes just after the process has fallen asleep, and each
** would wake it up anew. So then it sleeps for a fixed short time first, and
** finds all that came meanwhile.
*/

#ifndef PREDIBASE_GATHER_H
#define PREDIBASE_GATHER_H

#include <stddef.h>
#include <stdint.h>

#include "watch.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* All zeros is a quiet start. */
typedef struct gather {
  int64_t since;    /* when the count began, in microseconds */
  unsigned count;   /* sockets that were ready since then */
  int busy;         /* they were many in the span before */
} gather;

/*
** As watch_wait, with room for WATCH_BATCH results; 'open' is the number of
** exchanges. A signal ends the wait early, as there.
*/
int gather_wait (gather *g, watch *w, watch_ready *out, int timeout_ms,
                 size_t open);

/*
** The parts of it. 'n' sockets were ready at 'now', in microseconds. Whether
** to sleep before the wait, with so many ready already and so many open.
*/
void gather_note (gather *g, int n, int64_t now);
int gather_wanted (const gather *g, int ready, size_t open);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
