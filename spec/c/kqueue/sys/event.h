/*
** sys/event.h - kqueue on Linux, for tests of the code that BSD and macOS use
** SPDX-License-Identifier: MIT
** The types and the numbers are those of macOS and FreeBSD, as far as poller.c
** uses them; kqueue_numbers.c compares them with the headers of the systems
** themselves. The two functions do with epoll what the manual page kqueue(2)
** promises for sockets and pipes.
*/

#ifndef PREDIBASE_KQUEUE_EVENT_H
#define PREDIBASE_KQUEUE_EVENT_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

struct kevent {
  uintptr_t ident;  /* the descriptor */
  int16_t filter;
  uint16_t flags;
  uint32_t fflags;
  intptr_t data;
  void *udata;
};

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

#define EV_SET(to, id, f, fl, ff, d, u) \
  ((to)->ident = (id), (to)->filter = (int16_t)(f), (to)->flags = (fl), \
   (to)->fflags = (ff), (to)->data = (d), (to)->udata = (void *)(u))

static inline int kqueue (void) {
  return epoll_create1(0);
}

/* Returns the events of epoll that are registered for fd, which the kernel
** lists. It forgets closed descriptors, as kqueue does. */
static inline unsigned kqueue_registered (int kq, int fd) {
  char line[256];
  unsigned found = 0;
  FILE *list;
  snprintf(line, sizeof line, "/proc/self/fdinfo/%d", kq);
  list = fopen(line, "re");
  if (list == NULL)
    return 0;
  while (fgets(line, sizeof line, list) != NULL) {
    int listed;
    unsigned events;
    if (sscanf(line, "tfd: %d events: %x", &listed, &events) == 2 &&
        listed == fd)
      found = events & (EPOLLIN | EPOLLOUT);
  }
  fclose(list);
  return found;
}

/* Makes one change. Returns 0 or an error number. */
static inline int kqueue_change (int kq, const struct kevent *change) {
  int fd = (int)change->ident;
  unsigned one = change->filter == EVFILT_READ ? EPOLLIN : EPOLLOUT;
  unsigned before = kqueue_registered(kq, fd);
  struct epoll_event ev;
  memset(&ev, 0, sizeof ev);
  ev.events = change->flags & EV_ADD ? before | one : before & ~one;
  ev.data.u64 = (uint64_t)ev.events << 32 | (uint32_t)fd;
  if (ev.events & EPOLLIN)
    ev.events |= EPOLLRDHUP;
  if ((change->flags & EV_DELETE) && !(before & one))
    return fcntl(fd, F_GETFD) < 0 ? EBADF : ENOENT;
  return epoll_ctl(kq, before == 0 ? EPOLL_CTL_ADD : ev.events == 0 ?
                   EPOLL_CTL_DEL : EPOLL_CTL_MOD, fd, &ev) == 0 ? 0 : errno;
}

/* Writes what epoll has reported for one descriptor and one filter. Returns the
** number of events: 0 if the filter was not asked for or has no news. */
static inline int kqueue_report (const struct epoll_event *ev, int filter,
                                 struct kevent *to) {
  unsigned one = filter == EVFILT_READ ? EPOLLIN : EPOLLOUT;
  unsigned wanted = (unsigned)(ev->data.u64 >> 32);
  unsigned over = EPOLLHUP | EPOLLERR;
  if (filter == EVFILT_READ)
    over |= EPOLLRDHUP;
  if (!(wanted & one) || !(ev->events & (one | over)))
    return 0;
  EV_SET(to, (uint32_t)ev->data.u64, filter,
         (ev->events & over) ? EV_ADD | EV_EOF : EV_ADD, 0, 0, 0);
  return 1;
}

static inline int kevent (int kq, const struct kevent *changes, int nchanges,
                          struct kevent *events, int nevents,
                          const struct timespec *timeout) {
  static int turn;  /* which filter comes first where only one has room */
  struct epoll_event found[128];
  int i, j, n, count = 0;
  for (i = 0; i < nchanges; i++) {
    int error = kqueue_change(kq, &changes[i]);
    if (error != 0 && count >= nevents) {
      errno = error;
      return -1;
    }
    if (error != 0) {
      events[count] = changes[i];
      events[count].flags = EV_ERROR;
      events[count++].data = error;
    }
  }
  if (count > 0 || nevents == 0)
    return count;
  n = epoll_wait(kq, found, nevents < 128 ? nevents : 128, timeout == NULL ? -1
                 : (int)(timeout->tv_sec * 1000 + timeout->tv_nsec / 1000000));
  turn = !turn;
  for (j = 0; j < 2; j++)
    for (i = 0; i < n && count < nevents; i++)
      count += kqueue_report(&found[i], j == turn ? EVFILT_READ : EVFILT_WRITE,
                             &events[count]);
  return n < 0 ? -1 : count;
}

#endif
