/*
** tls_pending.h - finds bytes that the TLS library has decrypted
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_TLS_PENDING_H
#define PREDIBASE_TLS_PENDING_H

#include "libcurl.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Returns 1 if the TLS library has decrypted bytes on the connection of this
** transfer that libcurl has not read. The socket does not show them any more,
** and libcurl does not report them. Also returns 1 where this cannot be found
** out; 0 without TLS.
*/
int tls_has_pending (CURL *easy);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
