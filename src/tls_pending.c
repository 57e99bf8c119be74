/*
** tls_pending.c - finds bytes that the TLS library has decrypted
** SPDX-License-Identifier: MIT
** Asks the TLS library that libcurl has loaded. Linking with one would tie this
** module to it.
*/

#include <string.h>

#include "tls_pending.h"

static const struct {
  curl_sslbackend backend;
  const char *name;  /* a function that returns a connection's pending bytes */
  int is_size;       /* it returns size_t, not int */
} functions[] = {
  { CURLSSLBACKEND_OPENSSL, "SSL_pending", 0 },  /* and its forks */
  { CURLSSLBACKEND_GNUTLS, "gnutls_record_check_pending", 1 },
#if LIBCURL_VERSION_NUM < 0x080300
  { CURLSSLBACKEND_NSS, "SSL_DataPending", 0 },
#endif
  { CURLSSLBACKEND_WOLFSSL, "wolfSSL_pending", 0 },
  { CURLSSLBACKEND_MBEDTLS, "mbedtls_ssl_get_bytes_avail", 1 }
};

#define COUNT (sizeof functions / sizeof functions[0])

#if defined(_WIN32)

/* libcurl uses Schannel there, which has no such function. */
static void *address_of (const char *name) {
  (void)name;
  return NULL;
}

#else

#include <dlfcn.h>

/* Returns the address of a function in the libraries that this module is
** linked with, directly or not; NULL: not found. */
static void *address_of (const char *name) {
  static const char here = 0;
  Dl_info self;
  void *module = NULL, *found = NULL;
  if (dladdr(&here, &self) != 0)
    module = dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (module == NULL)  /* linked into a program */
    module = dlopen(NULL, RTLD_LAZY);
  if (module == NULL) return NULL;
  found = dlsym(module, name);
  dlclose(module);  /* it stays loaded: this code is part of it */
  return found;
}

#endif

static int call (const char *name, int is_size, void *connection) {
  void *address = address_of(name);
  int (*as_int) (void *);
  size_t (*as_size) (void *);
  if (address == NULL) return 1;
  if (is_size) {
    memcpy(&as_size, &address, sizeof as_size);
    return as_size(connection) > 0;
  }
  memcpy(&as_int, &address, sizeof as_int);
  return as_int(connection) > 0;
}

int tls_has_pending (CURL *easy) {
  struct curl_tlssessioninfo *info = NULL;
  size_t i;
  if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK ||
      info == NULL || info->internals == NULL)
    return 0;
  for (i = 0; i < COUNT; i++)
    if (functions[i].backend == info->backend)
      return call(functions[i].name, functions[i].is_size, info->internals);
  return 1;
}
