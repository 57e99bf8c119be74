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

/* Each returns NULL, or a constant text that says what libcurl refused. */
const char *setup_request (CURL *easy, exchange *x,
                           const exchange_options *o);
const char *setup_callbacks (CURL *easy, exchange *x, setup_sink on_header,
                             setup_sink on_body);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
