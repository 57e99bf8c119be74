/*
** easy_setup.h - what libcurl is told about one exchange
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_EASY_SETUP_H
#define PREDIBASE_EASY_SETUP_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

typedef size_t (*easy_setup_sink) (char *s, size_t size, size_t n, void *ud);

/*
** A new or reset handle is told of its target once (and of the sockets of its
** pool), and of each request for it. Both return NULL, or a constant text that
** says what libcurl refused.
*/
const char *easy_setup_target (CURL *easy, const target *t, sockets *s,
                          easy_setup_sink on_header, easy_setup_sink on_body);
const char *easy_setup_request (CURL *easy, exchange *x,
                           const exchange_options *o);

/* Takes everything of an exchange out again; what is the target's stays. */
void easy_setup_clear (CURL *easy);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
