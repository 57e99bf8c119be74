/* links: buf.c */
/*
** test_poller_kqueue.c - tests of poller.c with the kqueue of BSD and macOS
** SPDX-License-Identifier: MIT
** First with a kqueue that only notes its arguments and returns what a test
** has prepared, then with one that works (kqueue/sys/event.h).
*/

#include <sys/event.h>

#include <limits.h>
#include <stddef.h>

/* What the next call returns instead of calling the working kqueue: */
static struct {
  int on;
  int error;  /* -1 with this errno, as often as 'times' says */
  int times;
  int n;  /* that many of 'events' */
  struct kevent events[8];
} prepared;

/* What the calls were given. */
static struct {
  int queues;  /* calls of kqueue */
  int calls;
  int fd;
  int nchanges, nevents;
  struct kevent change[8];  /* the first change of each call */
  int is_limited;  /* there was a timeout */
  struct timespec limit;
} noted;

static int note_kqueue (void) {
  noted.queues++;
  if (prepared.on && prepared.times-- > 0) {
    errno = prepared.error;
    return -1;
  }
  return kqueue();
}

static int note_kevent (int kq, const struct kevent *changes, int nchanges,
                        struct kevent *events, int nevents,
                        const struct timespec *timeout) {
  if (!prepared.on)
    return kevent(kq, changes, nchanges, events, nevents, timeout);
  noted.fd = kq;
  noted.nchanges = nchanges;
  noted.nevents = nevents;
  noted.is_limited = (timeout != NULL);
  if (timeout != NULL)
    noted.limit = *timeout;
  if (nchanges > 0 && noted.calls < 8)
    noted.change[noted.calls] = changes[0];
  noted.calls++;
  if (prepared.times > 0) {
    prepared.times--;
    errno = prepared.error;
    return -1;
  }
  if (nevents > 0 && prepared.n > 0)
    memcpy(events, prepared.events, (size_t)prepared.n * sizeof *events);
  return nevents > 0 ? prepared.n : 0;
}

/* Only calls: the structure keeps its name. */
#define kqueue() note_kqueue()
#define kevent(a, b, c, d, e, f) note_kevent(a, b, c, d, e, f)

#define POLLER_USES_KQUEUE

#include "poller.c"

#undef kqueue
#undef kevent

#include "poller_cases.h"

/* Prepares a failure of the next calls; 0 times: they succeed. */
static void prepare (int error, int times) {
  memset(&prepared, 0, sizeof prepared);
  memset(&noted, 0, sizeof noted);
  prepared.on = 1;
  prepared.error = error;
  prepared.times = times;
}

/* Tells whether the call of this index changed one filter of the descriptor 70,
** and did not wait for events. */
static int changed (int index, int filter, int flags) {
  const struct kevent *change = &noted.change[index];
  return index < noted.calls && noted.nchanges == 1 && noted.nevents == 0 &&
         !noted.is_limited && change->ident == 70 &&
         change->filter == filter && change->flags == flags &&
         change->fflags == 0 && change->data == 0 && change->udata == NULL;
}

static void changes (void) {
  poller *w = poller_new();
  prepare(0, 0);
  ok(poller_set(w, 70, POLLER_IN) == 0 && noted.calls == 2 &&
     noted.fd == poller_fd(w) && changed(0, EVFILT_READ, EV_ADD) &&
     changed(1, EVFILT_WRITE, EV_DELETE), "reading adds one filter");
  prepare(0, 0);
  ok(poller_set(w, 70, POLLER_OUT) == 0 && noted.calls == 2 &&
     changed(0, EVFILT_READ, EV_DELETE) && changed(1, EVFILT_WRITE, EV_ADD),
     "writing replaces it by the other");
  prepare(0, 0);
  ok(poller_set(w, 70, POLLER_IN | POLLER_OUT) == 0 && noted.calls == 2 &&
     changed(0, EVFILT_READ, EV_ADD) && changed(1, EVFILT_WRITE, EV_ADD),
     "both directions add both");
  prepare(0, 0);
  ok(poller_set(w, 70, 0) == 0 && noted.calls == 2 &&
     changed(0, EVFILT_READ, EV_DELETE) && changed(1, EVFILT_WRITE, EV_DELETE),
     "no direction removes both");
  prepared.on = 0;
  poller_free(w);
}

static void refusals (void) {
  poller *w = poller_new();
  prepare(ENOENT, 2);
  ok(poller_set(w, 70, 0) == 0 && noted.calls == 2,
     "filters that do not exist can be removed");
  prepare(EBADF, 2);
  ok(poller_set(w, 70, 0) == 0 && noted.calls == 2,
     "those of a closed descriptor too");
  prepare(EBADF, 8);
  errno = 0;
  ok(poller_set(w, 70, POLLER_IN) == -1 && errno == EBADF && noted.calls == 1,
     "a closed descriptor cannot be watched");
  prepare(ENOMEM, 8);
  errno = 0;
  ok(poller_set(w, 70, POLLER_OUT) == -1 && errno == ENOMEM &&
     noted.calls == 2, "a system without memory is reported");
  prepare(EINTR, 1);
  ok(poller_set(w, 70, POLLER_IN) == 0 && noted.calls == 3 &&
     changed(0, EVFILT_READ, EV_ADD) && changed(1, EVFILT_READ, EV_ADD) &&
     changed(2, EVFILT_WRITE, EV_DELETE),
     "a change that a signal interrupts is made again");
  prepared.on = 0;
  poller_free(w);
}

static void timeouts (void) {
  poller *w = poller_new();
  poller_ready out[POLLER_BATCH + 1];
  prepare(0, 0);
  ok(poller_wait(w, out, 5, 0) == 0 && noted.fd == poller_fd(w) &&
     noted.nchanges == 0 && noted.nevents == 5 && noted.is_limited &&
     noted.limit.tv_sec == 0 && noted.limit.tv_nsec == 0,
     "no time is a limit of 0, not no limit");
  poller_wait(w, out, POLLER_BATCH + 1, 1500);
  ok(noted.nevents == POLLER_BATCH && noted.limit.tv_sec == 1 &&
     noted.limit.tv_nsec == 500000000, "milliseconds become nanoseconds");
  poller_wait(w, out, 1, INT_MAX);
  ok(noted.limit.tv_sec == INT_MAX / 1000 &&
     noted.limit.tv_nsec == INT_MAX % 1000 * 1000000L, "the longest limit");
  poller_wait(w, out, 1, -1);
  ok(!noted.is_limited, "without limit there is no timeout");
  prepare(EINTR, 1);
  ok(poller_wait(w, out, 1, -1) == 0 && noted.calls == 1,
     "a signal returns to the caller");
  prepare(EBADF, 1);
  errno = 0;
  ok(poller_wait(w, out, 1, -1) == -1 && errno == EBADF,
     "an error of the wait is reported");
  prepared.on = 0;
  poller_free(w);
}

/* Makes the next wait report an event. */
static void prepare_event (uintptr_t fd, int filter, unsigned flags) {
  struct kevent *event = &prepared.events[prepared.n++];
  memset(event, 0, sizeof *event);
  event->ident = fd;
  event->filter = (int16_t)filter;
  event->flags = (uint16_t)flags;
}

static void events (void) {
  poller *w = poller_new();
  poller_ready out[8];
  prepare(0, 0);
  prepare_event(3, EVFILT_READ, EV_ADD);
  prepare_event(4, EVFILT_WRITE, EV_ADD);
  prepare_event(5, EVFILT_READ, EV_ADD | EV_EOF);
  prepare_event(6, EVFILT_WRITE, EV_ADD | EV_EOF);
  prepare_event(7, EVFILT_READ, EV_ERROR);
  prepare_event(3, EVFILT_WRITE, EV_ADD);
  ok(poller_wait(w, out, 8, 0) == 6, "all events are returned");
  ok(out[0].fd == 3 && out[0].mask == POLLER_IN, "a readable socket");
  ok(out[1].fd == 4 && out[1].mask == POLLER_OUT, "a writable socket");
  ok(out[2].fd == 5 && out[2].mask == (POLLER_IN | POLLER_ERR),
     "a closed peer, while reading");
  ok(out[3].fd == 6 && out[3].mask == (POLLER_IN | POLLER_OUT | POLLER_ERR),
     "a closed peer, while writing");
  ok(out[4].fd == 7 && (out[4].mask & POLLER_ERR), "a failed socket");
  ok(out[5].fd == 3 && out[5].mask == POLLER_OUT,
     "each direction is an event of its own");
  prepared.on = 0;
  poller_free(w);
}

static void creation (void) {
  poller *w;
  alloc_start(0, 0);
  prepare(EMFILE, 1);
  errno = 0;
  w = poller_new();
  ok(w == NULL && errno == EMFILE && alloc_live == 0,
     "no descriptor for a kqueue: reported, and nothing leaks");
  prepare(0, 0);
  w = poller_new();
  ok(w != NULL && noted.queues == 1 &&
     (fcntl(poller_fd(w), F_GETFD) & FD_CLOEXEC),
     "programs that are started do not inherit the kqueue");
  prepared.on = 0;
  poller_free(w);
  mem_set_allocator(NULL);
}

int main (void) {
  creation();
  changes();
  refusals();
  timeouts();
  events();
  poller_cases();
  return done();
}
