/*
** transfer_error.h - what a transfer that broke means to the caller
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_TRANSFER_ERROR_H
#define PREDIBASE_TRANSFER_ERROR_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Ends x with the failure that libcurl's code stands for, or with the one
** that a callback of ours left when it stopped the transfer. Needs the easy
** handle, which knows how far it had come.
*/
void transfer_error_set (exchange *x, CURLcode code);

/*
** Is it the end of a body that ends with its connection, only that TLS was not
** told of it? libcurl up to 8.0 takes that for an end, and what the body holds
** tells whether it was one. Before 'verdict'.
*/
int transfer_error_is_body_end (const exchange *x, CURLcode code);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
