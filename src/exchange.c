/*
** exchange.c - one HTTP request and its response
** SPDX-License-Identifier: MIT
** The callbacks only copy bytes and feed the parser. They call no Lua, so no
** Lua error can jump out of libcurl.
*/

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "exchange.h"
#include "h2_unread.h"
#include "easy_setup.h"
#include "transfer_error.h"

void exchange_add_news (exchange *x) {
  if (x->news != NULL) list_append(x->news, &x->news_item);
}

void exchange_clear_news (exchange *x) {
  list_remove(&x->news_item);
}

void exchange_log (exchange *x, char kind, const char *s, size_t n) {
  if (!x->to->o.log || x->discarding) return;
  wire_log_add(&x->log, kind, clock_ms(), s, n);
  exchange_add_news(x);  /* the owner shows it although no event has come */
}

/* Keeps the reason for exchange_finish. The return value stops the transfer. */
static size_t stop (exchange *x, const char *kind, const char *text) {
  x->fault_kind = kind;
  x->fault_text = text;
  return 0;
}

void exchange_forbid_reuse (exchange *x) {
  if (x->easy == NULL) return;
  (void)curl_easy_setopt(x->easy, CURLOPT_FORBID_REUSE, 1L);
  x->altered = 1;
}

/* Judges what a complete head says about the end of the body. Returns 0 if no
** byte of the body may be read. */
static int judge_framing (exchange *x) {
  const char *problem = head_length_problem(&x->head);
  if (head_is_ambiguous(&x->head)) exchange_forbid_reuse(x);
  if (problem == NULL) return 1;
  /* exchange_finish reports an error by its status */
  if (x->head.status < 300) stop(x, "protocol", problem);
  return 0;
}

/* libcurl may use the connection for the next request before it reports the
** end of this one, so it is marked as soon as the protocol is known. */
static void mark_connection (exchange *x) {
  long port = 0;
  if (curl_easy_getinfo(x->easy, CURLINFO_LOCAL_PORT, &port) == CURLE_OK)
    sockets_mark_http1(x->sockets, port);
}

static size_t on_header (char *s, size_t size, size_t n, void *ud) {
  exchange *x = ud;
  x->last_byte = clock_ms();
  switch (head_line(&x->head, s, size * n)) {
    case HEAD_NOMEM: return stop(x, "memory", "not enough memory");
    case HEAD_TOOBIG:
      return stop(x, "protocol", "the response head or its trailers are "
                                 "larger than 32 KiB or have more than 128 "
                                 "fields");
    default: break;
  }
  if (x->head.complete && !x->body_began && x->head.version == 1) {
    if (!judge_framing(x)) return 0;
    mark_connection(x);
  }
  if (x->head.status == 101)  /* libcurl would wait for a final response */
    return stop(x, "protocol", "the server switches to another protocol "
                               "although that was not asked for");
  h2_unread_note(x, size * n);
  return size * n;
}

/* Matches "text/event-stream", with or without parameters (RFC 9110 section
** 8.3.1). */
static int is_event_stream (const char *type) {
  static const char want[] = "text/event-stream";
  size_t i;
  if (type == NULL) return 0;
  for (i = 0; want[i] != '\0'; i++)
    if (head_lower_case(type[i]) != want[i]) return 0;
  return type[i] == '\0' || type[i] == ';' || type[i] == ' ' ||
         type[i] == '\t';
}

static size_t on_event_bytes (exchange *x, const char *s, size_t n) {
  size_t before = sse_count(&x->sse);
  int rc;
  if (sse_queued(&x->sse) >= EXCHANGE_HIGH_WATER) {
    x->paused = 1;
    h2_unread_note(x, 0);
    return CURL_WRITEFUNC_PAUSE;  /* libcurl keeps these bytes */
  }
  rc = sse_feed(&x->sse, s, n);
  if (sse_count(&x->sse) > before) {
    x->last_event = x->last_byte;
    x->got_event = 1;
    exchange_add_news(x);
  }
  if (rc == SSE_TOOBIG)
    return stop(x, "too_large", "an event of the stream is larger than the "
                                "limit max_event_bytes");
  if (rc != SSE_OK) return stop(x, "memory", "not enough memory");
  return n;
}

static size_t on_body_bytes (exchange *x, const char *s, size_t n) {
  int is_result = (x->head.status < 300 && !x->events);
  size_t limit = is_result ? x->max_body : EXCHANGE_MAX_ERROR_BODY;
  size_t left = limit - x->body.len;  /* len never exceeds the limit */
  if (n > left && is_result)
    return stop(x, "too_large", "the response is larger than the limit "
                                "max_response_bytes");
  if (buf_append(&x->body, s, n > left ? left : n) != 0)
    return stop(x, "memory", "not enough memory");
  if (n > left) {
    x->truncated = 1;
    return 0;  /* stops the transfer; exchange_finish accepts the text */
  }
  return n;
}

/* Returns 1 if the head announces the event stream that was requested. */
static int is_streaming (const exchange *x) {
  return x->events && x->head.status >= 200 && x->head.status < 300 &&
         is_event_stream(head_get(&x->head, "content-type"));
}

static size_t on_body (char *s, size_t size, size_t n, void *ud) {
  exchange *x = ud;
  size_t taken;
  n *= size;
  x->last_byte = clock_ms();
  h2_unread_note(x, n);
  if (x->discarding) return n;
  if (!x->body_began) {
    x->body_began = 1;
    /* an error is reported by its status, also when its body is compressed */
    if (x->head.status < 300 && head_is_coded(&x->head))
      return stop(x, "protocol", "the response is compressed although that "
                                 "was not asked for");
    if (x->head.status < 300 && head_is_transfer_coded(&x->head))
      return stop(x, "protocol", "the response has a transfer coding that was "
                                 "not requested");
    x->streaming = is_streaming(x);
  }
  taken = x->streaming ? on_event_bytes(x, s, n) : on_body_bytes(x, s, n);
  /* a paused transfer gives the same bytes again */
  if (taken != CURL_WRITEFUNC_PAUSE) exchange_log(x, WIRE_LOG_DATA, s, n);
  return taken;
}

static void free_request (exchange *x) {
  if (x->request != NULL) mem_wipe(x->request, x->request_len);
  mem_realloc(x->request, 0);
  x->request = NULL;
}

void exchange_free (exchange *x) {
  free_request(x);
  target_drop(x->to);
  head_free(&x->head);
  sse_free(&x->sse);
  buf_free(&x->body);
  wire_log_clear(&x->log);
  buf_free(&x->log);
  mem_realloc(x, 0);
}

/* Copies the body and the header line of this request. */
static int copy_request (exchange *x, const exchange_options *o) {
  size_t line = o->header != NULL ? strlen(o->header) + 1 : 0;
  x->header.next = x->to->headers;
  x->body_len = o->body_len;
  x->request_len = o->body_len + line;
  if (x->request_len == 0) return 0;
  x->request = mem_realloc(NULL, x->request_len);
  if (x->request == NULL) return -1;
  if (o->body_len > 0) memcpy(x->request, o->body, o->body_len);
  if (line == 0) return 0;
  x->header.data = x->request + o->body_len;
  memcpy(x->header.data, o->header, line);
  return 0;
}

exchange *exchange_new (CURL *easy, int is_set, sockets *s,
                        const exchange_options *o, const char **why) {
  exchange *x = mem_realloc(NULL, sizeof *x);
  *why = "not enough memory";
  if (x == NULL) return NULL;
  memset(x, 0, sizeof *x);
  x->sockets = s;
  x->to = target_keep(o->to);
  x->events = x->to->o.events;
  x->clocks = o->clocks;
  x->max_body = x->to->o.max_body;
  x->shareable = target_may_share(x->to);
  head_init(&x->head);
  sse_init(&x->sse, x->to->o.max_event);
  if (copy_request(x, o) == 0) {
    *why = is_set ? NULL
                  : easy_setup_target(easy, x->to, s, on_header, on_body);
    if (*why == NULL) *why = easy_setup_request(easy, x, o);
  }
  if (*why != NULL) {
    easy_setup_clear(easy);
    exchange_free(x);
    return NULL;
  }
  x->easy = easy;
  return x;
}

void exchange_started (exchange *x, int64_t now) {
  x->state = EXCHANGE_OPEN;
  x->started = x->connecting = x->last_byte = x->last_event = now;
}

void exchange_delay (exchange *x, int64_t now) {
  x->started = now;
}

void exchange_restarted (exchange *x, int64_t now) {
  x->connecting = now;
  if (x->downgraded) x->shareable = 0;
}

int exchange_connected (const exchange *x) {
  double t = 0;
  if (x->head.status != 0) return 1;
  return x->easy != NULL && !exchange_is_waiting(x) &&
         curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME, &t) == CURLE_OK
         && t > 0;
}

void exchange_fail (exchange *x, const char *kind, const char *phase,
                    const char *text) {
  x->state = EXCHANGE_FAILED;
  x->failure.kind = kind;
  x->failure.phase = phase;
  snprintf(x->failure.text, sizeof x->failure.text, "%s", text);
  exchange_add_news(x);
}

/* An error response counts even if its body is incomplete. */
static int is_error_response (const exchange *x) {
  return x->head.complete && x->head.status >= 300 && x->fault_kind == NULL;
}

void exchange_finish (exchange *x, CURLcode code) {
  if (transfer_error_is_coded_error(x, code))
    (void)head_line(&x->head, "", 0);  /* libcurl reads no more of it */
  if (code == CURLE_OK && !x->head.complete) {
    /* libcurl treats the end of the connection as the end of the head */
    x->failure.sent = 1;
    exchange_fail(x, "connection", "head",
                  "the connection was closed within the response head");
  }
  else if (code == CURLE_OK || x->truncated || is_error_response(x) ||
           transfer_error_is_body_end(x, code)) {
    if (!x->body_began) x->streaming = is_streaming(x);  /* an empty stream */
    x->state = EXCHANGE_DONE;
    exchange_add_news(x);
  }
  else
    transfer_error_set(x, code);
  free_request(x);  /* the prompt is kept no longer than needed */
}

static int64_t earlier (int64_t a, int64_t start, int64_t span) {
  return (span > 0 && start + span < a) ? start + span : a;
}

/* Interim responses (1xx) do not count: the final one follows. */
static int response_began (const exchange *x) {
  return x->head.status >= 200;
}

int64_t exchange_deadline (const exchange *x) {
  const exchange_clocks *c = &x->clocks;
  int64_t at = c->deadline > 0 ? c->deadline : INT64_MAX;
  if (x->state == EXCHANGE_DELAYED) return earlier(at, x->started, c->delay);
  if (x->state != EXCHANGE_OPEN) return INT64_MAX;
  if (x->paused) return at;  /* the reader is slow, not the server */
  if (response_began(x)) at = earlier(at, x->last_byte, c->idle);
  else if (!exchange_connected(x)) at = earlier(at, x->connecting, c->connect);
  if (x->events)
    at = x->got_event ? earlier(at, x->last_event, c->event)
                      : earlier(at, x->started, c->first_event);
  return at;
}

int64_t exchange_check_at (const exchange *x, int64_t now) {
  const exchange_clocks *c = &x->clocks;
  int64_t at = exchange_deadline(x);
  if (x->state != EXCHANGE_OPEN) return at;
  /* a clock that restarts after now ends no earlier than now + its span */
  at = earlier(at, now, c->idle);
  at = earlier(at, now, c->event);
  return earlier(at, now, c->first_event);
}

/* The number of seconds is written as "10" or "0.25". */
static void expired (exchange *x, const char *phase, int64_t span,
                     const char *what) {
  char text[160];
  snprintf(text, sizeof text, "%s within %.4g s", what, (double)span / 1000.0);
  exchange_fail(x, "timeout", phase, text);
}

/* Returns which part of connecting did not happen in time. */
static const char *missing_step (const exchange *x) {
  double t = 0;
  if (exchange_is_waiting(x))
    return "the shared HTTP/2 connection was not opened";
  if (curl_easy_getinfo(x->easy, CURLINFO_NAMELOOKUP_TIME, &t) != CURLE_OK ||
      t <= 0)
    return "the host name was not found";
  if (curl_easy_getinfo(x->easy, CURLINFO_CONNECT_TIME, &t) != CURLE_OK ||
      t <= 0)
    return "no connection was accepted";
  return "the connection was accepted, but its TLS or proxy handshake did not "
         "end";
}

static int may_be_sent (const exchange *x) {
  long size = 0;
  if (x->state != EXCHANGE_OPEN || exchange_is_waiting(x)) return 0;
  return exchange_connected(x) ||
         (curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &size) == CURLE_OK
          && size > 0);
}

void exchange_expire (exchange *x, int64_t now) {
  const exchange_clocks *c = &x->clocks;
  x->failure.sent = may_be_sent(x);
  if (c->deadline > 0 && now >= c->deadline)
    exchange_fail(x, "timeout", "total", "the call did not end in time");
  else if (!response_began(x) && !exchange_connected(x) &&
           earlier(INT64_MAX, x->connecting, c->connect) <= now) {
    x->failure.sent = 0;  /* only the proxy got bytes */
    expired(x, "connect", c->connect, missing_step(x));
  }
  else if (!x->got_event && x->events &&
           earlier(INT64_MAX, x->started, c->first_event) <= now)
    expired(x, "first_token", c->first_event, "no token came");
  else if (x->got_event &&
           earlier(INT64_MAX, x->last_event, c->event) <= now)
    expired(x, "token", c->event, "the next token did not come");
  else
    expired(x, "idle", c->idle, "the server sent nothing");
  free_request(x);
}

int exchange_resumable (const exchange *x) {
  return x->paused && sse_queued(&x->sse) < EXCHANGE_LOW_WATER;
}

CURLcode exchange_resume (exchange *x) {
  x->paused = 0;
  x->taken_in = 0;
  x->last_byte = x->last_event = clock_ms();
  if (x->state != EXCHANGE_OPEN) return CURLE_OK;
  return curl_easy_pause(x->easy, CURLPAUSE_CONT);  /* may feed more at once */
}

void exchange_pop (exchange *x) {
  sse_pop(&x->sse);
  x->taken++;
}

void exchange_drain (exchange *x) {
  x->discarding = 1;
  (void)exchange_resume(x);
}

void exchange_discard (exchange *x, int64_t deadline) {
  memset(&x->clocks, 0, sizeof x->clocks);
  x->clocks.deadline = deadline;
  x->discarding = 1;
  while (sse_count(&x->sse) > 0) sse_pop(&x->sse);
}
