/*
** pool.c - many exchanges behind one descriptor
** SPDX-License-Identifier: MIT
*/

#include <limits.h>
#include <string.h>

#include "resend.h"
#include "clock.h"
#include "h2_gate.h"
#include "coalesce.h"
#include "easy_cache.h"
#include "h2_unread.h"
#include "pool.h"
#include "h2_reset.h"
#include "process.h"
#include "sigpipe.h"
#include "poller.h"

/* From this version on libcurl passes MSG_NOSIGNAL to all writes. */
#define NO_SIGPIPE_SINCE 0x075700

/* The most rounds of reading before timers are checked, besides one for each
** POLLER_BATCH exchanges: enough for all that has arrived, yet not endless. */
#define ROUNDS 64

struct pool {
  CURLM *multi;
  poller *poller;
  timers timers;
  list news;             /* exchanges with an event or an outcome */
  h2_gate gate;
  sockets sockets;
  list all;
  size_t size;
  int64_t curl_at;       /* when to call libcurl; INT64_MAX: never */
  coalesce coalesce;
  double last_id;
  process_id owner;
  unsigned forks;        /* the count of forks when the pool was made */
  int poller_failed;
  int guard_sigpipe;
  int late_reset;
  int leaves_unread;
  list unread;           /* see h2_unread.c */
  int trouble;           /* POOL_* of a start; the next step returns it */
  easy_cache spare;
};

static process_once global_once = PROCESS_ONCE;
static CURLcode global_code = CURLE_FAILED_INIT;

/*
** Reading a token checks that its pool belongs to this process. getpid would
** be a system call per token, so forks are counted by a handler. A process
** made by clone does not run it, so functions that use connections also look
** at the mark, which the system clears in each copy of the process. Where there
** is no mark, or the system has cleared it, they call getpid.
*/
static unsigned forks;
static const volatile int *mark;

static void on_fork (void) {
  forks++;
}

/* Never undone: another Lua state in this process may be using libcurl. */
static void global_init (void) {
  if (process_after_fork(on_fork) != 0) return;
  mark = process_mark();
  global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* --- what libcurl waits for ----------------------------------------------- */

static int on_socket (CURL *easy, curl_socket_t fd, int what, void *ud,
                      void *socket_data) {
  pool *p = ud;
  unsigned mask = 0;
  (void)easy;
  (void)socket_data;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) mask |= POLLER_IN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) mask |= POLLER_OUT;
  if (poller_set(p->poller, (int)fd, mask) != 0) {
    p->poller_failed = 1;  /* the current step reports it */
    return -1;
  }
  return 0;
}

static int on_timer (CURLM *multi, long ms, void *ud) {
  pool *p = ud;
  (void)multi;
  p->curl_at = ms < 0 ? INT64_MAX : clock_ms() + ms;
  return 0;
}

/*
** The most threads in which libcurl from 8.20 on looks names up. A look-up
** that hangs occupies a thread until the system's resolver gives up, also
** after its request has ended; retries would soon reach libcurl's own limit of
** 20.
*/
#define LOOKUPS_MAX 200L

/* Keeps look-ups that hang from delaying others and the end of the pool. Older
** versions of libcurl lack the options and do not need them. */
static void set_lookups (CURLM *multi) {
#if LIBCURL_VERSION_NUM >= 0x081400
  (void)curl_multi_setopt(multi, CURLMOPT_RESOLVE_THREADS_MAX, LOOKUPS_MAX);
  (void)curl_multi_setopt(multi, CURLMOPT_QUICK_EXIT, 1L);
#else
  (void)multi;
#endif
}

static int set_multi (pool *p) {
  set_lookups(p->multi);
  return curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_socket)
             == CURLM_OK &&
         curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p) == CURLM_OK &&
         curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timer)
             == CURLM_OK &&
         curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p) == CURLM_OK;
}

/* --- making and freeing --------------------------------------------------- */

pool *pool_new (const char **why) {
  pool *p;
  unsigned version;
  process_run_once(&global_once, global_init);
  if (global_code != CURLE_OK) {
    *why = "libcurl cannot be initialised";
    return NULL;
  }
  p = mem_realloc(NULL, sizeof *p);
  if (p == NULL) {
    *why = "not enough memory";
    return NULL;
  }
  memset(p, 0, sizeof *p);
  p->owner = p->sockets.owner = process_own_id();
  p->forks = forks;
  p->curl_at = INT64_MAX;
  version = curl_version_info(CURLVERSION_NOW)->version_num;
  p->guard_sigpipe = version < NO_SIGPIPE_SINCE;
  p->late_reset = h2_reset_is_late(version);
  p->leaves_unread = h2_unread_happens(version);
  p->poller = poller_new();
  p->multi = curl_multi_init();
  if (p->poller == NULL || p->multi == NULL || !set_multi(p)) {
    *why = p->poller == NULL ? "no descriptor is left for the event set"
                            : "libcurl cannot make a multi handle";
    pool_free(p);
    return NULL;
  }
  return p;
}

int pool_is_ours (const pool *p) {
  return p->forks == forks;
}

static int is_truly_ours (const pool *p) {
  if (!pool_is_ours(p)) return 0;
  return (mark != NULL && *mark == 1) || process_own_id() == p->owner;
}

/* Removes the transfer from libcurl, which closes the connection if the
** transfer had not ended. */
static void detach (pool *p, exchange *x) {
  int with_curl = x->state == EXCHANGE_OPEN && x->easy != NULL &&
                 !exchange_is_waiting(x);
  /* libcurl up to 8.0 leaks the bytes, up to megabytes, that it has kept for a
     paused HTTP/2 stream when that is closed; continuing delivers them first */
  if (with_curl && x->paused) exchange_drain(x);
  timers_cancel(&p->timers, &x->timer);
  h2_unread_leave(x);
  if (with_curl) curl_multi_remove_handle(p->multi, x->easy);
  h2_gate_leave(&p->gate, x);
  if (h2_gate_is_due(&p->gate))
    p->curl_at = clock_ms();  /* the next step starts one */
}

/* Ends a transfer that may be active. Returns 1 if the server is notified only
** when libcurl runs again. */
static int abandon (pool *p, exchange *x) {
  long port = p->late_reset ? h2_reset_port(x) : 0;
  detach(p, x);
  return port > 0 && h2_reset_flush(&p->all, x, port);
}

/* Returns the easy handle to the cache. */
static void release (pool *p, exchange *x) {
  if (x->easy == NULL) return;
  easy_cache_give(&p->spare, x->easy, x->altered ? NULL : x->to);
  x->easy = NULL;
}

static void unlink_exchange (pool *p, exchange *x) {
  exchange_clear_news(x);
  list_remove(&x->pool_item);
  x->pool = NULL;
  x->news = NULL;
  p->size--;
}

void pool_free (pool *p) {
  sigpipe_guard g;
  if (!is_truly_ours(p)) return;
  sigpipe_block(&g, p->guard_sigpipe);
  while (p->all.first != NULL) {
    exchange *x = LIST_OBJECT(p->all.first, exchange, pool_item);
    detach(p, x);
    if (x->state == EXCHANGE_OPEN || x->state == EXCHANGE_DELAYED)
      exchange_fail(x, "cancelled", "closed", "the client was closed");
    release(p, x);
    unlink_exchange(p, x);
  }
  h2_gate_free(&p->gate);
  easy_cache_free(&p->spare);
  if (p->multi != NULL) curl_multi_cleanup(p->multi);
  sockets_free(&p->sockets);
  sigpipe_restore(&g);
  timers_free(&p->timers);
  poller_free(p->poller);
  mem_realloc(p, 0);
}

/* --- exchanges ------------------------------------------------------------ */

static void fail_now (pool *p, exchange *x, const char *kind,
                      const char *text) {
  detach(p, x);
  exchange_fail(x, kind, "connect", text);
  release(p, x);
}

/* Sets the timer to when the clocks of x have to be checked again. */
static void arm (pool *p, exchange *x, int64_t now) {
  int64_t at = exchange_check_at(x, now);
  if (at == INT64_MAX)
    timers_cancel(&p->timers, &x->timer);
  else if (timers_set(&p->timers, &x->timer, at) != 0)
    fail_now(p, x, "memory", "not enough memory");
}

static void give_to_curl (pool *p, exchange *x) {
  CURLMcode code = curl_multi_add_handle(p->multi, x->easy);
  if (code != CURLM_OK)
    fail_now(p, x, code == CURLM_OUT_OF_MEMORY ? "memory" : "connection",
             curl_multi_strerror(code));
}

static void start (pool *p, exchange *x, int64_t now) {
  exchange_started(x, now);
  if (!h2_gate_hold(&p->gate, x)) give_to_curl(p, x);
  if (x->state == EXCHANGE_OPEN) arm(p, x, now);
}

/* Sends the request again. Its clocks continue, except that of connecting. */
static void restart (pool *p, exchange *x) {
  h2_unread_leave(x);
  curl_multi_remove_handle(p->multi, x->easy);
  h2_gate_leave(&p->gate, x);
  exchange_restarted(x, clock_ms());
  if (!h2_gate_hold(&p->gate, x)) give_to_curl(p, x);
  if (x->state == EXCHANGE_OPEN) arm(p, x, x->connecting);
}

static void collect (pool *p, exchange *x, CURLcode code) {
  if (resend_wanted(x, code)) {
    restart(p, x);
    return;
  }
  detach(p, x);
  exchange_finish(x, code);
  release(p, x);
}

static void collect_finished (pool *p) {
  CURLMsg *m;
  int left;
  while ((m = curl_multi_info_read(p->multi, &left)) != NULL) {
    CURL *easy = m->easy_handle;
    CURLcode code = m->data.result;  /* removing the handle frees 'm' */
    exchange *x = NULL;
    if (m->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
    collect(p, x, code);
  }
  if (h2_unread_rerun(&p->unread)) p->curl_at = clock_ms();
}

/* Calls libcurl; keeps the first error in *status. */
static void act (pool *p, curl_socket_t fd, int events, int *status) {
  int running;
  CURLMcode code = curl_multi_socket_action(p->multi, fd, events, &running);
  if (code == CURLM_OK || *status != POOL_OK) return;
  *status = (code == CURLM_OUT_OF_MEMORY) ? POOL_NOMEM : POOL_BROKEN;
}

/*
** libcurl checks its connect timeout before it looks at a socket. If the
** program did not run for longer than that timeout, the connection may be
** there all the same. Then libcurl must not fail it: run_timers decides, after
** the sockets.
*/
static void silence_connect_clocks (pool *p, int64_t now) {
  const timer *t = timers_first(&p->timers);
  const list_item *item;
  if (t == NULL || t->at > now) return;
  for (item = p->all.first; item != NULL; item = item->next) {
    exchange *x = LIST_OBJECT(item, exchange, pool_item);
    if (x->state == EXCHANGE_OPEN && !exchange_is_waiting(x) &&
        x->clocks.connect > 0 && x->connecting + x->clocks.connect <= now &&
        !exchange_connected(x))
      (void)curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS,
                             (long)INT_MAX);
  }
}

/* Runs libcurl if the time that it asked for has come. */
static void run_libcurl (pool *p, int *status) {
  int64_t now = clock_ms();
  if (p->curl_at > now) return;
  silence_connect_clocks(p, now);
  p->curl_at = INT64_MAX;
  act(p, CURL_SOCKET_TIMEOUT, 0, status);
}

/* Runs libcurl now. A program that has only closed something may not call
** pool_step again soon. */
static void run_now (pool *p, int *status) {
  silence_connect_clocks(p, clock_ms());
  act(p, CURL_SOCKET_TIMEOUT, 0, status);
  collect_finished(p);
}

/* Starts the exchanges that waited for a shared connection. */
static void start_waiting (pool *p, int *status) {
  exchange *x;
  while ((x = h2_gate_next(&p->gate, clock_ms())) != NULL) {
    give_to_curl(p, x);
    run_libcurl(p, status);
    collect_finished(p);
  }
}

/* Runs libcurl at once, so that the request is sent although the program does
** other work before its next step. */
static void begin (pool *p) {
  sigpipe_guard g;
  sigpipe_block(&g, p->guard_sigpipe);
  p->poller_failed = 0;
  run_libcurl(p, &p->trouble);
  collect_finished(p);
  start_waiting(p, &p->trouble);
  sigpipe_restore(&g);
  if (p->poller_failed && p->trouble == POOL_OK) p->trouble = POOL_BROKEN;
}

void pool_drop (exchange *x) {
  pool *p = x->pool;
  if (p != NULL) {
    sigpipe_guard g;
    int pushed;
    if (!is_truly_ours(p)) return;  /* the parent's connections */
    sigpipe_block(&g, p->guard_sigpipe);
    if (p->late_reset) exchange_forbid_reuse(x);
    pushed = abandon(p, x);
    release(p, x);
    unlink_exchange(p, x);
    p->poller_failed = 0;
    if (pushed) run_now(p, &p->trouble);
    if (p->poller_failed && p->trouble == POOL_OK) p->trouble = POOL_BROKEN;
    sigpipe_restore(&g);
  }
  exchange_free(x);
}

exchange *pool_open (pool *p, const exchange_options *o, const char **why) {
  exchange *x;
  int64_t now = clock_ms();
  int is_set;
  CURL *easy;
  *why = "the connections belong to another process";
  if (!is_truly_ours(p)) return NULL;
  easy = easy_cache_take(&p->spare, o->to, &is_set);
  *why = "not enough memory";
  if (easy == NULL) return NULL;
  x = exchange_new(easy, is_set, &p->sockets, o, why);
  if (x == NULL) curl_easy_cleanup(easy);
  if (x == NULL) return NULL;
  x->id = ++p->last_id;
  x->pool = p;
  x->news = &p->news;
  if (p->leaves_unread && x->shareable) x->unread = &p->unread;
  list_append(&p->all, &x->pool_item);
  p->size++;
  if (o->clocks.delay > 0 ||
      (o->clocks.deadline > 0 && o->clocks.deadline <= now)) {
    exchange_delay(x, now);  /* delayed, or too late to be sent */
    arm(p, x, now);
  }
  else {
    start(p, x, now);
    begin(p);
  }
  return x;
}

static void resume (exchange *x) {
  pool *p = x->pool;
  CURLcode code;
  sigpipe_guard g;
  if (!exchange_resumable(x)) return;
  if (p == NULL) return;  /* closed; what is queued can still be read */
  if (!is_truly_ours(p)) return;  /* the parent's connections */
  sigpipe_block(&g, p->guard_sigpipe);
  code = exchange_resume(x);
  if (code != CURLE_OK) {
    detach(p, x);
    exchange_finish(x, code);
    release(p, x);
  }
  sigpipe_restore(&g);
}

void pool_pop (exchange *x) {
  exchange_pop(x);
  resume(x);
}

void pool_linger (exchange *x, int64_t deadline) {
  exchange_discard(x, deadline);
  resume(x);
  if (x->pool != NULL && x->state == EXCHANGE_OPEN)
    arm(x->pool, x, clock_ms());
}

/* --- a step --------------------------------------------------------------- */

static void run_timers (pool *p, int64_t now, int *status) {
  timer *t;
  int pushed = 0;
  while ((t = timers_first(&p->timers)) != NULL && t->at <= now) {
    exchange *x = (exchange *)t;  /* its first member */
    if (exchange_deadline(x) > now)
      arm(p, x, now);
    else if (x->state == EXCHANGE_DELAYED &&
             now >= x->started + x->clocks.delay &&
             (x->clocks.deadline == 0 || now < x->clocks.deadline))
      start(p, x, now);
    else {
      /* the connection may be dead without any error, and libcurl would keep
         using it for HTTP/2 */
      exchange_forbid_reuse(x);
      pushed |= abandon(p, x);
      exchange_expire(x, now);
      release(p, x);
    }
  }
  if (pushed) run_now(p, status);
}

static int curl_events (unsigned mask) {
  return ((mask & POLLER_IN) ? CURL_CSELECT_IN : 0) |
         ((mask & POLLER_OUT) ? CURL_CSELECT_OUT : 0) |
         ((mask & POLLER_ERR) ? CURL_CSELECT_ERR : 0);
}

static void serve (pool *p, const poller_ready *ready, int n, int *status) {
  int i;
  int64_t now = clock_ms();
  silence_connect_clocks(p, now);
  for (i = 0; i < n; i++) {
    if (ready[i].mask & POLLER_IN) h2_gate_heard(&p->gate, ready[i].fd, now);
    act(p, (curl_socket_t)ready[i].fd, curl_events(ready[i].mask), status);
  }
  run_libcurl(p, status);
  collect_finished(p);
}

/*
** Reads everything that has arrived before timers are checked: from all
** sockets (one wait returns POLLER_BATCH of them) and for all streams that
** share one (libcurl asks to be called again). Limited, because a fast server
** can fill a socket without end.
*/
static void read_all (pool *p, poller_ready *ready, int *status) {
  size_t rounds = p->size / POLLER_BATCH + ROUNDS;
  while (rounds-- > 0) {
    const timer *t = timers_first(&p->timers);
    int64_t now = clock_ms();
    int n;
    if (t == NULL || t->at > now) return;
    n = poller_wait(p->poller, ready, POLLER_BATCH, 0);
    if (n <= 0 && p->curl_at > now) return;
    serve(p, ready, n, status);
  }
}

int64_t pool_timeout (const pool *p) {
  const timer *t = timers_first(&p->timers);
  int64_t at = p->curl_at, now;
  if (h2_gate_at(&p->gate) < at) at = h2_gate_at(&p->gate);
  if (p->news.first != NULL || p->trouble != POOL_OK) return 0;
  if (t != NULL && t->at < at) at = t->at;
  if (at == INT64_MAX) return -1;
  now = clock_ms();
  return at > now ? at - now : 0;
}

static int wait_ms (const pool *p, int64_t timeout_ms) {
  int64_t own = pool_timeout(p);
  if (own >= 0 && (timeout_ms < 0 || own < timeout_ms)) timeout_ms = own;
  if (timeout_ms < 0) return -1;
  return timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
}

int pool_step (pool *p, int64_t timeout_ms) {
  poller_ready ready[POLLER_BATCH];
  sigpipe_guard g;
  int n, status = POOL_OK;
  if (!is_truly_ours(p)) return POOL_BROKEN;
  p->poller_failed = 0;
  n = coalesce_wait(&p->coalesce, p->poller, ready, wait_ms(p, timeout_ms),
                  p->size);
  if (n < 0) return POOL_BROKEN;
  sigpipe_block(&g, p->guard_sigpipe);
  serve(p, ready, n, &status);
  read_all(p, ready, &status);
  /* after the sockets: bytes that arrived in time count */
  run_timers(p, clock_ms(), &status);
  start_waiting(p, &status);
  sigpipe_restore(&g);
  if (p->trouble != POOL_OK) status = p->trouble;
  p->trouble = POOL_OK;
  return p->poller_failed && status == POOL_OK ? POOL_BROKEN : status;
}

exchange *pool_news (const pool *p) {
  list_item *first = p->news.first;
  return first != NULL ? LIST_OBJECT(first, exchange, news_item) : NULL;
}

int pool_fd (const pool *p) {
  return poller_fd(p->poller);
}

size_t pool_size (const pool *p) {
  return p->size;
}
