/*
** coalesce.c - fewer wake-ups when many sockets are busy
** SPDX-License-Identifier: MIT
*/

#include "coalesce.h"

#include "clock.h"

/*
** The sleep in nanoseconds, which is the longest delay of a token. A model
** takes twenty times as long to generate one, and a screen sixty times to show
** it.
*/
#define MOMENT 250000L

/* Microseconds over which ready sockets are counted. */
#define SPAN 4000

/*
** The number of ready sockets in SPAN from which one wake-up for each costs
** more than the delay: 10,000 a second, or 200 streams with a token every 20
** ms.
*/
#define BUSY 40

/* If this many sockets are ready, they are handled without a sleep. */
#define ENOUGH 8

/*
** The fewest open exchanges for a sleep. With fewer, a busy socket delivers
** more than its buffer holds, and has to be read as fast as possible.
*/
#define MANY 64

void coalesce_note (coalesce *g, int n, int64_t now) {
  int64_t passed = now - g->since;
  if (passed >= SPAN) {
    g->busy = (passed < 2 * SPAN && g->count >= BUSY);
    g->since = now;
    g->count = 0;
  }
  g->count += (unsigned)n;
}

int coalesce_wanted (const coalesce *g, int ready, size_t open) {
  return g->busy && ready < ENOUGH && open >= MANY;
}

int coalesce_wait (coalesce *g, poller *w, poller_ready *out, int timeout_ms,
                 size_t open) {
  int n;
  if (timeout_ms == 0 || !coalesce_wanted(g, 0, open))
    n = poller_wait(w, out, POLLER_BATCH, timeout_ms);
  else {
    n = poller_wait(w, out, POLLER_BATCH, 0);
    if (n >= 0 && coalesce_wanted(g, n, open)) {
      if (clock_sleep_ns(MOMENT) != 0) return 0;  /* a signal */
      n = poller_wait(w, out, POLLER_BATCH, n > 0 ? 0 : timeout_ms);
    }
  }
  if (n > 0) coalesce_note(g, n, clock_us());
  return n;
}
