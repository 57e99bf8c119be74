/*
** setup.h - what libcurl is told about one exchange
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_SETUP_H
#define PREDIBASE_SETUP_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

typedef size_t (*setup_sink) (char *s, size_t size, size_t n, void *ud);

/* May other requests be sent over the connection of one (HTTP/2)? Not known
** before the server has been asked. */
int setup_may_share (const target_options *o);

/*
** A new or reset handle is told of its target once (and of the sockets of its
** pool), and of each request for it. Both return NULL, or a constant text that
** says what libcurl refused.
*/
const char *setup_target (CURL *easy, const target_options *o, sockets *s,
                          setup_sink on_header, setup_sink on_body);
const char *setup_request (CURL *easy, exchange *x,
                           const exchange_options *o);

/* Takes everything of an exchange out again; what is the target's stays. */
void setup_forget (CURL *easy);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
