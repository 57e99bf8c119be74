/*
** exchange.h - one HTTP request and its response
** SPDX-License-Identifier: MIT
** Fed by libcurl callbacks, read by whoever owns it. Knows no Lua, and knows
** of its pool only the list in which it reports that something happened.
*/

#ifndef PREDIBASE_EXCHANGE_H
#define PREDIBASE_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "buf.h"
#include "head.h"
#include "sockets.h"
#include "sse.h"
#include "target.h"
#include "timers.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** A reader slower than its server: the transfer pauses when this many bytes
** of events wait, and goes on when fewer than the low mark are left. The
** high mark is about a thousand token events, far more than a live reader
** leaves lying; the low one keeps pauses from following each other closely.
*/
#define EXCHANGE_HIGH_WATER (256 * 1024)
#define EXCHANGE_LOW_WATER (64 * 1024)

/*
** An answer that is no stream and no success is read for its text only: 64
** KiB hold any error object; what comes after them is not waited for.
*/
#define EXCHANGE_MAX_ERROR_BODY (64 * 1024)

typedef enum exchange_state {
  EXCHANGE_DELAYED,  /* its start lies in the future */
  EXCHANGE_OPEN,     /* in the hands of libcurl */
  EXCHANGE_DONE,     /* the body ended as HTTP says it should */
  EXCHANGE_FAILED    /* 'failure' says why */
} exchange_state;

/* The "status" of a SOCKS proxy that will refuse whoever asks again. */
#define PROXY_REFUSES (-1)

/* What went wrong; strings are constants but for 'text'. */
typedef struct exchange_failure {
  const char *kind;   /* connection, tls, timeout, protocol, too_large, ... */
  const char *phase;  /* resolve, connect, proxy, tls, head, body, or a clock */
  int sent;           /* 1 when the request may have reached the server */
  int proxy_status;   /* with which a proxy refused its service, else 0 */
  char text[CURL_ERROR_SIZE + 96];  /* libcurl's own, until there is one */
} exchange_failure;

/* Times are milliseconds; 0 switches a clock off. */
typedef struct exchange_clocks {
  int64_t delay;        /* wait before the start */
  int64_t connect;      /* name look-up, TCP, proxy and TLS together */
  int64_t first_event;  /* from the start to the first event */
  int64_t event;        /* from one event to the next */
  int64_t idle;         /* without a single byte, once the head began */
  int64_t deadline;     /* absolute, on clock_ms */
} exchange_clocks;

/* Strings must live until exchange_new returns; NULL: not given. */
typedef struct exchange_options {
  target *to;          /* the exchange keeps it, too */
  const char *header;  /* one more line */
  const char *body;
  size_t body_len;
  exchange_clocks clocks;
} exchange_options;

/* Does it wait for the connection of another? See h2_gate.h. */
typedef enum exchange_held { NOT_HELD, HELD } exchange_held;

typedef struct exchange exchange;

typedef struct exchange_list {
  exchange *first, *last;
} exchange_list;

struct exchange {
  timer timer;            /* first: the pool finds the exchange by it */
  double id;              /* unique in its pool */
  CURL *easy;             /* NULL once the transfer is over */
  exchange_state state;
  struct pool *pool;      /* NULL once the pool was closed */
  exchange_list *moved;   /* the pool's list of those with news, or NULL */
  exchange *prev_moved, *next_moved;
  int is_moved;
  exchange *prev, *next;  /* all exchanges of the pool */
  int shareable;          /* its connection may carry others as well */
  exchange_held held;
  exchange *prev_held, *next_held;
  exchange_list *leftovers;  /* of its pool, see h2_unread.h, or NULL */
  exchange *prev_leftover, *next_leftover;
  int is_leftover, stirred;
  size_t taken_in;        /* bytes; while paused, of the whole body */
  /* request, owned until the handle is gone */
  target *to;
  struct curl_slist header;  /* this one's own, in front of the target's */
  char *request;          /* body, and behind it the own header; or NULL */
  size_t request_len;
  int altered;            /* its easy handle is not as the target wants it */
  sockets *sockets;       /* of its pool */
  /* see resend.h */
  int begun;              /* how often libcurl was about to send it */
  int unusable;             /* the connection that it was to go over */
  int downgraded;         /* it is sent over HTTP/1.1 after HTTP/2 failed */
  size_t body_len;
  /* response */
  head head;
  int events;             /* wanted */
  int streaming;          /* the answer really is an event stream */
  int body_began;
  int paused;
  int truncated;          /* an error body was cut at its limit */
  int discarding;         /* nobody reads what still comes */
  sse sse;
  size_t taken;           /* events that the reader has */
  buf body;
  size_t max_body;
  /* clocks */
  exchange_clocks clocks;
  int64_t started, connecting, last_byte, last_event;
  int got_event;
  /* outcome */
  exchange_failure failure;
  const char *fault_kind;  /* set by a callback that stopped the transfer */
  const char *fault_text;
};

/*
** A new exchange that uses 'easy' (taken over; 'is_set' when it was used for
** the same target before). Returns NULL when memory ran out or libcurl
** refused an option; *why is then a constant text.
*/
exchange *exchange_new (CURL *easy, int is_set, sockets *s,
                        const exchange_options *o, const char **why);

/* Its clocks run from now on. */
void exchange_started (exchange *x, int64_t now);

/* Has it a connection over which the request goes, or went? */
int exchange_connected (const exchange *x);

/* The connection is not kept after this transfer. One that other transfers
** share is closed after the last of those that say so. */
void exchange_forbid_reuse (exchange *x);

/* libcurl is through with it; decides the outcome. */
void exchange_finish (exchange *x, CURLcode code);

/* Ends it with a failure of ours. 'text' is copied. */
void exchange_fail (exchange *x, const char *kind, const char *phase,
                    const char *text);

/*
** When the clock that is to run out next does so (INT64_MAX: none runs). It
** moves with every byte, so nobody keeps a timer at it: exchange_check_at is
** a time not after it, whatever happens until then, and is far enough away
** for one timer per shortest clock to be enough.
*/
int64_t exchange_deadline (const exchange *x);
int64_t exchange_check_at (const exchange *x, int64_t now);

/* A clock has run out at 'now'; libcurl no longer has the transfer. */
void exchange_expire (exchange *x, int64_t now);

/*
** Whether a paused transfer may go on, because little enough is queued; and
** lets it. That may feed what libcurl held back; an error of it ends the
** transfer.
*/
int exchange_resumable (const exchange *x);
CURLcode exchange_resume (exchange *x);

/*
** The reader has all it wants: what still comes is thrown away, so that the
** connection can be used again if the body ends before 'deadline'.
*/
void exchange_discard (exchange *x, int64_t deadline);

/* Puts it at the end of its list of moved ones (once), and takes it out. */
void exchange_add_news (exchange *x);
void exchange_clear_news (exchange *x);

/* Frees everything but the easy handle, which the pool took back before. */
void exchange_free (exchange *x);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
