/*
** gather.c - one wake-up for many sockets
** SPDX-License-Identifier: MIT
*/

#include "gather.h"

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

void gather_note (gather *g, int n, int64_t now) {
  int64_t passed = now - g->since;
  if (passed >= SPAN) {
    g->busy = (passed < 2 * SPAN && g->count >= BUSY);
    g->since = now;
    g->count = 0;
  }
  g->count += (unsigned)n;
}

int gather_wanted (const gather *g, int ready, size_t open) {
  return g->busy && ready < ENOUGH && open >= MANY;
}

int gather_wait (gather *g, watch *w, watch_ready *out, int timeout_ms,
                 size_t open) {
  static const struct timespec moment = {0, MOMENT};
  int n;
  if (timeout_ms == 0 || !gather_wanted(g, 0, open))
    n = watch_wait(w, out, WATCH_BATCH, timeout_ms);
  else {
    n = watch_wait(w, out, WATCH_BATCH, 0);
    if (n >= 0 && gather_wanted(g, n, open)) {
      if (nanosleep(&moment, NULL) != 0) return 0;  /* a signal */
      n = watch_wait(w, out, WATCH_BATCH, n > 0 ? 0 : timeout_ms);
    }
  }
  if (n > 0) gather_note(g, n, clock_us());
  return n;
}
