/*
** tls_pending.h - bytes that a TLS library has decrypted and libcurl has not read
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_TLS_PENDING_H
#define PREDIBASE_TLS_PENDING_H

#include <curl/curl.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Are there such bytes on the connection of a transfer that libcurl has? They
** are in no socket any more, and libcurl neither reads nor tells of them. Also
** 1 where this cannot be known. 0 without TLS.
*/
int tls_has_pending (CURL *easy);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
