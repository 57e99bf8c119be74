/* links: pool.c coalesce.c easy_cache.c exchange.c transfer_error.c easy_setup.c wire_log.c target.c */
/* links: resend.c sockets.c tls_pending.c */
/* links: h2_gate.c h2_unread.c h2_reset.c sigpipe.c head.c timers.c poller.c sse.c buf.c */
/*
** test_pool.c - tests of pool.c and exchange.c, without Lua
** SPDX-License-Identifier: MIT
** Every state, every clock, a reader slower than its server, and objects freed
** in any order.
*/

#include <dirent.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "clock.h"
#include "pool.h"

#include "alloc.h"
#include "canned.h"
#include "tap.h"

static int port;

static int open_files (void) {
  DIR *d = opendir("/proc/self/fd");
  int n = 0;
  if (d == NULL) return 0;
  while (readdir(d) != NULL) n++;
  closedir(d);
  return n;
}

/* Makes a target, which the caller has to drop. */
static exchange_options options (const char *path) {
  static char url[128];
  target_options t;
  exchange_options o;
  memset(&t, 0, sizeof t);
  memset(&o, 0, sizeof o);
  snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
  t.url = url;
  t.headers = "x-a: b";
  t.headers_len = sizeof "x-a: b";
  t.events = (strstr(path, "stream") != NULL);
  t.max_event = t.max_body = 1024 * 1024;
  t.proxy = "";
  t.verify = 1;
  o.to = target_new(&t);
  if (o.to == NULL) abort();
  o.body = "{}";
  o.body_len = 2;
  return o;
}

static exchange *open_with (pool *p, exchange_options *o) {
  const char *why = NULL;
  exchange *x = pool_open(p, o, &why);
  target_drop(o->to);
  return x;
}

static exchange *opened (pool *p, const char *path) {
  exchange_options o = options(path);
  exchange *x = open_with(p, &o);
  if (x == NULL) abort();
  return x;
}

static pool *created (void) {
  const char *why = NULL;
  pool *p = pool_new(&why);
  if (p == NULL) abort();
  return p;
}

/* Steps once and takes all news; returns how many were about x. */
static int step (pool *p, const exchange *x) {
  exchange *m;
  int n = 0;
  if (pool_step(p, -1) != POOL_OK) abort();
  while ((m = pool_news(p)) != NULL) {
    n += (m == x);
    exchange_clear_news(m);
  }
  return n;
}

static int ended (const exchange *x) {
  return x->state == EXCHANGE_DONE || x->state == EXCHANGE_FAILED;
}

static void run (pool *p, exchange *x) {
  while (!ended(x)) step(p, x);
}

static int failed_as (const exchange *x, const char *kind, const char *phase) {
  return x->state == EXCHANGE_FAILED && strcmp(x->failure.kind, kind) == 0 &&
         strcmp(x->failure.phase, phase) == 0;
}

static void whole (void) {
  pool *p = created();
  exchange *x = opened(p, "/generate");
  const char *body = "{\"generated_text\":\"one two three\"}";
  ok(x->state == EXCHANGE_OPEN && pool_size(p) == 1 && !x->head.complete,
     "an exchange starts at once");
  run(p, x);
  ok(x->state == EXCHANGE_DONE && x->head.status == 200 && !x->streaming,
     "an exchange ends with its body");
  ok(x->body.len == strlen(body) && memcmp(x->body.data, body, x->body.len)
     == 0, "and is there");
  ok(x->request == NULL && x->easy == NULL,
     "the request is freed when the response is complete");
  pool_drop(x);
  x = opened(p, "/generate_stream");
  run(p, x);
  ok(x->streaming && sse_count(&x->sse) == 3, "a stream has events");
  pool_pop(x);
  ok(x->taken == 1 && sse_count(&x->sse) == 2, "they are taken one by one");
  pool_drop(x);
  ok(pool_size(p) == 0 && pool_timeout(p) == -1 && pool_news(p) == NULL,
     "an empty pool has nothing to do");
  ok(pool_is_ours(p), "a pool belongs to the process that made it");
  pool_free(p);
}

static void delayed (void) {
  pool *p = created();
  exchange_options o = options("/generate");
  int64_t before = clock_ms(), wait;
  exchange *x;
  o.clocks.delay = 30;
  x = open_with(p, &o);
  wait = pool_timeout(p);
  ok(x->state == EXCHANGE_DELAYED && wait >= 0 && wait <= 30,
     "a delayed exchange waits for its time");
  run(p, x);
  ok(x->state == EXCHANGE_DONE && clock_ms() >= before + 30,
     "and is completed after it");
  pool_drop(x);
  pool_free(p);
}

typedef struct clock_case {
  const char *path, *kind, *phase;
  exchange_clocks clocks;
  int sent;
} clock_case;

static void clocks (void) {
  static const clock_case cases[] = {
    { "/mute/generate_stream", "timeout", "first_token",
      { 0, 0, 30, 0, 0, 0 }, 1 },
    { "/hang/generate_stream", "timeout", "token", { 0, 0, 0, 30, 0, 0 }, 1 },
    { "/hang/generate_stream", "timeout", "idle", { 0, 0, 0, 0, 30, 0 }, 1 },
    { "/hang/generate_stream", "timeout", "total", { 0, 0, 0, 0, 0, 30 }, 1 },
    { "/generate", "timeout", "total", { 60000, 0, 0, 0, 0, 30 }, 0 },
    { "/generate", "timeout", "total", { 0, 0, 0, 0, 0, -30 }, 0 }
  };
  pool *p = created();
  size_t i;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const clock_case *c = &cases[i];
    exchange_options o = options(c->path);
    char name[80];
    exchange *x;
    o.clocks = c->clocks;
    if (c->clocks.deadline != 0) o.clocks.deadline += clock_ms();
    x = open_with(p, &o);
    run(p, x);
    snprintf(name, sizeof name, "the clock %s runs out on %s", c->phase,
             c->path);
    ok(failed_as(x, c->kind, c->phase) && x->failure.sent == c->sent &&
       pool_timeout(p) == -1 && x->easy == NULL, name);
    pool_drop(x);
  }
  pool_free(p);
}

/* Takes all queued events; returns 1 if their numbers follow each other. */
static int drain (exchange *x, int *next) {
  sse_event ev;
  int good = 1;
  while (sse_peek(&x->sse, &ev)) {
    if (*next < CANNED_FLOOD) {
      char number[16];
      snprintf(number, sizeof number, "%09d", *next);
      good &= (ev.data_len == 1017 && memcmp(ev.data, number, 9) == 0);
    }
    (*next)++;
    pool_pop(x);
  }
  return good;
}

static void slow_reader (void) {
  pool *p = created();
  exchange_options o = options("/flood/generate_stream");
  size_t queued, most = EXCHANGE_HIGH_WATER + 8 * CURL_MAX_WRITE_SIZE;
  int next = 0, i, pauses = 0, good = 1;
  exchange *x;
  o.clocks.idle = o.clocks.event = 60000;
  x = open_with(p, &o);
  while (!x->paused) step(p, x);
  queued = sse_queued(&x->sse);
  ok(queued >= EXCHANGE_HIGH_WATER && queued <= most,
     "a transfer without a reader pauses at the high mark");
  for (i = 0; i < 5; i++) pool_step(p, 5);
  ok(sse_queued(&x->sse) == queued, "no more events arrive then");
  ok(exchange_deadline(x) == INT64_MAX,
     "a slow reader runs into no timeout");
  for (; x->paused; next++) {
    queued = sse_queued(&x->sse);
    pool_pop(x);
  }
  ok(queued >= EXCHANGE_LOW_WATER && queued < EXCHANGE_LOW_WATER + 4096,
     "it continues at the low mark");
  while (!ended(x) || sse_count(&x->sse) > 0) {
    if (x->paused) {
      pauses++;
      good &= (sse_queued(&x->sse) <= most);
      good &= drain(x, &next);
    }
    else if (!ended(x)) step(p, x);
    else good &= drain(x, &next);
  }
  ok(good && x->state == EXCHANGE_DONE && next == CANNED_FLOOD + 3,
     "every event comes, once and in order");
  ok(pauses > 0, "it may pause again");
  pool_drop(x);
  x = opened(p, "/flood/generate_stream");
  while (!x->paused) step(p, x);
  pool_linger(x, clock_ms() + 60000);
  run(p, x);
  ok(x->state == EXCHANGE_DONE && sse_count(&x->sse) == 0,
     "discarded events are dropped, also of a paused transfer");
  pool_drop(x);
  x = opened(p, "/flood/generate_stream");
  while (!x->paused) step(p, x);
  pool_drop(x);
  ok(pool_size(p) == 0, "a paused transfer can be dropped");
  x = opened(p, "/flood/generate_stream");
  while (!x->paused) step(p, x);
  pool_free(p);
  ok(failed_as(x, "cancelled", "closed"),
     "a pool with a paused transfer can be freed");
  next = 0;
  ok(drain(x, &next) && next > 200, "queued events can still be read");
  pool_drop(x);
}

/* Makes an exchange and brings it into a state. */
static exchange *in_state (pool *p, int state) {
  exchange_options o = options("/hang/generate_stream");
  exchange *x;
  if (state == 0) o.clocks.delay = 60000;
  if (state == 1) o.clocks.deadline = 1;
  x = open_with(p, &o);
  if (state == 1) run(p, x);
  if (state == 3) while (!x->head.complete) step(p, x);
  if (state >= 4) while (sse_count(&x->sse) == 0) step(p, x);
  if (state == 5) pool_linger(x, clock_ms() + 60000);
  return x;
}

#define STATES 6

static void any_order (void) {
  exchange *x[STATES * 2];
  int i, good = 1;
  pool *p = created();
  for (i = 0; i < STATES; i++) x[i] = in_state(p, i);
  for (i = 0; i < STATES; i++) pool_drop(x[i]);
  ok(pool_size(p) == 0 && pool_news(p) == NULL && pool_timeout(p) != 0,
     "an exchange can be dropped in every state");
  for (i = 0; i < STATES * 2; i++) x[i] = in_state(p, i % STATES);
  for (i = 0; i < STATES; i++) pool_drop(x[i * 2]);
  pool_free(p);
  for (i = 0; i < STATES; i++) {
    exchange *left = x[i * 2 + 1];
    good &= ended(left) && left->pool == NULL && left->easy == NULL;
    pool_pop(left);
    pool_linger(left, 0);
    pool_drop(left);
  }
  ok(good, "exchanges outlive their pool, and have ended");
}

static void refused (void) {
  pool *p = created();
  exchange_options o = options("/generate");
  const char *why = NULL;
  char *longest = malloc(8000002);
  memset(longest, 'x', 8000001);
  longest[8000001] = '\0';
  o.to->o.url = longest;
  ok(pool_open(p, &o, &why) == NULL && why != NULL && pool_size(p) == 0,
     "a refusal of libcurl is reported and leaks nothing");
  target_drop(o.to);
  free(longest);
  pool_free(p);
}

#if defined(__linux__)

/* Makes a process for which the handlers of pthread_atfork do not run. */
static void copied (void) {
  const char *why = NULL;
  exchange_options o = options("/generate");
  pool *p = created();
  exchange *x;
  int status = -1;
  pid_t pid = (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
  if (pid == 0)
    _exit(pool_open(p, &o, &why) == NULL && why != NULL ? 0 : 1);
  ok(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0,
     "a cloned process sends nothing over connections of its parent");
  x = open_with(p, &o);
  run(p, x);
  ok(x->state == EXCHANGE_DONE, "and the parent continues");
  pool_drop(x);
  pool_free(p);
}

#endif

int main (void) {
  int files;
  port = canned_start();
  pool_free(created());  /* libcurl allocates some memory only once */
  files = open_files();
  alloc_start(0, 0);
  whole();
  delayed();
  clocks();
  slow_reader();
  any_order();
  refused();
#if defined(__linux__)
  copied();
#endif
  ok(alloc_live == 0, "no memory leaks");
  ok(open_files() == files, "no descriptor leaks");
  canned_stop();
  return done();
}
