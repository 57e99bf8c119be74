/*
** h2_reset.h - a server hears at once that a stream was ended
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_H2_RESET_H
#define PREDIBASE_H2_RESET_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Does this libcurl hold the reset of an HTTP/2 stream back? Between 7.88 and
** 8.15 it stays in a buffer until its connection is used again (curl issue
** 17611): the server would not know that it can stop.
*/
int h2_reset_is_late (unsigned version);

/* What tells the connection of x apart, to be asked for while libcurl has it.
** 0: it is not known, or carries nothing else. */
long h2_reset_port (const exchange *x);

/* 'ended' was taken out of libcurl's hands: its reset goes out, if another
** one of 'all' (the list of its pool) uses its connection. Then 1: from libcurl
** 8.1 on only when libcurl runs its timers, which is to be done at once. */
int h2_reset_flush (exchange *all, const exchange *ended, long port);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
