/*
** easy_setup.h - sets the options of libcurl's easy handles
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_EASY_SETUP_H
#define PREDIBASE_EASY_SETUP_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* The type of libcurl's callbacks for header lines and for body bytes. */
typedef size_t (*easy_setup_sink) (char *s, size_t size, size_t n, void *ud);

/*
** easy_setup_target sets what all requests for a target have in common, on a
** new or reset handle; easy_setup_request sets what differs between them. Both
** return NULL, or a constant text that says what libcurl refused.
*/
const char *easy_setup_target (CURL *easy, const target *t, sockets *s,
                               easy_setup_sink on_header,
                               easy_setup_sink on_body);
const char *easy_setup_request (CURL *easy, exchange *x,
                                const exchange_options *o);

/* Removes what easy_setup_request has set. */
void easy_setup_clear (CURL *easy);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
