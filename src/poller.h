/*
** poller.h - waits for many sockets at once: epoll, kqueue or poll(2)
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_POLLER_H
#define PREDIBASE_POLLER_H

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* The most results of one wait; they are on the C stack. */
#define POLLER_BATCH 128

enum { POLLER_IN = 1, POLLER_OUT = 2, POLLER_ERR = 4 };

typedef struct poller poller;

typedef struct poller_ready {
  int fd;
  unsigned mask;  /* of POLLER_IN, POLLER_OUT and POLLER_ERR */
} poller_ready;

/* Makes an empty set. Returns NULL if memory or descriptors ran out. */
poller *poller_new (void);

/* Frees the set (NULL is allowed). Its sockets stay open. */
void poller_free (poller *w);

/*
** Returns a descriptor that is readable while a socket of the set is ready; -1
** if the system has none (poll).
*/
int poller_fd (const poller *w);

/*
** Waits for 'mask' (POLLER_IN, POLLER_OUT or both) on fd from now on; 0
** removes fd, which never fails. fd may have been closed since the last call,
** also if it is now the number of another socket. Returns 0, or -1 and errno.
*/
int poller_set (poller *w, int fd, unsigned mask);

/*
** Waits until a socket is ready, at most timeout_ms (0: do not wait, negative:
** no limit), and writes up to 'max' results. The next call returns those that
** did not fit. Returns their number (0 also after a signal or the close of a
** socket, and on Windows after 100 ms), or -1 and errno. A closed peer is
** reported as POLLER_IN | POLLER_ERR, so that readers see the end. The same fd
** may be reported twice, once for each direction.
*/
int poller_wait (poller *w, poller_ready *out, int max, int timeout_ms);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
