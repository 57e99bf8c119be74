/*
** kqueue_numbers.c - compares kqueue/sys/event.h with a system's own header
** SPDX-License-Identifier: MIT
** Compiles with each of them if the numbers are the same.
*/

#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>

#define IS(name, number) \
  typedef char is_##name[(name) == (number) ? 1 : -1]

#if defined(__NetBSD__)  /* numbers its filters from 0 on */
IS(EVFILT_READ, 0);
IS(EVFILT_WRITE, 1);
#else
IS(EVFILT_READ, -1);
IS(EVFILT_WRITE, -2);
#endif
IS(EV_ADD, 0x0001);
IS(EV_DELETE, 0x0002);
IS(EV_ERROR, 0x4000);
IS(EV_EOF, 0x8000);
