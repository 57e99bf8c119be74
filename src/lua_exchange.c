/*
** lua_exchange.c - the class of exchanges, for the module predibase.curl
** SPDX-License-Identifier: MIT
*/

#include <math.h>
#include <string.h>

#include "clock.h"
#include "lua_exchange.h"
#include "lua_target.h"

/* --- arguments ------------------------------------------------------------ */

/* Seconds to milliseconds, rounded up so that no clock is cut to nothing. */
static int64_t milliseconds (lua_State *L, const char *name, lua_Number v) {
  if (!(v >= 0 && v <= MAX_SECONDS))
    luaL_error(L, "bad field '%s' (seconds from 0 to 1e9 expected)", name);
  return (int64_t)ceil(v * 1000.0);
}

/*
** The places of what one request brings with it, behind pool and target; the
** same by name where a table is given instead of a target.
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

/* On clock_ms; one that lies before its start has passed all the same. */
static int64_t deadline_at (lua_State *L, int at) {
  int64_t ms;
  if (lua_isnoneornil(L, at)) return 0;
  check_type(L, at, LUA_TNUMBER);
  if (lua_tonumber(L, at) < 0) return 0;
  ms = clock_at(L, at);
  return ms > 0 ? ms : clock_ms();
}

/* Replaces the table at index 2 by a target and the other fields. */
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
    o->clocks.delay++;  /* the clock drops parts of a millisecond */
  o->clocks.deadline = deadline_at(L, AT_DEADLINE);
  o->clocks.connect = clock_at(L, AT_CONNECT);
  o->clocks.first_event = clock_at(L, AT_FIRST_EVENT);
  o->clocks.event = clock_at(L, AT_EVENT);
  o->clocks.idle = clock_at(L, AT_IDLE);
}

int lua_exchange_open (lua_State *L, pool **slot) {
  exchange_options o;
  exchange **x;
  const char *why = NULL;
  read_request(L, &o);
  x = lua_newuserdatauv(L, sizeof *x, 0);
  *x = NULL;  /* closed: __gc may run from the next line on */
  luaL_setmetatable(L, EXCHANGE_T);
  if (*slot == NULL)  /* by a finalizer that the new userdata let run */
    return luaL_error(L, "the pool is closed");
  *x = pool_open(*slot, &o, &why);
  if (*x == NULL) {
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
  }
  lua_pushinteger(L, (lua_Integer)(*x)->id);
  return 2;
}

/* --- exchange ------------------------------------------------------------- */

/***
The number under which @{pool:step} names this exchange.
@function exchange:id
@treturn number
*/
static int x_id (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lua_exchange_check(L)->id);
  return 1;
}

/***
Says that nothing more of the body is wanted. The exchange goes on by itself
for at most so long, so that its connection can be used again; it has news
when it ended.
@function exchange:linger
@tparam number seconds
*/
static int x_linger (lua_State *L) {
  exchange *x = lua_exchange_check(L);
  pool_linger(x, clock_ms() + milliseconds(L, "seconds",
                                           luaL_checknumber(L, 2)));
  return 0;
}

/***
Ends the exchange, closing its connection if it is still in use. Any number
of times.
@function exchange:close
*/
static int x_close (lua_State *L) {
  exchange **slot = lua_exchange_slot(L);
  exchange *x = *slot;
  *slot = NULL;
  if (x != NULL) pool_drop(x);
  return 0;
}

static int x_tostring (lua_State *L) {
  exchange **x = lua_exchange_slot(L);
  if (*x == NULL) lua_pushliteral(L, EXCHANGE_T " (closed)");
  else lua_pushfstring(L, EXCHANGE_T " (%p)", (void *)*x);
  return 1;
}

static const luaL_Reg exchange_methods[] = {
  {"id", x_id}, {"linger", x_linger}, {"close", x_close}, {NULL, NULL}
};

static const luaL_Reg exchange_meta[] = {
  {"__gc", x_close}, {"__close", x_close}, {"__tostring", x_tostring},
  {NULL, NULL}
};

void *lua_checkclass (lua_State *L, const char *name) {
  void *p = lua_touserdata(L, 1);
  if (p != NULL && lua_getmetatable(L, 1)) {
    int same = lua_rawequal(L, -1, lua_upvalueindex(1));
    lua_pop(L, 1);  /* remove metatable */
    if (same) return p;
  }
  return luaL_checkudata(L, 1, name);  /* raises, naming the type */
}

void lua_newclass (lua_State *L, const char *name, const luaL_Reg *methods,
                   const luaL_Reg *meta) {
  luaL_newmetatable(L, name);
  lua_pushvalue(L, -1);
  luaL_setfuncs(L, meta, 1);
  lua_newtable(L);
  lua_pushvalue(L, -2);
  luaL_setfuncs(L, methods, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void lua_exchange_class (lua_State *L) {
  lua_newclass(L, EXCHANGE_T, exchange_methods, exchange_meta);
  lua_read_methods(L);
}
