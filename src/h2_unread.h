/*
** h2_unread.h - what libcurl has read of a shared connection and left lying
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_H2_UNREAD_H
#define PREDIBASE_H2_UNREAD_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Does this libcurl leave anything lying? */
int h2_unread_happens (unsigned version);

/* libcurl has handed on n bytes for x, or has been told to wait with them. */
void h2_unread_note (exchange *x, size_t n);

/* libcurl no longer has x. */
void h2_unread_leave (exchange *x);

/*
** Tells libcurl to run the transfers again behind which there may be more;
** returns 0 when there are none. What that brings may leave more lying.
*/
int h2_unread_rerun (exchange_list *l);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
