/*
** browsers.c - starts nginx and acts as its browsers, for the relay benchmark
** SPDX-License-Identifier: MIT
** usage: browsers FOLDER PATH STREAMS TOKENS WINDOW ENDING
** Starts nginx with FOLDER/nginx.conf, which includes FOLDER/listen.conf.
** Requests /pid for the process number of the only worker, /warm once, and then
** PATH with STREAMS requests at once; reads all responses to their end. Every
** response must end with the last chunk, and contain the bytes ENDING shortly
** before it. WINDOW says which CPU time of the worker is measured: "all", or
** "open" from the moment when every response has begun. Prints "NAME VALUE":
** tokens_per_cpu_s of the worker alone, kib_per_stream (growth of its resident
** memory to the peak), and, if tokens contain the time of their write,
** delay_ms_p50 and delay_ms_p99.
*/

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#define BACKLOG 4096
#define EVENTS 256
#define READ 65536
#define TAIL 512 /* bytes of an answer in which its end is looked for */
#define LOOK 100000000 /* nanoseconds between two looks at the memory */
#define STUCK 60000 /* milliseconds without a byte on any connection */
#define DELAY_STEP 10 /* microseconds in one bucket, as in floor.c */
#define DELAY_BUCKETS 1000000

typedef struct browser {
  int fd;
  size_t kept;
  char tail[TAIL];
} browser;

static const char last_chunk[] = "\r\n0\r\n\r\n";
static const char before_stamp[] = "\"text\":\"0";

static char bytes[READ];
static unsigned delays[DELAY_BUCKETS];
static unsigned long samples;

static pid_t nginx, worker;
static struct sockaddr_in address;

static void stop_nginx (void) {
  if (nginx <= 0) return;
  kill(nginx, SIGTERM);
  waitpid(nginx, NULL, 0);
  nginx = 0;
}

static void die (const char *why) {
  stop_nginx();
  wire_die("browsers", why);
}

/*
** nginx cannot report a port that the system chose. It accepts a socket that is
** already listening, through the mechanism that it uses to upgrade itself.
*/
static int listen_for_nginx (const char *folder) {
  char path[4096];
  socklen_t size = sizeof address;
  FILE *f;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
      listen(fd, BACKLOG) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0)
    die("cannot listen on the loopback");
  snprintf(path, sizeof path, "%s/listen.conf", folder);
  f = fopen(path, "w");
  if (f == NULL) die("cannot write listen.conf");
  fprintf(f, "listen 127.0.0.1:%d backlog=%d;\n", ntohs(address.sin_port),
          BACKLOG);
  fclose(f);
  return fd;
}

static void start_nginx (const char *folder) {
  char inherited[16], conf[4096];
  int fd = listen_for_nginx(folder);
  snprintf(inherited, sizeof inherited, "%d;", fd);
  snprintf(conf, sizeof conf, "%s/nginx.conf", folder);
  setenv("NGINX", inherited, 1);
  nginx = fork();
  if (nginx < 0) die("cannot start a process");
  if (nginx == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    execlp("nginx", "nginx", "-p", folder, "-c", conf, "-e", "stderr",
           (char *)NULL);
    _exit(127);
  }
  close(fd);
}

static double worker_cpu_s (void) {
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(worker, &clock) != 0 ||
      clock_gettime(clock, &t) != 0)
    die("the worker has ended");
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double worker_kib (void) {
  char path[64];
  long pages = 0;
  FILE *f;
  snprintf(path, sizeof path, "/proc/%d/statm", (int)worker);
  f = fopen(path, "r");
  if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
    die("the worker has ended");
  fclose(f);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static int ask (const char *path) {
  char request[1024];
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int len = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n"
                     "accept: text/event-stream\r\n\r\n", path);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) ||
      send(fd, request, (size_t)len, MSG_NOSIGNAL) != len)
    die("nginx accepts no request");
  return fd;
}

/* Requests a path and returns the whole short response as text. */
static const char *fetch (const char *path) {
  int fd = ask(path);
  size_t all = 0;
  ssize_t got;
  while (all < sizeof bytes - 1 &&
         (got = recv(fd, bytes + all, sizeof bytes - 1 - all, 0)) > 0)
    all += (size_t)got;
  close(fd);
  bytes[all] = '\0';
  if (strncmp(bytes, "HTTP/1.1 200 ", 13) != 0)
    die("nginx did not answer with status 200");
  return bytes;
}

static void warm_up (void) {
  const char *body = strstr(fetch("/pid"), "\r\n\r\n");
  worker = body != NULL ? (pid_t)atol(body) : 0;
  if (worker <= 0) die("nginx did not return the worker's process number");
  fetch("/warm");
}

/* A time stamp that is split between two reads is ignored. */
static void take_stamps (size_t n, int64_t now) {
  const char *at = bytes, *end = bytes + n;
  const size_t before = sizeof before_stamp - 2;
  while ((at = memmem(at, (size_t)(end - at), before_stamp, before + 1))) {
    int64_t late;
    at += before;
    if (end - at <= STAMP_LEN) return;
    late = (now - strtoll(at, NULL, 10)) / 1000 / DELAY_STEP;
    if (late >= 0)
      delays[late < DELAY_BUCKETS ? late : DELAY_BUCKETS - 1]++, samples++;
  }
}

static void keep_tail (browser *b, const char *s, size_t n) {
  size_t keep;
  if (n >= TAIL) {
    memcpy(b->tail, s + n - TAIL, TAIL);
    b->kept = TAIL;
    return;
  }
  keep = b->kept < TAIL - n ? b->kept : TAIL - n;
  memmove(b->tail, b->tail + b->kept - keep, keep);
  memcpy(b->tail + keep, s, n);
  b->kept = keep + n;
}

static void check_end (const browser *b, const char *ending) {
  const size_t n = sizeof last_chunk - 1;
  if (b->kept < n || memcmp(b->tail + b->kept - n, last_chunk, n) != 0 ||
      memmem(b->tail, b->kept, ending, strlen(ending)) == NULL)
    die("a response did not end as expected");
}

static double percentile (double share) {
  unsigned long seen = 0;
  int i;
  for (i = 0; i < DELAY_BUCKETS; i++) {
    seen += delays[i];
    if ((double)seen >= (double)samples * share) break;
  }
  return (double)(i + 1) * DELAY_STEP / 1000;
}

/* Reads the data of one browser; returns 0 at the end of its response. */
static int read_one (browser *b, long *opened) {
  ssize_t got = recv(b->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return 1;
  if (got <= 0) return 0;
  if (b->kept == 0) ++*opened;
  take_stamps((size_t)got, wire_now());
  keep_tail(b, bytes, (size_t)got);
  return 1;
}

/* Reads all responses; measures nginx's CPU time and the peak of its memory. */
static void read_all (int set, long streams, int whole, const char *ending,
                      double *cpu_s, double *kib) {
  struct epoll_event events[EVENTS];
  long opened = 0, left = streams;
  int64_t look = 0;
  double from = whole ? worker_cpu_s() : 0;
  *kib = 0;
  while (left > 0) {
    int i, n = epoll_wait(set, events, EVENTS, STUCK);
    if (n <= 0) die("no more data arrives");
    for (i = 0; i < n; i++) {
      browser *b = events[i].data.ptr;
      long before = opened;
      if (read_one(b, &opened)) {
        if (opened == streams && before < streams && !whole)
          from = worker_cpu_s();
        continue;
      }
      check_end(b, ending);
      close(b->fd);
      left--;
    }
    if (left == streams && wire_now() > look) {
      double now = worker_kib();
      if (now > *kib) *kib = now;
      look = wire_now() + LOOK;
    }
  }
  if (opened < streams) die("not every response began");
  *cpu_s = worker_cpu_s() - from;
}

int main (int argc, char **argv) {
  long streams = argc == 7 ? atol(argv[3]) : 0, i;
  double tokens, before, cpu_s, kib;
  browser *all;
  int set;
  if (streams <= 0)
    die("usage: browsers FOLDER PATH STREAMS TOKENS open|all ENDING");
  tokens = (double)streams * atof(argv[4]);
  wire_need_descriptors("browsers", (unsigned long)streams);
  all = calloc((size_t)streams, sizeof *all);
  set = epoll_create1(EPOLL_CLOEXEC);
  if (all == NULL || set < 0) die("not enough memory");
  start_nginx(argv[1]);
  warm_up();
  before = worker_kib();
  for (i = 0; i < streams; i++) {
    struct epoll_event ev = {.events = EPOLLIN};
    ev.data.ptr = &all[i];
    all[i].fd = ask(argv[2]);
    if (epoll_ctl(set, EPOLL_CTL_ADD, all[i].fd, &ev) != 0)
      die("epoll_ctl failed");
  }
  read_all(set, streams, strcmp(argv[5], "all") == 0, argv[6], &cpu_s, &kib);
  stop_nginx();
  printf("tokens_per_cpu_s %.1f\nkib_per_stream %.2f\n", tokens / cpu_s,
         (kib - before) / (double)streams);
  if (samples > 0)
    printf("delay_ms_p50 %.3f\ndelay_ms_p99 %.3f\n", percentile(0.5),
           percentile(0.99));
  free(all);
  return 0;
}
