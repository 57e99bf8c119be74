/*
** h2_unread.h - makes old libcurl process HTTP/2 frames that it has buffered
** SPDX-License-Identifier: MIT
** Works around libcurl: see h2_unread.c.
*/

#ifndef PREDIBASE_H2_UNREAD_H
#define PREDIBASE_H2_UNREAD_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Returns 1 if this version of libcurl leaves frames unprocessed. */
int h2_unread_happens (unsigned version);

/* Notes that libcurl has delivered n bytes for x, or has been told to keep
** them because x is paused. */
void h2_unread_note (exchange *x, size_t n);

/* Notes that libcurl no longer has x. */
void h2_unread_leave (exchange *x);

/*
** Makes libcurl run those transfers of the list again that may hold back
** unprocessed frames. Returns 0 if there are none. Afterwards there may be new
** ones, so the caller repeats this.
*/
int h2_unread_rerun (list *l);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
