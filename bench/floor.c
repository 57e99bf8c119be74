/*
** floor.c - the minimal libcurl client: receives responses and discards them
** SPDX-License-Identifier: MIT
** usage: floor stream|generate|first URL COUNT REQUEST
**        floor many URL STREAMS TOKENS REQUEST
** Uses libcurl's multi interface with curl_multi_socket_action over epoll.
** REQUEST is a file with a request of the library; this program sends the same
** request. stream: one response of COUNT tokens. generate: COUNT calls on one
** connection. first: COUNT streams, one after the other. many: STREAMS streams
** at once from pace.c, with TOKENS tokens each. Prints lines "NAME VALUE".
*/

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "wire.h"

#define EVENTS 128
#define REQUEST_MAX 8192

#define DELAY_STEP 10 /* microseconds in one bucket */
#define DELAY_BUCKETS 100000

static CURLM *multi;
static int set; /* the epoll set */
static int64_t curl_at = INT64_MAX;
static long finished;

static struct curl_slist *headers;
static char request[REQUEST_MAX];
static const char *body;

/* When the first byte of the current body arrived, 0 before that; and the CPU
** time at that moment. */
static int64_t first_at;
static double first_cpu_us;

/* --- callbacks of libcurl ------------------------------------------------- */

/* The fourth argument is NULL until curl_multi_assign was called for fd. */
static int on_socket (CURL *easy, curl_socket_t fd, int what, void *ud,
                      void *known) {
  struct epoll_event ev = {0};
  (void)easy;
  (void)ud;
  ev.data.fd = fd;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(set, EPOLL_CTL_DEL, fd, &ev);
    return 0;
  }
  if (what != CURL_POLL_OUT) ev.events |= EPOLLIN;
  if (what != CURL_POLL_IN) ev.events |= EPOLLOUT;
  epoll_ctl(set, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
  if (known == NULL) curl_multi_assign(multi, fd, &set);
  return 0;
}

static int on_timer (CURLM *m, long ms, void *ud) {
  (void)m;
  (void)ud;
  curl_at = ms < 0 ? INT64_MAX : wire_now() + ms * 1000000;
  return 0;
}

static void take_finished (void) {
  CURLMsg *m;
  int left;
  while ((m = curl_multi_info_read(multi, &left)) != NULL) {
    CURL *easy = m->easy_handle;
    if (m->msg != CURLMSG_DONE) continue;
    if (m->data.result != CURLE_OK)
      wire_die("floor", curl_easy_strerror(m->data.result));
    curl_multi_remove_handle(multi, easy);
    finished++;
  }
}

static void step (void) {
  struct epoll_event events[EVENTS];
  int i, n, running, wait = -1;
  if (curl_at != INT64_MAX) {
    int64_t left = curl_at - wire_now();
    wait = left > 0 ? (int)((left + 999999) / 1000000) : 0;
  }
  n = epoll_wait(set, events, EVENTS, wait);
  for (i = 0; i < n; i++) {
    unsigned e = events[i].events;
    int mask = ((e & (EPOLLIN | EPOLLHUP)) ? CURL_CSELECT_IN : 0) |
               ((e & EPOLLOUT) ? CURL_CSELECT_OUT : 0) |
               ((e & EPOLLERR) ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(multi, events[i].data.fd, mask, &running);
  }
  if (curl_at != INT64_MAX && curl_at <= wire_now()) {
    curl_at = INT64_MAX;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  take_finished();
}

/* --- the request ---------------------------------------------------------- */

/* All header fields of the request except those that libcurl adds itself. */
static void read_request (const char *path) {
  FILE *f = fopen(path, "r");
  char *line, *next;
  size_t n = f != NULL ? fread(request, 1, sizeof request - 1, f) : 0;
  if (n == 0 || wire_request(request, n) != n)
    wire_die("floor", "the file REQUEST contains no request");
  fclose(f);
  headers = curl_slist_append(NULL, "expect:");
  for (line = strstr(request, "\r\n") + 2; *line != '\r'; line = next) {
    next = strstr(line, "\r\n") + 2;
    next[-2] = '\0';
    if (strncasecmp(line, "host:", 5) != 0 &&
        strncasecmp(line, "content-length:", 15) != 0)
      headers = curl_slist_append(headers, line);
  }
  body = line + 2;
}

typedef size_t (*sink) (char *s, size_t size, size_t n, void *ud);

static CURL *new_easy (const char *url, sink write) {
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write);
  return easy;
}

/* --- one at a time -------------------------------------------------------- */

static size_t forget (char *s, size_t size, size_t n, void *ud) {
  (void)s;
  (void)ud;
  if (first_at == 0) {
    first_at = wire_now();
    first_cpu_us = wire_cpu_us();
  }
  return size * n;
}

static void perform (CURL *easy) {
  long before = finished;
  first_at = 0;
  curl_multi_add_handle(multi, easy);
  while (finished == before) step();
}

static int ascending (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void one_by_one (const char *job, const char *url, long count) {
  CURL *easy = new_easy(url, forget);
  long i, calls = strcmp(job, "stream") == 0 ? 1 : count;
  double *us = calloc((size_t)calls, sizeof *us);
  double *cpu_us = calloc((size_t)calls, sizeof *cpu_us), cpu = wire_cpu_us();
  int64_t began = wire_now();
  if (us == NULL || cpu_us == NULL) wire_die("floor", "not enough memory");
  for (i = 0; i < calls; i++) {
    int64_t start = wire_now();
    double start_cpu = wire_cpu_us();
    perform(easy);
    us[i] = (double)(first_at - start) / 1e3;
    cpu_us[i] = first_cpu_us - start_cpu;
  }
  if (strcmp(job, "stream") == 0) {
    printf("tokens_per_cpu_s %.0f\n", (double)count * 1e6 /
                                      (wire_cpu_us() - cpu));
  } else if (strcmp(job, "generate") == 0) {
    printf("calls_per_s %.0f\n", (double)calls * 1e9 /
                                 (double)(wire_now() - began));
    printf("cpu_us_per_call %.2f\n", (wire_cpu_us() - cpu) / (double)calls);
  } else {
    qsort(us, (size_t)calls, sizeof *us, ascending);
    qsort(cpu_us, (size_t)calls, sizeof *cpu_us, ascending);
    printf("first_us_p50 %.1f\n", us[calls / 2]);
    printf("first_cpu_us_p50 %.1f\n", cpu_us[calls / 2]);
  }
  curl_easy_cleanup(easy);
  free(us);
  free(cpu_us);
}

/* --- many at once --------------------------------------------------------- */

static struct {
  long streams, tokens;
  long open;           /* streams whose first token has arrived */
  size_t bytes;        /* received bytes of all bodies */
  size_t begin, half;  /* bytes at which the first half begins and ends */
  int timing;
  double cpu, cpu_us, rss_kib, open_rss_kib;
  unsigned *delays;
  unsigned long samples;
} many;

static double rss_kib (void) {
  long pages = 0, resident = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f == NULL || fscanf(f, "%ld %ld", &pages, &resident) != 2)
    wire_die("floor", "/proc/self/statm cannot be read");
  fclose(f);
  return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024.0;
}

/* Called when all streams are open, and when half of the tokens have arrived:
** changes to the next part of the measurement. */
static void change_window (void) {
  if (many.cpu == 0) {
    many.begin = many.bytes;
    many.half = (size_t)(many.streams * (1 + PLAIN_TOKENS(many.tokens))) *
                PLAIN_LEN;
    many.open_rss_kib = rss_kib();
    many.cpu = wire_cpu_us();
    return;
  }
  many.cpu_us = (wire_cpu_us() - many.cpu) * (double)PLAIN_LEN /
                (double)(many.bytes - many.begin);
  many.rss_kib = rss_kib();
  many.delays = calloc(DELAY_BUCKETS, sizeof *many.delays);
  if (many.delays == NULL) wire_die("floor", "not enough memory");
  many.timing = 1;
  many.half = SIZE_MAX;
}

static void take_stamps (const char *s, size_t n) {
  static const char mark[] = "\"text\":\"";
  int64_t now = wire_now();
  const char *at = s, *end = s + n;
  while ((at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1))) {
    at += sizeof mark - 1;
    if (end - at >= STAMP_LEN && *at == '0') {  /* a time stamp, not a word */
      int64_t delay = (now - strtoll(at, NULL, 10)) / 1000 / DELAY_STEP;
      many.delays[delay < DELAY_BUCKETS ? delay : DELAY_BUCKETS - 1]++;
      many.samples++;
    }
  }
}

static size_t count_bytes (char *s, size_t size, size_t n, void *ud) {
  int *seen = ud;
  (void)size;
  many.bytes += n;
  if (!*seen) {
    *seen = 1;
    if (++many.open == many.streams) change_window();
  }
  if (many.timing) take_stamps(s, n);
  else if (many.bytes >= many.half) change_window();
  return n;
}

static double percentile (double share) {
  unsigned long seen = 0;
  int i;
  for (i = 0; i < DELAY_BUCKETS; i++) {
    seen += many.delays[i];
    if ((double)seen >= (double)many.samples * share) break;
  }
  return (double)(i + 1) * DELAY_STEP / 1000.0;
}

static void all_at_once (const char *url, long streams, long tokens) {
  CURL **easy = calloc((size_t)streams, sizeof *easy);
  int *seen = calloc((size_t)streams, sizeof *seen);
  char first[256];
  size_t least;
  double before;
  int64_t began;
  long i;
  if (easy == NULL || seen == NULL) wire_die("floor", "not enough memory");
  wire_need_descriptors("floor", (unsigned long)streams);
  /* a first stream creates everything that all streams share */
  snprintf(first, sizeof first, "%.*s/1/1/1000/generate_stream",
           (int)(strchr(url + strlen("http://"), '/') - url), url);
  easy[0] = new_easy(first, forget);
  perform(easy[0]);
  curl_easy_cleanup(easy[0]);
  finished = 0;
  many.streams = streams;
  many.tokens = tokens;
  many.half = SIZE_MAX;
  before = rss_kib();
  began = wire_now();
  for (i = 0; i < streams; i++) {
    easy[i] = new_easy(url, count_bytes);
    curl_easy_setopt(easy[i], CURLOPT_WRITEDATA, &seen[i]);
    curl_multi_add_handle(multi, easy[i]);
  }
  while (many.cpu == 0) step();
  printf("open_s %.3f\n", (double)(wire_now() - began) / 1e9);
  while (finished < streams) step();
  least = (size_t)streams * ((size_t)(1 + tokens) * PLAIN_LEN +
                             strlen(wire_last));
  if (many.bytes < least) wire_die("floor", "the streams were cut");
  if (many.samples == 0) wire_die("floor", "no token had a time stamp");
  printf("cpu_us_per_token %.3f\nkib_per_stream %.2f\n"
         "open_kib_per_stream %.2f\ndelay_ms_p50 %.3f\ndelay_ms_p99 %.3f\n",
         many.cpu_us, (many.rss_kib - before) / (double)streams,
         (many.open_rss_kib - before) / (double)streams, percentile(0.5),
         percentile(0.99));
  for (i = 0; i < streams; i++) curl_easy_cleanup(easy[i]);
}

int main (int argc, char **argv) {
  int at_once = argc == 6 && strcmp(argv[1], "many") == 0;
  long count = argc >= 5 ? atol(argv[3]) : 0;
  if (count <= 0 || (!at_once && argc != 5))
    wire_die("floor", "usage: floor JOB URL COUNT [TOKENS] REQUEST");
  read_request(argv[argc - 1]);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  set = epoll_create1(0);
  multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  if (at_once) all_at_once(argv[2], count, atol(argv[4]));
  else one_by_one(argv[1], argv[2], count);
  curl_multi_cleanup(multi);
  return 0;
}
