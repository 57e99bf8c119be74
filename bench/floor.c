/*
** floor.c - the least that a client on libcurl can do: receive and forget
** SPDX-License-Identifier: MIT
** usage: floor stream|generate|first URL COUNT
** stream: one answer of COUNT tokens; prints tokens per CPU-second.
** generate: COUNT calls on one connection; prints calls per second.
** first: COUNT streams; prints the median seconds to the first byte.
*/

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int waiting;
static double first;

static double now (clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t forget (char *s, size_t size, size_t n, void *ud) {
  (void)s;
  (void)ud;
  if (waiting) {
    first = now(CLOCK_MONOTONIC);
    waiting = 0;
  }
  return size * n;
}

static int ascending (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

int main (int argc, char **argv) {
  long count = argc == 4 ? atol(argv[3]) : 0, calls, i;
  struct curl_slist *headers = NULL;
  double *seconds, began;
  CURL *curl;
  if (count <= 0) return 64;
  calls = strcmp(argv[1], "stream") == 0 ? 1 : count;
  seconds = calloc((size_t)calls, sizeof *seconds);
  if (seconds == NULL) return 1;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  curl = curl_easy_init();
  headers = curl_slist_append(headers, "content-type: application/json");
  headers = curl_slist_append(headers, "expect:");
  curl_easy_setopt(curl, CURLOPT_URL, argv[2]);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "{\"inputs\":\"water\"}");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, forget);
  began = now(CLOCK_MONOTONIC);
  for (i = 0; i < calls; i++) {
    double start = now(CLOCK_MONOTONIC);
    waiting = 1;
    if (curl_easy_perform(curl) != CURLE_OK) return 1;
    seconds[i] = first - start;
  }
  if (strcmp(argv[1], "stream") == 0) {
    printf("%.0f\n", (double)count / now(CLOCK_PROCESS_CPUTIME_ID));
  } else if (strcmp(argv[1], "generate") == 0) {
    printf("%.0f\n", (double)calls / (now(CLOCK_MONOTONIC) - began));
  } else {
    qsort(seconds, (size_t)calls, sizeof *seconds, ascending);
    printf("%.7f\n", seconds[calls / 2]);
  }
  curl_easy_cleanup(curl);
  return 0;
}
