/*
** pool.h - many exchanges behind one descriptor
** SPDX-License-Identifier: MIT
** A libcurl multi handle driven by curl_multi_socket_action. It waits only in
** pool_step, and for as long as the caller allows. The cost of a step depends
** on the number of ready sockets, not of open exchanges.
*/

#ifndef PREDIBASE_POOL_H
#define PREDIBASE_POOL_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

typedef struct pool pool;

/* Makes a pool. Returns NULL if memory or descriptors ran out; *why is then a
** constant text. */
pool *pool_new (const char **why);

/*
** Closes every connection and frees the pool. Exchanges that are still open
** fail with kind "cancelled" and stay readable until pool_drop. Does nothing
** in a forked process: the connections belong to its parent.
*/
void pool_free (pool *p);

/* Returns 1 if this process made the pool, 0 after a fork. */
int pool_is_ours (const pool *p);

/*
** Starts an exchange, at once or after its delay. Returns NULL with a text in
** *why if that is impossible. A new exchange may have news already (see
** pool_news).
*/
exchange *pool_open (pool *p, const exchange_options *o, const char **why);

/* Ends an exchange in any state, closes its connection if it was in use, and
** frees it. Works also after pool_free. */
void pool_drop (exchange *x);

/* Drops the event that sse_peek returned, and continues a paused transfer if
** little enough is queued. */
void pool_pop (exchange *x);

/* Discards the rest of the response of an exchange (see exchange_discard). The
** caller still has to drop the exchange. */
void pool_linger (exchange *x, int64_t deadline);

/*
** Waits up to timeout_ms (negative: no limit) until sockets or timers are
** ready, and handles them. Returns at once while pool_news has an exchange.
** Returns POOL_OK; POOL_NOMEM if libcurl ran out of memory; POOL_BROKEN if the
** system or libcurl reported another error.
*/
enum { POOL_OK = 0, POOL_NOMEM = -1, POOL_BROKEN = -2 };

int pool_step (pool *p, int64_t timeout_ms);

/* Returns the next exchange with news (an event, or its end), or NULL. It stays
** the next one until exchange_clear_news. */
exchange *pool_news (const pool *p);

/*
** For other event loops. pool_fd returns a descriptor that is readable while
** pool_step has sockets to handle (-1 where the system has none); pool_timeout
** returns the milliseconds until pool_step must run even if that descriptor
** stays silent (-1: no timer is running).
*/
int pool_fd (const pool *p);
int64_t pool_timeout (const pool *p);

/* Returns the number of exchanges that are not dropped yet. */
size_t pool_size (const pool *p);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
