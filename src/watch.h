/*
** watch.h
** A set of sockets that is waited for as one: epoll, kqueue or poll(2).
** SPDX-License-Identifier: MIT
*/

#ifndef WATCH_H
#define WATCH_H

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Results taken from the kernel at once; they are kept on the C stack. */
#define WATCH_BATCH	128

enum { WATCH_IN = 1, WATCH_OUT = 2, WATCH_ERR = 4 };

typedef struct watch watch;

typedef struct watch_ready {
  int fd;
  unsigned mask;  /* of WATCH_IN, WATCH_OUT and WATCH_ERR */
} watch_ready;

/* Makes an empty set. Returns NULL when there is no memory or descriptor. */
watch *watch_new (void);

/* Frees the set (NULL is allowed). The sockets in it stay open. */
void watch_free (watch *w);

/*
** The set's own descriptor, readable while anything in the set is ready;
** -1 when the system has no such thing (poll).
*/
int watch_fd (const watch *w);

/*
** Watches fd for 'mask' (WATCH_IN, WATCH_OUT or both) instead of what was
** asked before; 0 takes it out, which never fails. It does not matter
** whether fd was closed, or closed and opened anew, in between. Returns 0,
** or -1 and errno.
*/
int watch_set (watch *w, int fd, unsigned mask);

/*
** Waits until something is ready, at most timeout_ms (0 = only look,
** negative = no limit), and writes up to 'max' results. Level-triggered:
** what did not fit comes with the next call. Returns how many (a signal or
** a closed socket may end the wait early with 0), or -1 and errno. A peer
** that hung up shows as WATCH_IN | WATCH_ERR, so that a reader sees the
** end. The same fd may be written twice, once for each direction.
*/
int watch_wait (watch *w, watch_ready *out, int max, int timeout_ms);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
