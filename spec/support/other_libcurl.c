/*
** other_libcurl.c - makes libcurl say that it is another one (LD_PRELOAD)
** SPDX-License-Identifier: MIT
** OTHER_LIBCURL is its version as a number in hexadecimal and the last of its
** protocols: "073200 https". It has http, too, unless that is "file".
*/

#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>

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
