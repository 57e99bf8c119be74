/*
** poller.c - waits for many sockets at once
** SPDX-License-Identifier: MIT
** epoll on Linux, kqueue on BSD and macOS, poll(2) elsewhere (on Windows, where
** it is called WSAPoll) or with -DPOLLER_USES_POLL.
*/

#include "poller.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#if !defined(POLLER_USES_POLL) && !defined(POLLER_USES_KQUEUE) && \
    !defined(POLLER_USES_EPOLL)
#if defined(__linux__)
#define POLLER_USES_EPOLL
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || \
      defined(__OpenBSD__) || defined(__DragonFly__)
#define POLLER_USES_KQUEUE
#else
#define POLLER_USES_POLL
#endif
#endif

#if defined(POLLER_USES_EPOLL)

#include <sys/epoll.h>
#include <unistd.h>

struct poller {
  int fd;
};

poller *poller_new (void) {
  poller *w = mem_realloc(NULL, sizeof *w);
  if (w == NULL)
    return NULL;
  w->fd = epoll_create1(EPOLL_CLOEXEC);
  if (w->fd < 0) {
    mem_realloc(w, 0);
    return NULL;
  }
  return w;
}

void poller_free (poller *w) {
  if (w == NULL)
    return;
  close(w->fd);
  mem_realloc(w, 0);
}

int poller_fd (const poller *w) {
  return w->fd;
}

/*
** The kernel removes a socket when it is closed, and its number may be used
** again. So this asks the kernel instead of keeping a table, which would
** become wrong.
*/
int poller_set (poller *w, int fd, unsigned mask) {
  struct epoll_event ev = { 0 };
  ev.data.fd = fd;
  if (mask & POLLER_IN)
    ev.events |= EPOLLIN;
  if (mask & POLLER_OUT)
    ev.events |= EPOLLOUT;
  if (mask == 0) {
    epoll_ctl(w->fd, EPOLL_CTL_DEL, fd, &ev);  /* fails if it is closed */
    return 0;
  }
  if (epoll_ctl(w->fd, EPOLL_CTL_MOD, fd, &ev) == 0)
    return 0;
  if (errno != ENOENT)
    return -1;
  if (epoll_ctl(w->fd, EPOLL_CTL_ADD, fd, &ev) == 0)
    return 0;
  return (errno == EEXIST) ? epoll_ctl(w->fd, EPOLL_CTL_MOD, fd, &ev) : -1;
}

int poller_wait (poller *w, poller_ready *out, int max, int timeout_ms) {
  struct epoll_event evs[POLLER_BATCH];
  int i, n;
  n = epoll_wait(w->fd, evs, (max < POLLER_BATCH) ? max : POLLER_BATCH,
                 timeout_ms);
  if (n < 0)
    return (errno == EINTR) ? 0 : -1;
  for (i = 0; i < n; i++) {
    unsigned events = evs[i].events, mask = 0;
    if (events & (EPOLLIN | EPOLLHUP))
      mask |= POLLER_IN;
    if (events & EPOLLOUT)
      mask |= POLLER_OUT;
    if (events & (EPOLLERR | EPOLLHUP))
      mask |= POLLER_ERR;
    out[i].fd = evs[i].data.fd;
    out[i].mask = mask;
  }
  return n;
}

#elif defined(POLLER_USES_KQUEUE)

#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#include <fcntl.h>
#include <unistd.h>

struct poller {
  int fd;
};

poller *poller_new (void) {
  poller *w = mem_realloc(NULL, sizeof *w);
  if (w == NULL)
    return NULL;
  w->fd = kqueue();
  if (w->fd < 0) {
    mem_realloc(w, 0);
    return NULL;
  }
  fcntl(w->fd, F_SETFD, FD_CLOEXEC);
  return w;
}

void poller_free (poller *w) {
  if (w == NULL)
    return;
  close(w->fd);
  mem_realloc(w, 0);
}

int poller_fd (const poller *w) {
  return w->fd;
}

/* Turns one direction on or off. EV_ADD also changes an existing event. */
static int direction (poller *w, int fd, short filter, int on) {
  struct kevent change;
  EV_SET(&change, (uintptr_t)fd, filter,
         (unsigned short)(on ? EV_ADD : EV_DELETE), 0, 0, 0);
  while (kevent(w->fd, &change, 1, NULL, 0, NULL) != 0)
    if (errno != EINTR)
      return on ? -1 : 0;  /* deleting fails if fd is closed */
  return 0;
}

int poller_set (poller *w, int fd, unsigned mask) {
  int in = (mask & POLLER_IN) != 0, out = (mask & POLLER_OUT) != 0;
  if (direction(w, fd, EVFILT_READ, in) != 0)
    return -1;
  return direction(w, fd, EVFILT_WRITE, out);
}

int poller_wait (poller *w, poller_ready *out, int max, int timeout_ms) {
  struct kevent evs[POLLER_BATCH];
  struct timespec limit;
  /* kevent takes an int, on NetBSD a size_t; this type fits into both */
  unsigned char most = (max < POLLER_BATCH) ? (unsigned char)max : POLLER_BATCH;
  int i, n;
  limit.tv_sec = timeout_ms / 1000;
  limit.tv_nsec = (timeout_ms % 1000) * 1000000L;
  n = kevent(w->fd, NULL, 0, evs, most, (timeout_ms < 0) ? NULL : &limit);
  if (n < 0)
    return (errno == EINTR) ? 0 : -1;
  for (i = 0; i < n; i++) {
    unsigned mask = (evs[i].filter == EVFILT_READ) ? POLLER_IN : POLLER_OUT;
    if (evs[i].flags & EV_EOF)
      mask |= POLLER_IN | POLLER_ERR;
    if (evs[i].flags & EV_ERROR)
      mask |= POLLER_ERR;
    out[i].fd = (int)evs[i].ident;
    out[i].mask = mask;
  }
  return n;
}

#else  /* poll */

#include "socket_calls.h"

/* The first capacity: more sockets than most programs have. */
#define POLLER_FIRST 16

struct poller {
  struct pollfd *fds;
  size_t n, cap;
  size_t next;  /* where to look first, so that each socket gets its turn */
};

poller *poller_new (void) {
  poller *w = mem_realloc(NULL, sizeof *w);
  if (w == NULL)
    return NULL;
  w->fds = NULL;
  w->n = w->cap = w->next = 0;
  return w;
}

void poller_free (poller *w) {
  if (w == NULL)
    return;
  mem_realloc(w->fds, 0);
  mem_realloc(w, 0);
}

int poller_fd (const poller *w) {
  (void)w;
  return -1;
}

static int grow (poller *w) {
  size_t cap = (w->cap == 0) ? POLLER_FIRST : w->cap * 2;
  struct pollfd *fds = mem_realloc(w->fds, cap * sizeof *fds);
  if (fds == NULL) {
    errno = ENOMEM;
    return -1;
  }
  w->fds = fds;
  w->cap = cap;
  return 0;
}

/* A linear search is good enough: poll looks at all sockets anyway. */
int poller_set (poller *w, int fd, unsigned mask) {
  size_t i = 0;
  short events = 0;
  if (mask & POLLER_IN)
    events |= POLLIN;
  if (mask & POLLER_OUT)
    events |= POLLOUT;
  while (i < w->n && w->fds[i].fd != (socket_number)fd)
    i++;
  if (mask == 0) {
    if (i < w->n)
      w->fds[i] = w->fds[--w->n];
    return 0;
  }
  if (i == w->n) {
    if (w->n == w->cap && grow(w) != 0)
      return -1;
    w->n++;
  }
  w->fds[i].fd = (socket_number)fd;
  w->fds[i].events = events;
  w->fds[i].revents = 0;
  return 0;
}

int poller_wait (poller *w, poller_ready *out, int max, int timeout_ms) {
  size_t looked, i;
  int n = 0;
  int found = socket_poll(w->fds, w->n, timeout_ms);
  if (found < 0)
    return -1;
  i = w->next;
  for (looked = 0; looked < w->n && found > 0 && n < max; looked++, i++) {
    unsigned mask = 0;
    short events;
    if (i >= w->n)
      i = 0;
    events = w->fds[i].revents;
    if (events == 0)
      continue;
    found--;
    if (events & POLLNVAL) {
      w->fds[i].events = 0;  /* closed: removed below */
      continue;
    }
    if (events & (POLLIN | POLLHUP))
      mask |= POLLER_IN;
    if (events & POLLOUT)
      mask |= POLLER_OUT;
    if (events & (POLLERR | POLLHUP))
      mask |= POLLER_ERR;
    out[n].fd = (int)w->fds[i].fd;
    out[n].mask = mask;
    n++;
  }
  w->next = i;
  for (i = w->n; i > 0; i--) {
    if (w->fds[i - 1].events == 0)
      w->fds[i - 1] = w->fds[--w->n];
  }
  return n;
}

#endif
