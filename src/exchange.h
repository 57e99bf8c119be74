/*
** exchange.h - one HTTP request and its response
** SPDX-License-Identifier: MIT
** libcurl's callbacks write to an exchange, and its owner reads from it. This
** module handles the response, the timeouts and the outcome of an exchange, and
** never calls the pool. transfer_error.c and resend.c decide what a failed
** transfer means, and write the same fields. The struct also has the fields
** that the pool, h2_gate and h2_unread need for each exchange, grouped by
** module. No field is a Lua value.
*/

#ifndef PREDIBASE_EXCHANGE_H
#define PREDIBASE_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "libcurl.h"

#include "buf.h"
#include "head.h"
#include "list.h"
#include "sockets.h"
#include "sse.h"
#include "target.h"
#include "timers.h"
#include "wire_log.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Flow control for a reader that is slower than its server: the transfer
** pauses when this many bytes of events are queued, and continues when fewer
** than EXCHANGE_LOW_WATER are left. The high mark is about a thousand token
** events, far more than a program that shows text leaves unread; the distance
** between the two keeps pauses rare.
*/
#define EXCHANGE_HIGH_WATER (256 * 1024)
#define EXCHANGE_LOW_WATER (64 * 1024)

/* The most bytes of an error response that are read; the rest is ignored. Error
** objects of servers are smaller. */
#define EXCHANGE_MAX_ERROR_BODY (64 * 1024)

typedef enum exchange_state {
  EXCHANGE_DELAYED,  /* it starts later */
  EXCHANGE_OPEN,     /* started: with libcurl, or waiting in h2_gate */
  EXCHANGE_DONE,     /* the body is complete according to HTTP */
  EXCHANGE_FAILED    /* 'failure' says why */
} exchange_state;

/* 'proxy_status' if a SOCKS proxy would refuse the next attempt, too. */
#define PROXY_REFUSES (-1)

/* Describes an error. The strings are constants, except 'text'. */
typedef struct exchange_failure {
  const char *kind;   /* connection, tls, timeout, protocol, too_large, ... */
  const char *phase;  /* resolve, connect, proxy, tls, head, body; a timeout */
  int sent;           /* 1 if the request may have reached the server */
  int proxy_status;   /* HTTP status of a proxy's refusal, else 0 */
  char text[CURL_ERROR_SIZE + 96];  /* libcurl's error buffer until a failure */
} exchange_failure;

/* The timeouts and the delay of an exchange, in milliseconds; 0 means none. */
typedef struct exchange_clocks {
  int64_t delay;        /* before the start */
  int64_t connect;      /* name look-up, TCP, proxy and TLS together */
  int64_t first_event;  /* from the start to the first event */
  int64_t event;        /* from one event to the next */
  int64_t idle;         /* without any byte, from the response head on */
  int64_t deadline;     /* absolute, on clock_ms */
} exchange_clocks;

/* The strings must live until exchange_new returns; NULL means not given. */
typedef struct exchange_options {
  target *to;          /* the exchange takes its own reference */
  const char *header;  /* one more header line */
  const char *body;
  size_t body_len;
  exchange_clocks clocks;
} exchange_options;

typedef struct exchange {
  timer timer;            /* first: the pool casts a timer to its exchange */
  CURL *easy;             /* NULL once the transfer is over */
  exchange_state state;
  /* request; its memory is freed when the transfer is over */
  target *to;
  struct curl_slist header;  /* its own line, in front of the target's lines */
  char *request;          /* the body, then the own header line; or NULL */
  size_t request_len;
  size_t body_len;
  int altered;            /* the easy handle has options for this request */
  int shareable;          /* HTTP/2 possible: others may use its connection */
  sockets *sockets;       /* of its pool */
  /* response */
  head head;
  int events;             /* an event stream was requested */
  int streaming;          /* the response is an event stream */
  int body_began;
  int paused;
  int truncated;          /* an error body was cut at its limit */
  int discarding;         /* further bytes are thrown away */
  sse sse;
  size_t taken;           /* events that the reader has taken */
  buf body;
  size_t max_body;
  buf log;                /* see wire_log.h; empty unless it is wanted */
  /* clocks */
  exchange_clocks clocks;
  int64_t started, connecting, last_byte, last_event;
  int got_event;
  /* outcome */
  exchange_failure failure;
  const char *fault_kind;  /* set by a callback that stopped the transfer */
  const char *fault_text;
  /* of pool.c */
  double id;              /* unique in its pool */
  struct pool *pool;      /* NULL once the pool is closed */
  list_item pool_item;    /* in the list of all exchanges of the pool */
  list *news;             /* the pool's list of exchanges with news, or NULL */
  list_item news_item;    /* its item in that list */
  /* of resend.c */
  int begun;              /* how often libcurl was about to send the request */
  int unusable;           /* the kept connection for it was dead */
  int downgraded;         /* sent over HTTP/1.1 after HTTP/2 failed */
  /* of h2_gate.c */
  list_item gate_item;    /* in the queue for a shared connection */
  /* of h2_unread.c */
  list *unread;           /* the pool's list, or NULL if libcurl needs none */
  list_item unread_item;  /* its item in that list */
  size_t taken_in;        /* bytes received since h2_unread looked last; while
                             the transfer is paused, bytes of the whole body */
  int rerun;              /* h2_unread ran it again the last time */
} exchange;

/*
** Makes an exchange that uses 'easy' and owns it from then on; 'is_set' says
** that the handle was used for the same target before. Returns NULL if memory
** ran out or libcurl refused an option; *why is then a constant text.
*/
exchange *exchange_new (CURL *easy, int is_set, sockets *s,
                        const exchange_options *o, const char **why);

/* Starts the delay. */
void exchange_delay (exchange *x, int64_t now);

/* Marks the exchange as open and starts its timeouts. */
void exchange_started (exchange *x, int64_t now);

/* Restarts the timeout for connecting, because the request is sent again. */
void exchange_restarted (exchange *x, int64_t now);

/* Returns 1 if the exchange waits in h2_gate; libcurl then does not have its
** transfer yet. */
static inline int exchange_is_waiting (const exchange *x) {
  return x->gate_item.in != NULL;
}

/* Returns 1 if the exchange has, or had, a connection for its request. */
int exchange_connected (const exchange *x);

/* Makes libcurl close the connection after this transfer. A connection that
** transfers share is closed after the last one that called this. */
void exchange_forbid_reuse (exchange *x);

/* Sets the outcome of a transfer that libcurl ended with 'code'. */
void exchange_finish (exchange *x, CURLcode code);

/* Sets a failure as the outcome. 'text' is copied. */
void exchange_fail (exchange *x, const char *kind, const char *phase,
                    const char *text);

/*
** exchange_deadline returns the time at which the next timeout expires
** (INT64_MAX: none is running). This time changes with every byte, so the timer
** is not set to it. exchange_check_at returns the time for the timer, which is
** never later than the deadline, whatever arrives until then. A timer set to it
** expires about once per shortest timeout.
*/
int64_t exchange_deadline (const exchange *x);
int64_t exchange_check_at (const exchange *x, int64_t now);

/* Sets the timeout that has expired at 'now' as the outcome. The transfer must
** have been removed from libcurl. */
void exchange_expire (exchange *x, int64_t now);

/*
** exchange_resumable returns 1 if the transfer is paused and few enough events
** are queued to continue. exchange_resume continues the transfer; libcurl may
** immediately deliver what it has kept. If an error code is returned, the
** transfer must be ended.
*/
int exchange_resumable (const exchange *x);
CURLcode exchange_resume (exchange *x);

/* Drops the first queued event. */
void exchange_pop (exchange *x);

/* Continues a paused transfer and throws away what it delivers. */
void exchange_drain (exchange *x);

/*
** Throws away what is queued and what still arrives. If the body ends before
** 'deadline', the connection can be used again.
*/
void exchange_discard (exchange *x, int64_t deadline);

/* Add the exchange to the pool's list of exchanges with news, and remove it. */
void exchange_add_news (exchange *x);
void exchange_clear_news (exchange *x);

/* Adds a record to the log, if one is kept. */
void exchange_log (exchange *x, char kind, const char *s, size_t n);

/* Frees everything except the easy handle, which the pool took back before. */
void exchange_free (exchange *x);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
