/*
** lua_read.c - what Lua reads of an exchange: head, events, body, failure
** SPDX-License-Identifier: MIT
*/

#include <string.h>

#include "lua_exchange.h"
#include "lua_token.h"

exchange **lua_exchange_slot (lua_State *L) {
  return lua_checkclass(L, EXCHANGE_T);
}

exchange *lua_exchange_check (lua_State *L) {
  exchange **x = lua_exchange_slot(L);
  luaL_argcheck(L, *x != NULL, 1, "the exchange is closed");
  if ((*x)->pool != NULL && !pool_is_ours((*x)->pool)) luaL_error(L, FORKED);
  return *x;
}

/*
** Making a Lua value may run finalizers (5.1 and LuaJIT run them before they
** read the bytes of a new string), and a finalizer is Lua code that may close
** or read this very exchange. So bytes are copied out of the exchange before
** they are pushed: to 'small', which has SMALL_BYTES, or to a userdata that
** is left on the stack. 'get' shows where they are; it returns 0 when there
** are none, and is asked again after each allocation.
*/
#define SMALL_BYTES 4096

typedef int (*bytes_of) (const exchange *x, const char **s, size_t *n);

static const char *copy_bytes (lua_State *L, exchange **slot, char *small,
                               size_t *n, bytes_of get) {
  char *to = small;
  size_t room = SMALL_BYTES;
  const char *s;
  while (*slot != NULL && get(*slot, &s, n)) {
    if (*n <= room) {
      if (*n > 0) memcpy(to, s, *n);
      return to;
    }
    lua_settop(L, 1);  /* remove a userdata that was too small */
    room = *n;
    to = lua_newuserdatauv(L, room, 0);
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
The data of the next event.
@function exchange:next
@treturn[1] string
@treturn[2] nil
@treturn[2] string "pending" (nothing is there yet), "done" or "failed"
*/
static int x_next (lua_State *L) {
  exchange *x = lua_exchange_check(L), **slot = lua_exchange_slot(L);
  char small[SMALL_BYTES];
  size_t n, taken = x->taken;
  const char *s = copy_bytes(L, slot, small, &n, next_event);
  if (s != NULL) {
    lua_pushlstring(L, s, n);  /* may raise: the event is not popped yet */
    if (*slot == x && x->taken == taken) pool_pop(x);
    return 1;
  }
  x = lua_exchange_check(L);
  lua_pushnil(L);
  if (x->state == EXCHANGE_DONE) lua_pushliteral(L, "done");
  else if (x->state == EXCHANGE_FAILED) lua_pushliteral(L, "failed");
  else lua_pushliteral(L, "pending");
  return 2;
}

/*
** The exchange without the question whether the process is the one that made
** it: for what touches memory only.
*/
static exchange *quick_exchange (lua_State *L, exchange ***slot) {
  *slot = lua_exchange_slot(L);
  return **slot != NULL ? **slot : lua_exchange_check(L);
}

/***
The next event, a plain token of LoRAX already decoded. All else is as @{next}
gives it.
@function exchange:token
@treturn[1] table the token: `id`, `text`, `logprob`, `special`, `skipped`
@treturn[1] ?string its text once more, if it is no special token
@treturn[2] string the data of an event that is no plain token
@treturn[3] nil
@treturn[3] string "pending" (nothing is there yet), "done" or "failed"
*/
static int x_token (lua_State *L) {
  exchange **slot, *x = quick_exchange(L, &slot);
  size_t taken = x->taken;
  sse_event ev;
  token t;
  if (!sse_peek(&x->sse, &ev) || !token_read(&t, ev.data, ev.data_len))
    return x_next(L);
  lua_token_push(L, &t, lua_upvalueindex(2));  /* may raise, as in x_next */
  if (*slot == x && x->taken == taken) pool_pop(x);
  return 2;
}

/* Pushes a copy of bytes that stay in the exchange, or nil. */
static int push_bytes (lua_State *L, bytes_of get) {
  char small[SMALL_BYTES];
  size_t n;
  const char *s;
  lua_exchange_check(L);
  s = copy_bytes(L, lua_exchange_slot(L), small, &n, get);
  if (s == NULL) {
    lua_exchange_check(L);  /* closed meanwhile */
    lua_pushnil(L);
  }
  else lua_pushlstring(L, s, n);
  return 1;
}

/***
The data of an event that the end of the body left unfinished.
@function exchange:rest
@treturn ?string
*/
static int x_rest (lua_State *L) {
  return push_bytes(L, unfinished_event);
}

/***
Status and header fields, once they are there.
@function exchange:head
@treturn[1] number the HTTP status
@treturn[1] table lower-case name to value; repeated fields are joined by ", ",
equal ones count once
@treturn[1] boolean true when the body is parsed as an event stream
@treturn[2] nil before the head came
*/
static int x_head (lua_State *L) {
  const exchange *x = lua_exchange_check(L);
  int status = x->head.status, fields = x->head.fields;
  int streaming = x->streaming;
  char small[SMALL_BYTES];
  const char *s, *end;
  size_t n;
  if (!x->head.complete) {
    lua_pushnil(L);
    return 1;
  }
  s = copy_bytes(L, lua_exchange_slot(L), small, &n, head_fields);
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
The body, as far as it came and is no event stream.
@function exchange:body
@treturn string
*/
static int x_body (lua_State *L) {
  return push_bytes(L, whole_body);
}

/***
Why the exchange failed.
@function exchange:failure
@treturn[1] string kind: connection, tls, timeout, protocol, too_large,
cancelled
@treturn[1] string phase: resolve, connect, proxy, tls, head, body, or the
clock: connect, first_token, token, idle, total
@treturn[1] string what happened
@treturn[1] boolean true when the request may have reached the server
@treturn[1] ?number the HTTP status with which a proxy refused a tunnel
@treturn[2] nil when it did not fail
@raise "not enough memory" when that was the reason
*/
static int x_failure (lua_State *L) {
  exchange *x = lua_exchange_check(L);
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

static const luaL_Reg read_methods[] = {
  {"next", x_next}, {"rest", x_rest}, {"head", x_head}, {"body", x_body},
  {"failure", x_failure}, {NULL, NULL}
};

void lua_read_methods (lua_State *L) {
  luaL_getmetatable(L, EXCHANGE_T);
  lua_getfield(L, -1, "__index");
  lua_pushvalue(L, -2);
  luaL_setfuncs(L, read_methods, 1);
  lua_pushvalue(L, -2);
  lua_token_names(L);
  lua_pushcclosure(L, x_token, 1 + TOKEN_UPVALUES);
  lua_setfield(L, -2, "token");
  lua_pop(L, 2);  /* remove metatable and methods */
}
