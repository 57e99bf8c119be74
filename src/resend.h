/*
** resend.h - limits and extends the automatic resending of requests
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_RESEND_H
#define PREDIBASE_RESEND_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** How often one request is sent at most. libcurl resends a request by itself,
** up to five times, when a kept connection turns out to be closed or the
** server refuses the HTTP/2 stream. Each time the model may start to generate.
*/
#define RESEND_MAX_SENDS 2

/* Callback for CURLOPT_PREREQFUNCTION: decides if the request may be sent over
** the connection that libcurl has chosen. 'ud' is the exchange. */
int resend_before_request (void *ud, char *remote_ip, char *local_ip,
                          int remote_port, int local_port);

/*
** Is called when libcurl has ended x with 'code'. Returns 1 if x has to be
** given to libcurl again, and prepares x for that: if its connection was
** unusable, and once, over HTTP/1.1, if HTTP/2 failed without a response
** before the body was sent, so that no model can have started.
*/
int resend_wanted (exchange *x, CURLcode code);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
