/*
** coalesce.c - one wake-up for many sockets
** SPDX-License-Identifier: MIT
*/

#include "coalesce.h"

#include <time.h>

#include "clock.h"

/*
** How long it sleeps, in nanoseconds: the most that a token is delayed by it.
** Models take twenty times as long for one, and screens sixty times as long to
** show it.
*/
#define MOMENT 250000L

/* Microseconds over which it is counted what is ready. */
#define SPAN 4000

/*
** From so many sockets in SPAN on, a wake-up for each costs more than the
** delay is worth: 10,000 a second, or 200 streams with a token each 20 ms.
*/
#define BUSY 40

/* So many together are worth a step at once. */
#define ENOUGH 8

/*
** When fewer exchanges are ready as often, single ones bring more than a
** socket holds, and are to be read as fast as possible.
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
  static const struct timespec moment = {0, MOMENT};
  int n;
  if (timeout_ms == 0 || !coalesce_wanted(g, 0, open))
    n = poller_wait(w, out, POLLER_BATCH, timeout_ms);
  else {
    n = poller_wait(w, out, POLLER_BATCH, 0);
    if (n >= 0 && coalesce_wanted(g, n, open)) {
      if (nanosleep(&moment, NULL) != 0) return 0;  /* a signal */
      n = poller_wait(w, out, POLLER_BATCH, n > 0 ? 0 : timeout_ms);
    }
  }
  if (n > 0) coalesce_note(g, n, clock_us());
  return n;
}
