/*
** lua_exchange.c - the class of exchanges, for the module predibase.curl
** SPDX-License-Identifier: MIT
*/

#include <math.h>
#include <string.h>

#include "clock.h"
#include "lua_class.h"
#include "lua_exchange.h"
#include "lua_target.h"
#include "lua_token.h"

#define EXCHANGE_T "predibase.curl.exchange"

/* An exchange for Lua. Its answer stays when the exchange is closed. */
typedef struct reader {
  exchange *x;  /* first: exchange_slot returns its address; NULL = closed */
  answer answer;
} reader;

/* --- arguments ------------------------------------------------------------ */

/* Converts seconds to milliseconds, rounded up, because 0 means no timeout. */
static int64_t milliseconds (lua_State *L, const char *name, lua_Number v) {
  if (!(v >= 0 && v <= MAX_SECONDS))
    luaL_error(L, "bad field '%s' (seconds from 0 to 1e9 expected)", name);
  return (int64_t)ceil(v * 1000.0);
}

/*
** The arguments of pool:open after pool and target. If a table is given instead
** of a target, they are the fields of the table with these names.
*/
enum { AT_BODY = 3, AT_HEADER, AT_DELAY, AT_DEADLINE, AT_CONNECT,
       AT_FIRST_EVENT, AT_EVENT, AT_IDLE };

static const char *const names[] = {
  "body", "header", "delay", "deadline", "connect", "first_event", "event",
  "idle"
};

static void check_type (lua_State *L, int at, int type) {
  if (lua_type(L, at) != type)
    luaL_error(L, "bad field '%s' (%s expected, got %s)", names[at - AT_BODY],
               lua_typename(L, type), luaL_typename(L, at));
}

static int64_t clock_at (lua_State *L, int at) {
  if (lua_isnoneornil(L, at)) return 0;
  check_type(L, at, LUA_TNUMBER);
  return milliseconds(L, names[at - AT_BODY], lua_tonumber(L, at));
}

/* Returns the deadline on clock_ms, or 0 for none. A deadline of 0 or below has
** passed, so it becomes the current time. */
static int64_t deadline_at (lua_State *L, int at) {
  int64_t ms;
  if (lua_isnoneornil(L, at)) return 0;
  check_type(L, at, LUA_TNUMBER);
  if (lua_tonumber(L, at) < 0) return clock_ms();
  ms = clock_at(L, at);
  return ms > 0 ? ms : clock_ms();
}

/* Replaces the table at index 2 by a target and the other arguments. */
static void spread (lua_State *L) {
  size_t i;
  lua_settop(L, 2);
  lua_target_push(L, 2);
  for (i = 0; i < sizeof names / sizeof names[0]; i++)
    lua_getfield(L, 2, names[i]);
  lua_remove(L, 2);
}

static void read_request (lua_State *L, exchange_options *o) {
  memset(o, 0, sizeof *o);
  if (lua_istable(L, 2)) spread(L);
  else if (!lua_isuserdata(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
  o->to = lua_target_check(L, 2);
  if (!lua_isnoneornil(L, AT_BODY)) {
    check_type(L, AT_BODY, LUA_TSTRING);
    o->body = lua_tolstring(L, AT_BODY, &o->body_len);
  }
  if (!lua_isnoneornil(L, AT_HEADER)) {
    check_type(L, AT_HEADER, LUA_TSTRING);
    lua_target_check_line(L, AT_HEADER);
    o->header = lua_tostring(L, AT_HEADER);
  }
  o->clocks.delay = clock_at(L, AT_DELAY);
  if (o->clocks.delay > 0)
    o->clocks.delay++;  /* clock_ms rounds down */
  o->clocks.deadline = deadline_at(L, AT_DEADLINE);
  o->clocks.connect = clock_at(L, AT_CONNECT);
  o->clocks.first_event = clock_at(L, AT_FIRST_EVENT);
  o->clocks.event = clock_at(L, AT_EVENT);
  o->clocks.idle = clock_at(L, AT_IDLE);
}

int lua_exchange_open (lua_State *L, pool **slot) {
  exchange_options o;
  reader *r;
  const char *why = NULL;
  read_request(L, &o);
  r = lua_newuserdatauv(L, sizeof *r, 0);
  r->x = NULL;  /* closed; __gc may run from the next line on */
  answer_init(&r->answer, (size_t)-1, 0);
  luaL_setmetatable(L, EXCHANGE_T);
  if (*slot == NULL)  /* closed by a finalizer that ran in lua_newuserdatauv */
    return luaL_error(L, "the pool is closed");
  r->x = pool_open(*slot, &o, &why);
  if (r->x == NULL) {
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
  }
  lua_pushinteger(L, (lua_Integer)r->x->id);
  return 2;
}

/* --- the exchange at argument 1 ------------------------------------------- */

static exchange **exchange_slot (lua_State *L) {
  return lua_class_check(L, EXCHANGE_T);
}

static exchange *check_open (lua_State *L) {
  exchange **x = exchange_slot(L);
  luaL_argcheck(L, *x != NULL, 1, "the exchange is closed");
  if ((*x)->pool != NULL && !pool_is_ours((*x)->pool)) luaL_error(L, FORKED);
  return *x;
}

/* --- reading -------------------------------------------------------------- */

/*
** Creating a Lua value may run finalizers (5.1 and LuaJIT run them before they
** copy the bytes of a new string), and a finalizer may close or read this very
** exchange. So bytes are copied out of the exchange before they are pushed: to
** 'small', or to a userdata that stays on the stack. 'get' returns where the
** bytes are, or 0 if there are none; it is called again after each allocation.
*/

/* The size of 'small', on the C stack: most events and heads fit. */
#define SMALL_BYTES 4096

typedef int (*bytes_of) (const exchange *x, const char **s, size_t *n);

static const char *copy_bytes (lua_State *L, exchange **slot, char *small,
                               size_t *n, bytes_of get) {
  char *to = small;
  size_t capacity = SMALL_BYTES;
  const char *s;
  while (*slot != NULL && get(*slot, &s, n)) {
    if (*n <= capacity) {
      if (*n > 0) memcpy(to, s, *n);
      return to;
    }
    lua_settop(L, 1);  /* remove a userdata that was too small */
    capacity = *n;
    to = lua_newuserdatauv(L, capacity, 0);
  }
  return NULL;
}

static int next_event (const exchange *x, const char **s, size_t *n) {
  sse_event ev;
  if (!sse_peek(&x->sse, &ev)) return 0;
  *s = ev.data;
  *n = ev.data_len;
  return 1;
}

static int unfinished_event (const exchange *x, const char **s, size_t *n) {
  sse_event ev;
  if (!sse_finish(&x->sse, &ev)) return 0;
  *s = ev.data;
  *n = ev.data_len;
  return 1;
}

static int whole_body (const exchange *x, const char **s, size_t *n) {
  *s = x->body.data;
  *n = x->body.len;
  return 1;
}

static int head_fields (const exchange *x, const char **s, size_t *n) {
  *s = x->head.text.data;
  *n = x->head.text.len;
  return 1;
}

/***
Takes the next event and returns its data.
@function exchange:next
@treturn[1] string
@treturn[2] nil
@treturn[2] string "pending" (nothing has arrived), "done" or "failed"
*/
static int x_next (lua_State *L) {
  exchange *x = check_open(L), **slot = exchange_slot(L);
  char small[SMALL_BYTES];
  size_t n, taken = x->taken;
  const char *s = copy_bytes(L, slot, small, &n, next_event);
  if (s != NULL) {
    lua_pushlstring(L, s, n);  /* may raise, so the event is popped later */
    if (*slot == x && x->taken == taken) pool_pop(x);
    return 1;
  }
  x = check_open(L);
  lua_pushnil(L);
  if (x->state == EXCHANGE_DONE) lua_pushliteral(L, "done");
  else if (x->state == EXCHANGE_FAILED) lua_pushliteral(L, "failed");
  else lua_pushliteral(L, "pending");
  return 2;
}

/*
** Returns the open exchange without checking for a fork, for functions that
** only read memory.
*/
static exchange *check_open_fast (lua_State *L, exchange ***slot) {
  *slot = exchange_slot(L);
  return **slot != NULL ? **slot : check_open(L);
}

/***
Takes the next event. A plain token of LoRAX is returned decoded, any other
event as @{next} returns it.
@function exchange:token
@treturn[1] table the token: `id`, `text`, `logprob`, `special`, `skipped`
@treturn[2] string the data of an event that is not a plain token
@treturn[3] nil
@treturn[3] string "pending" (nothing has arrived), "done" or "failed"
*/
static int x_token (lua_State *L) {
  exchange **slot, *x = check_open_fast(L, &slot);
  size_t taken = x->taken;
  sse_event ev;
  token t;
  if (!sse_peek(&x->sse, &ev) || !token_read(&t, ev.data, ev.data_len))
    return x_next(L);
  lua_token_push(L, &t);  /* may raise, as in x_next */
  if (*slot == x && x->taken == taken) pool_pop(x);
  return 1;
}

/* --- the tokens of a stream ----------------------------------------------- */

static reader *check_reader (lua_State *L) {
  return lua_class_check(L, EXCHANGE_T);
}

/***
Does what `parser:keep_text` of `predibase.sse` does.
@function exchange:keep_text
@tparam number limit
@tparam boolean kept
*/
static int x_keep_text (lua_State *L) {
  return lua_token_keep_text(L, &check_reader(L)->answer);
}

static const sse *queue_of (const void *owner) {
  const reader *r = owner;
  return r->x != NULL ? &r->x->sse : NULL;
}

static size_t taken_from (const void *owner) {
  return ((const reader *)owner)->x->taken;
}

static void pop_from (void *owner) {
  pool_pop(((reader *)owner)->x);
}

static int is_pending (const void *owner) {
  const exchange *x = ((const reader *)owner)->x;
  return x != NULL && sse_count(&x->sse) == 0 && x->state != EXCHANGE_DONE &&
         x->state != EXCHANGE_FAILED;
}

static const token_source source = {queue_of, taken_from, pop_from, is_pending};

/***
Does what `parser:take` of `predibase.sse` does.
@function exchange:take
@treturn ?table
@treturn ?boolean false if @{token} has something else, or at the end
*/
static int x_take (lua_State *L) {
  reader *r = check_reader(L);
  return lua_token_take(L, &source, r, &r->answer);
}

/***
Does what `parser:take_all` of `predibase.sse` does.
@function exchange:take_all
@treturn boolean as the second result of @{take}
*/
static int x_take_all (lua_State *L) {
  reader *r = check_reader(L);
  return lua_token_take_all(L, &source, r, &r->answer);
}

/***
Does what `parser:take_texts` of `predibase.sse` does.
@function exchange:take_texts
@treturn ?string
@treturn ?boolean
*/
static int x_take_texts (lua_State *L) {
  reader *r = check_reader(L);
  return lua_token_take_texts(L, &source, r, &r->answer);
}

/***
Does what `parser:filter` of `predibase.sse` does.
@function exchange:filter
@tparam ?userdata splitter
@tparam ?userdata matcher
*/
static int x_filter (lua_State *L) {
  return lua_token_filter(L, &check_reader(L)->answer);
}

/***
Does what `parser:shown` of `predibase.sse` does.
@function exchange:shown
@treturn ?string
@treturn ?string
*/
static int x_shown (lua_State *L) {
  return lua_token_shown(L, &check_reader(L)->answer);
}

/***
Does what `parser:add` of `predibase.sse` does.
@function exchange:add
@tparam string text
*/
static int x_add (lua_State *L) {
  return lua_token_add(L, &check_reader(L)->answer);
}

/***
Does what `parser:counts` of `predibase.sse` does.
@function exchange:counts
@treturn number
@treturn number
*/
static int x_counts (lua_State *L) {
  return lua_token_counts(L, &check_reader(L)->answer);
}

/***
Does what `parser:text` of `predibase.sse` does.
@function exchange:text
@treturn string
*/
static int x_text (lua_State *L) {
  return lua_token_text(L, &check_reader(L)->answer);
}

/* --- head, body, failure -------------------------------------------------- */

/* Pushes a copy of bytes that stay in the exchange, or nil. */
static int push_bytes (lua_State *L, bytes_of get) {
  char small[SMALL_BYTES];
  size_t n;
  const char *s;
  check_open(L);
  s = copy_bytes(L, exchange_slot(L), small, &n, get);
  if (s == NULL) {
    check_open(L);  /* raises if a finalizer closed it */
    lua_pushnil(L);
  }
  else lua_pushlstring(L, s, n);
  return 1;
}

/***
Returns the data of an event that the end of the body left unfinished.
@function exchange:rest
@treturn ?string
*/
static int x_rest (lua_State *L) {
  return push_bytes(L, unfinished_event);
}

/***
Returns the status, once the head has arrived.
@function exchange:status
@treturn[1] number the HTTP status
@treturn[1] boolean true if the body is parsed as an event stream
@treturn[2] nil before the head has arrived
*/
static int x_status (lua_State *L) {
  exchange **slot;
  const exchange *x = check_open_fast(L, &slot);
  if (!x->head.complete) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, x->head.status);
  lua_pushboolean(L, x->streaming);
  return 2;
}

/***
Returns status and header fields, once the head has arrived.
@function exchange:head
@treturn[1] number the HTTP status
@treturn[1] table lower-case name to value; the values of repeated fields are
joined by ", ", unless they are equal
@treturn[1] boolean true if the body is parsed as an event stream
@treturn[2] nil before the head has arrived
*/
static int x_head (lua_State *L) {
  exchange **slot;
  const exchange *x = check_open_fast(L, &slot);
  int status = x->head.status, fields = x->head.fields;
  int streaming = x->streaming;
  char small[SMALL_BYTES];
  const char *s, *end;
  size_t n;
  if (!x->head.complete) {
    lua_pushnil(L);
    return 1;
  }
  s = copy_bytes(L, slot, small, &n, head_fields);
  if (s == NULL) return luaL_error(L, "the exchange was closed");
  lua_pushinteger(L, status);
  lua_createtable(L, 0, fields);
  for (end = s + n; s < end; ) {
    const char *name = s, *value = name + strlen(name) + 1;
    s = value + strlen(value) + 1;
    lua_getfield(L, -1, name);
    if (lua_isnil(L, -1)) lua_pushstring(L, value);
    else if (strcmp(lua_tostring(L, -1), value) == 0) lua_pushvalue(L, -1);
    else lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), value);
    lua_setfield(L, -3, name);
    lua_pop(L, 1);  /* the value that was there before */
  }
  lua_pushboolean(L, streaming);
  return 3;
}

/***
Returns the body that has arrived so far, unless it is an event stream.
@function exchange:body
@treturn string
*/
static int x_body (lua_State *L) {
  return push_bytes(L, whole_body);
}

static int whole_log (const exchange *x, const char **s, size_t *n) {
  *s = x->log.data;
  *n = x->log.len;
  return 1;
}

/***
Takes what was sent and received since the last call, if the target has the
field `log`. It contains secrets.
@function exchange:log
@treturn[1] table array of `{ kind, time, text }`: kind "t" (about the
connection), "s" (the head of a request), "h" (a line of the head of a
response) or "d" (a part of its body); seconds on the clock of @{now}
@treturn[2] nil if there is nothing
*/
static int x_log (lua_State *L) {
  exchange *x = check_open(L), **slot = exchange_slot(L);
  char small[SMALL_BYTES];
  const char *copy, *s;
  size_t n, at = 0;
  wire_log_record r;
  int i = 0;
  if (x->log.len == 0) return 0;
  copy = copy_bytes(L, slot, small, &n, whole_log);
  if (copy == NULL) return 0;
  wire_log_clear(&(*slot)->log);
  lua_newtable(L);
  while (wire_log_read(copy, n, &at, &r, &s)) {
    lua_createtable(L, 3, 0);
    lua_pushlstring(L, &r.kind, 1);
    lua_rawseti(L, -2, 1);
    lua_pushnumber(L, (lua_Number)r.time / 1000.0);
    lua_rawseti(L, -2, 2);
    lua_pushlstring(L, s, r.size);
    lua_rawseti(L, -2, 3);
    lua_rawseti(L, -2, ++i);
  }
  return 1;
}

/***
Returns why the exchange failed.
@function exchange:failure
@treturn[1] string kind: connection, tls, timeout, protocol, too_large,
cancelled
@treturn[1] string phase: resolve, connect, proxy, tls, head, body, or the
timeout that expired: connect, first_token, token, idle, total
@treturn[1] string what happened
@treturn[1] boolean true if the request may have reached the server
@treturn[1] ?number the HTTP status with which a proxy refused a tunnel
@treturn[2] nil if it did not fail
@raise "not enough memory" if that was the reason
*/
static int x_failure (lua_State *L) {
  exchange *x = check_open(L);
  exchange_failure f = x->failure;  /* a finalizer may free the original */
  if (x->state != EXCHANGE_FAILED) {
    lua_pushnil(L);
    return 1;
  }
  if (strcmp(f.kind, "memory") == 0)
    return luaL_error(L, "not enough memory");
  lua_pushstring(L, f.kind);
  lua_pushstring(L, f.phase);
  lua_pushstring(L, f.text);
  lua_pushboolean(L, f.sent);
  if (f.proxy_status == 0) return 4;
  lua_pushinteger(L, f.proxy_status);
  return 5;
}

/* --- id, end -------------------------------------------------------------- */

/***
Returns the number by which @{pool:step} identifies this exchange.
@function exchange:id
@treturn number
*/
static int x_id (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_open(L)->id);
  return 1;
}

/***
Discards the rest of the body. The exchange continues for at most the given
time, so that its connection can be used again; @{pool:step} reports its end.
@function exchange:linger
@tparam number seconds
*/
static int x_linger (lua_State *L) {
  exchange *x = check_open(L);
  pool_linger(x, clock_ms() + milliseconds(L, "seconds",
                                           luaL_checknumber(L, 2)));
  return 0;
}

/***
Ends the exchange, and closes its connection if it is still in use. May be
called any number of times.
@function exchange:close
*/
static int x_close (lua_State *L) {
  exchange **slot = exchange_slot(L);
  exchange *x = *slot;
  *slot = NULL;
  if (x != NULL) pool_drop(x);
  return 0;
}

static int x_gc (lua_State *L) {
  x_close(L);
  answer_free(&check_reader(L)->answer);
  return 0;
}

static int x_tostring (lua_State *L) {
  exchange **x = exchange_slot(L);
  if (*x == NULL) lua_pushliteral(L, EXCHANGE_T " (closed)");
  else lua_pushfstring(L, EXCHANGE_T " (%p)", (void *)*x);
  return 1;
}

static const luaL_Reg exchange_methods[] = {
  {"id", x_id}, {"next", x_next}, {"rest", x_rest}, {"status", x_status},
  {"head", x_head}, {"body", x_body}, {"failure", x_failure},
  {"linger", x_linger}, {"log", x_log}, {"keep_text", x_keep_text},
  {"take_all", x_take_all}, {"take_texts", x_take_texts}, {"add", x_add},
  {"filter", x_filter}, {"shown", x_shown}, {"counts", x_counts},
  {"text", x_text}, {"close", x_close}, {NULL, NULL}
};

static const luaL_Reg exchange_meta[] = {
  {"__gc", x_gc}, {"__close", x_close}, {"__tostring", x_tostring},
  {NULL, NULL}
};

void lua_exchange_class (lua_State *L) {
  lua_class_new(L, EXCHANGE_T, exchange_methods, exchange_meta);
  lua_token_method(L, EXCHANGE_T, "token", x_token);
  lua_token_method(L, EXCHANGE_T, "take", x_take);
}
