/*
** lua_exchange.c - the class of exchanges, for the module predibase.curl
** SPDX-License-Identifier: MIT
*/

#include <math.h>
#include <string.h>

#include "clock.h"
#include "lua_exchange.h"

/* --- arguments ------------------------------------------------------------ */

static int fielderror (lua_State *L, const char *name, const char *wanted) {
  return luaL_error(L, "bad field '%s' (%s expected, got %s)", name, wanted,
                    luaL_typename(L, -1));
}

/* The string stays on the stack: __index may have made it for us alone. */
static const char *text_field (lua_State *L, const char *name, size_t *len) {
  const char *s = NULL;
  lua_getfield(L, 2, name);
  if (lua_type(L, -1) == LUA_TSTRING) {
    s = lua_tolstring(L, -1, len);
    if (len == NULL && strlen(s) != lua_rawlen(L, -1))
      luaL_error(L, "bad field '%s' (contains a zero byte)", name);
  }
  else if (!lua_isnil(L, -1))
    fielderror(L, name, "string");
  return s;
}

static lua_Number number_field (lua_State *L, const char *name,
                                lua_Number none) {
  lua_Number v = none;
  lua_getfield(L, 2, name);
  if (lua_type(L, -1) == LUA_TNUMBER)
    v = lua_tonumber(L, -1);
  else if (!lua_isnil(L, -1))
    fielderror(L, name, "number");
  lua_pop(L, 1);
  return v;
}

static int flag_field (lua_State *L, const char *name, int none) {
  int v = none;
  lua_getfield(L, 2, name);
  if (lua_isboolean(L, -1))
    v = lua_toboolean(L, -1);
  else if (!lua_isnil(L, -1))
    fielderror(L, name, "boolean");
  lua_pop(L, 1);
  return v;
}

/* Seconds to milliseconds, rounded up so that no clock is cut to nothing. */
static int64_t milliseconds (lua_State *L, const char *name, lua_Number v) {
  if (!(v >= 0 && v <= MAX_SECONDS))
    luaL_error(L, "bad field '%s' (seconds from 0 to 1e9 expected)", name);
  return (int64_t)ceil(v * 1000.0);
}

static int64_t clock_field (lua_State *L, const char *name) {
  return milliseconds(L, name, number_field(L, name, 0));
}

static size_t size_field (lua_State *L, const char *name, size_t none) {
  lua_Number v = number_field(L, name, (lua_Number)none);
  if (!(v >= 1 && v <= 9007199254740992.0))
    luaL_error(L, "bad field '%s' (a number of bytes expected)", name);
  return (size_t)v;
}

static void check_header (lua_State *L) {
  size_t i, len;
  const char *s = lua_tolstring(L, -1, &len);
  for (i = 0; i < len; i++)
    if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
      luaL_error(L, "bad header (control character in it)");
}

/* Leaves the headers at index 3, known to be nil or an array of strings. */
static void check_headers (lua_State *L) {
  size_t i, n;
  lua_getfield(L, 2, "headers");
  if (lua_isnil(L, 3)) return;
  if (!lua_istable(L, 3)) fielderror(L, "headers", "table");
  n = lua_rawlen(L, 3);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, 3, (int)i);
    if (lua_type(L, -1) != LUA_TSTRING) fielderror(L, "headers", "strings");
    check_header(L);
    lua_pop(L, 1);
  }
}

/* Cannot raise: neither lua_rawgeti nor lua_tostring of a string allocates.
** What is no string any more was replaced by a finalizer and is left out.
** NULL: no memory. */
static struct curl_slist *header_list (lua_State *L) {
  struct curl_slist *list = curl_slist_append(NULL, "Expect:");
  size_t i, n = lua_istable(L, 3) ? lua_rawlen(L, 3) : 0;
  for (i = 1; list != NULL && i <= n; i++) {
    lua_rawgeti(L, 3, (int)i);
    if (lua_type(L, -1) == LUA_TSTRING) {
      struct curl_slist *longer = curl_slist_append(list, lua_tostring(L, -1));
      if (longer == NULL) curl_slist_free_all(list);
      list = longer;
    }
    lua_pop(L, 1);
  }
  return list;
}

static void read_options (lua_State *L, exchange_options *o) {
  int64_t now = clock_ms();
  lua_Number deadline, version;
  memset(o, 0, sizeof *o);
  luaL_checkstack(L, 20, "too many fields");
  check_headers(L);
  o->url = text_field(L, "url", NULL);
  if (o->url == NULL) luaL_error(L, "bad field 'url' (string expected)");
  o->method = text_field(L, "method", NULL);
  o->body = text_field(L, "body", &o->body_len);
  o->events = flag_field(L, "events", 0);
  o->max_event = size_field(L, "max_event", 8 * 1024 * 1024);
  o->max_body = size_field(L, "max_body", 64 * 1024 * 1024);
  o->clocks.delay = clock_field(L, "delay");
  if (o->clocks.delay > 0)
    o->clocks.delay++;  /* the clock drops parts of a millisecond */
  o->clocks.connect = clock_field(L, "connect");
  o->clocks.first_event = clock_field(L, "first_event");
  o->clocks.event = clock_field(L, "event");
  o->clocks.idle = clock_field(L, "idle");
  deadline = number_field(L, "deadline", -1);
  if (deadline >= 0) {
    o->clocks.deadline = milliseconds(L, "deadline", deadline);
    if (o->clocks.deadline <= 0) o->clocks.deadline = now;
  }
  o->proxy = text_field(L, "proxy", NULL);
  o->ca_file = text_field(L, "ca_file", NULL);
  o->client_cert = text_field(L, "client_cert", NULL);
  o->client_key = text_field(L, "client_key", NULL);
  o->client_key_password = text_field(L, "client_key_password", NULL);
  o->verify = flag_field(L, "verify", 1);
  version = number_field(L, "http_version", 0);
  if (version != 0 && version != 1 && version != 2)
    luaL_error(L, "bad field 'http_version' (0, 1 or 2 expected)");
  o->http_version = (int)version;
}

int lua_exchange_open (lua_State *L, pool **slot) {
  exchange_options o;
  exchange **x;
  const char *why = NULL;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  read_options(L, &o);  /* leaves the headers at index 3, its strings above */
  x = lua_newuserdatauv(L, sizeof *x, 0);
  *x = NULL;  /* closed: __gc may run from the next line on */
  luaL_setmetatable(L, EXCHANGE_T);
  if (*slot == NULL)  /* by a finalizer that the new userdata let run */
    return luaL_error(L, "the pool is closed");
  o.headers = header_list(L);  /* acquired: nothing may raise before it is
                                  handed over */
  if (o.headers == NULL) return luaL_error(L, "not enough memory");
  *x = pool_open(*slot, &o, &why);
  if (*x == NULL) {
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
  }
  return 1;
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

void lua_newclass (lua_State *L, const char *name, const luaL_Reg *methods,
                   const luaL_Reg *meta) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, meta, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void lua_exchange_class (lua_State *L) {
  lua_newclass(L, EXCHANGE_T, exchange_methods, exchange_meta);
  lua_read_methods(L);
}
