/*
** other_libcurl.c - makes libcurl say that it is another one (LD_PRELOAD)
** SPDX-License-Identifier: MIT
** OTHER_LIBCURL is its version as a number in hexadecimal and the last of its
** protocols: "073200 https". It has http, too, unless that is "file".
*/

#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>

#undef curl_easy_setopt  /* a macro that checks types */

static const char *protocols[] = { "file", "http", NULL, NULL };

curl_version_info_data *curl_version_info (CURLversion age) {
  static curl_version_info_data data;
  const char *set = getenv("OTHER_LIBCURL");
  (void)age;
  data.version = "another one";
  data.version_num = (unsigned)strtoul(set, NULL, 16);
  data.protocols = protocols;
  if (strcmp(set + 7, "file") == 0) protocols[1] = NULL;
  if (strcmp(set + 7, "https") == 0) protocols[2] = "https";
  return &data;
}

static int has_https (void) {
  const char *set = getenv("OTHER_LIBCURL");
  return set == NULL || strcmp(set + 7, "https") == 0;
}

/* Values of all options are words of the machine here: longs and pointers. */
CURLcode curl_easy_setopt (CURL *easy, CURLoption option, ...) {
  static CURLcode (*real) (CURL *, CURLoption, ...);
  va_list args;
  void *value;
  va_start(args, option);
  value = va_arg(args, void *);
  va_end(args);
#if LIBCURL_VERSION_NUM >= 0x075500
  if (option == CURLOPT_PROTOCOLS_STR && !has_https()
      && strstr((const char *)value, "https") != NULL)
    return CURLE_UNSUPPORTED_PROTOCOL;
#endif
  if (real == NULL) {
    void *lib = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_NOLOAD);
    if (lib == NULL) lib = dlopen("libcurl.so", RTLD_LAZY | RTLD_NOLOAD);
    *(void **)&real = dlsym(lib, "curl_easy_setopt");
  }
  return real(easy, option, value);
}
