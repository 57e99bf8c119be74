/*
** resend.h - requests that go out once more without the caller knowing
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_RESEND_H
#define PREDIBASE_RESEND_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** How often one request is sent at most. libcurl sends it anew by itself when
** a kept connection turns out to have ended or the server refuses the stream
** (HTTP/2), up to five times, and each may reach the model.
*/
#define RESEND_MAX_SENDS 2

/* For CURLOPT_PREREQFUNCTION: there is a connection and nothing was sent over
** it yet. */
int resend_before_request (void *ud, char *remote_ip, char *local_ip,
                          int remote_port, int local_port);

/*
** libcurl is through with x. Is it to be given to libcurl once more? Then x is
** ready for that. It is, when the connection that it was to go over is of no
** use, and (once, over HTTP/1.1) when HTTP/2 failed without an answer before
** the body of the request was sent: no model can have begun.
*/
int resend_wanted (exchange *x, CURLcode code);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
