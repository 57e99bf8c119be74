/*
** poller.h
** A set of sockets that is waited for as one: epoll, kqueue or poll(2).
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_POLLER_H
#define PREDIBASE_POLLER_H

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Results taken from the kernel at once; they are kept on the C stack. */
#define POLLER_BATCH	128

enum { POLLER_IN = 1, POLLER_OUT = 2, POLLER_ERR = 4 };

typedef struct poller poller;

typedef struct poller_ready {
  int fd;
  unsigned mask;  /* of POLLER_IN, POLLER_OUT and POLLER_ERR */
} poller_ready;

/* Makes an empty set. Returns NULL when there is no memory or descriptor. */
poller *poller_new (void);

/* Frees the set (NULL is allowed). The sockets in it stay open. */
void poller_free (poller *w);

/*
** The set's own descriptor, readable while anything in the set is ready;
** -1 when the system has no such thing (poll).
*/
int poller_fd (const poller *w);

/*
** Watches fd for 'mask' (POLLER_IN, POLLER_OUT or both) instead of what was
** asked before; 0 takes it out, which never fails. It does not matter
** whether fd was closed, or closed and opened anew, in between. Returns 0,
** or -1 and errno.
*/
int poller_set (poller *w, int fd, unsigned mask);

/*
** Waits until something is ready, at most timeout_ms (0 = only look,
** negative = no limit), and writes up to 'max' results. Level-triggered:
** what did not fit comes with the next call. Returns how many (a signal or
** a closed socket may end the wait early with 0), or -1 and errno. A peer
** that hung up shows as POLLER_IN | POLLER_ERR, so that a reader sees the
** end. The same fd may be written twice, once for each direction.
*/
int poller_wait (poller *w, poller_ready *out, int max, int timeout_ms);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
