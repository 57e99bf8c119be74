/*
** transfer_error.h - turns libcurl's error into the failure of an exchange
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_TRANSFER_ERROR_H
#define PREDIBASE_TRANSFER_ERROR_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Sets the failure of x: the one that a callback has stored when it stopped the
** transfer, or else the one that libcurl's code means. x must still have its
** easy handle, which knows how far the transfer got.
*/
void transfer_error_set (exchange *x, CURLcode code);

/*
** Returns 1 if the only error is that the server closed the connection without
** ending TLS, after a response whose body ends with its connection. libcurl up
** to 8.0 accepts that as the end of the body, so this library always does; the
** content of the body shows if it is complete. Must be called before
** transfer_error_set.
*/
int transfer_error_is_body_end (const exchange *x, CURLcode code);

/*
** Returns 1 if libcurl has stopped an error response at a Transfer-Encoding
** that nobody asked for, as it does since 8.14 in the middle of the head. The
** status says more than that. Must be called before transfer_error_set.
*/
int transfer_error_is_coded_error (const exchange *x, CURLcode code);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
