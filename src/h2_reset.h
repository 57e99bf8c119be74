/*
** h2_reset.h - makes libcurl send the reset of an HTTP/2 stream at once
** SPDX-License-Identifier: MIT
** Works around libcurl: see h2_reset_is_late.
*/

#ifndef PREDIBASE_H2_RESET_H
#define PREDIBASE_H2_RESET_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Returns 1 if this version of libcurl delays the reset of an HTTP/2 stream.
** From 7.88 to 8.14 it stays in a buffer until the connection is used again
** (curl issue 17611), and the server continues to generate text.
*/
int h2_reset_is_late (unsigned version);

/*
** Returns the local port of x's connection, by which h2_reset_flush recognises
** it; to be called while libcurl has x. 0: unknown, or the connection carries
** no other stream.
*/
long h2_reset_port (const exchange *x);

/*
** Flushes the reset of 'ended', which libcurl no longer has, if another
** exchange in 'all' (the list of its pool) uses its connection. Returns 1 if
** there is one. From libcurl 8.1 on, the bytes are sent when libcurl runs its
** timers, so the caller should then make libcurl run them at once.
*/
int h2_reset_flush (const list *all, const exchange *ended, long port);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
