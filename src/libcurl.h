/*
** libcurl.h - the headers of libcurl, if they are new enough
** SPDX-License-Identifier: MIT
** predibase.requirements checks the library itself when it has been loaded.
*/

#ifndef PREDIBASE_LIBCURL_H
#define PREDIBASE_LIBCURL_H

#if defined(__has_include)
#if !__has_include(<curl/curl.h>)
#error "predibase needs the headers of libcurl 7.68 or newer (docs/install.md)"
#endif
#endif

#include <curl/curl.h>

#if LIBCURL_VERSION_NUM < 0x074400
#error "predibase needs the headers of libcurl 7.68 or newer (docs/install.md)"
#endif

#endif
