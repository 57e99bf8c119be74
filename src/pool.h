/*
** pool.h - many exchanges behind one descriptor
** SPDX-License-Identifier: MIT
** A libcurl multi handle driven by curl_multi_socket_action. It waits only
** in pool_step and only as long as it is told to; the cost of a step grows
** with what is ready, not with what is open.
*/

#ifndef PREDIBASE_POOL_H
#define PREDIBASE_POOL_H

#include "exchange.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

typedef struct pool pool;

/* NULL when memory or descriptors ran out; *why is a constant text then. */
pool *pool_new (const char **why);

/*
** Closes every connection and frees the pool. Exchanges that are still open
** fail with kind "cancelled" and stay readable until pool_drop.
** In a process that was forked off the owner nothing is touched: the sockets
** belong to the parent.
*/
void pool_free (pool *p);

/* 1 when this process made the pool, 0 after a fork. */
int pool_is_ours (const pool *p);

/*
** Starts an exchange, at once or after its delay. Returns NULL with a text
** in *why when it cannot be made. It may have news already when it is there.
*/
exchange *pool_open (pool *p, const exchange_options *o, const char **why);

/* Ends an exchange in whatever state, closing its connection if it was in
** use, and frees it. Works without a pool, too. */
void pool_drop (exchange *x);

/* Drops the event that sse_peek showed, and lets a paused transfer go on. */
void pool_pop (exchange *x);

/* Leaves the rest of an exchange to itself, see exchange_discard; it is still
** to be dropped. */
void pool_linger (exchange *x, int64_t deadline);

/*
** Waits up to timeout_ms (negative: as long as it takes) until something
** can be done, and does it. Returns at once while exchanges with news are
** waiting to be taken. POOL_OK; POOL_NOMEM when libcurl ran out of memory;
** POOL_BROKEN when the system or libcurl refused.
*/
enum { POOL_OK = 0, POOL_NOMEM = -1, POOL_BROKEN = -2 };

int pool_step (pool *p, int64_t timeout_ms);

/* The next exchange with news (an event, the end), or NULL. It stays the
** next one until exchange_clear_news. */
exchange *pool_news (const pool *p);

/*
** For foreign event loops: a descriptor that is readable when pool_step has
** something to do (-1 where the system has none), and the milliseconds after
** which pool_step must be called in any case (-1: no timer runs).
*/
int pool_fd (const pool *p);
int64_t pool_timeout (const pool *p);

/* Number of exchanges that are not dropped yet. */
size_t pool_size (const pool *p);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
