/*
** lua_curl.c - the module predibase.curl: pools of connections
** SPDX-License-Identifier: MIT
** A Lua interface to pool.c and exchange.c. The C core keeps no Lua values:
** pool:step identifies exchanges by number.
*/

/***
Pools of connections and the exchanges on them: HTTP with libcurl. No Lua code
runs in libcurl's callbacks, and only `pool:step` and `wait` wait.

@module predibase.curl
*/

#include <limits.h>
#include <math.h>
#include <string.h>

#include "clock.h"
#include "lua_class.h"
#include "lua_exchange.h"
#include "lua_module.h"
#include "lua_target.h"
#include "process.h"
#include "socket_calls.h"

#define POOL_T "predibase.curl.pool"

static pool **pool_slot (lua_State *L) {
  return lua_class_check(L, POOL_T);
}

static pool *check_open (lua_State *L) {
  pool **p = pool_slot(L);
  luaL_argcheck(L, *p != NULL, 1, "the pool is closed");
  if (!pool_is_ours(*p)) luaL_error(L, FORKED);
  return *p;
}

/***
Makes a pool: the connections of one client, with one descriptor to wait for.
@function pool
@treturn[1] userdata the pool
@treturn[2] nil
@treturn[2] string the reason
*/
static int curl_pool (lua_State *L) {
  const char *why = NULL;
  pool **p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = NULL;  /* closed; __gc may run from the next line on */
  luaL_setmetatable(L, POOL_T);
  *p = pool_new(&why);
  if (*p == NULL) {
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
  }
  return 1;
}

/***
Starts an exchange.
@function pool:open
@tparam userdata|table to a @{target}, or a table with the fields of one and
the following arguments by name
@tparam ?string body
@tparam ?string header one more header line, "Name: value"
@tparam ?number delay seconds before the start; 0 switches any clock off
@tparam ?number deadline seconds on the clock of `now`
@tparam ?number connect seconds
@tparam ?number first_event seconds
@tparam ?number event seconds
@tparam ?number idle seconds
@treturn[1] userdata the exchange
@treturn[1] number by which @{pool:step} identifies it
@treturn[2] nil
@treturn[2] string the reason
@raise if an argument has the wrong type
*/
static int p_open (lua_State *L) {
  check_open(L);
  return lua_exchange_open(L, pool_slot(L));
}

/***
Waits until sockets or timers are ready, and handles them.
@function pool:step
@tparam ?number seconds the longest wait; nil: no limit
@tparam table moved receives at 1..n the numbers of the exchanges that have
news: an event, or their end
@treturn[1] number n
@treturn[2] nil
@treturn[2] string "waiting for the network failed"
@raise "not enough memory" if libcurl ran out of it
*/
static int p_step (lua_State *L) {
  pool *p = check_open(L);
  int64_t ms = -1;
  int rc, n = 0;
  exchange *x;
  if (!lua_isnoneornil(L, 2)) {
    lua_Number s = luaL_checknumber(L, 2);
    if (!(s >= 0)) s = 0;
    ms = s > MAX_SECONDS ? -1 : (int64_t)ceil(s * 1000.0);
  }
  luaL_checktype(L, 3, LUA_TTABLE);
  rc = pool_step(p, ms);
  while ((x = pool_news(p)) != NULL) {
    lua_pushinteger(L, (lua_Integer)x->id);
    lua_rawseti(L, 3, n + 1);  /* may raise, so x is removed later */
    n++;
    exchange_clear_news(x);
  }
  if (rc == POOL_NOMEM) return luaL_error(L, "not enough memory");
  if (rc != POOL_OK) {
    lua_pushnil(L);
    lua_pushliteral(L, "waiting for the network failed");
    return 2;
  }
  lua_pushinteger(L, n);
  return 1;
}

/***
Returns a descriptor that is readable while @{pool:step} has sockets to handle.
@function pool:fd
@treturn ?number nil where the system has no such descriptor
*/
static int p_fd (lua_State *L) {
  int fd = pool_fd(check_open(L));
  if (fd < 0) lua_pushnil(L);
  else lua_pushinteger(L, fd);
  return 1;
}

/***
Returns how long an event loop may wait before it has to call @{pool:step} even
if the descriptor stays silent.
@function pool:timeout
@treturn ?number seconds; nil: no timer is running
*/
static int p_timeout (lua_State *L) {
  int64_t ms = pool_timeout(check_open(L));
  if (ms < 0) lua_pushnil(L);
  else lua_pushnumber(L, (lua_Number)ms / 1000.0);
  return 1;
}

/***
Returns the number of exchanges that are not closed yet.
@function pool:size
@treturn number
*/
static int p_size (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)pool_size(check_open(L)));
  return 1;
}

/***
Closes every connection; open exchanges fail with kind "cancelled". May be
called any number of times.
@function pool:close
*/
static int p_close (lua_State *L) {
  pool **slot = pool_slot(L);
  pool *p = *slot;
  *slot = NULL;
  if (p != NULL) pool_free(p);
  return 0;
}

static int p_tostring (lua_State *L) {
  pool **p = pool_slot(L);
  if (*p == NULL) lua_pushliteral(L, POOL_T " (closed)");
  else lua_pushfstring(L, POOL_T " (%p)", (void *)*p);
  return 1;
}

/* --- module --------------------------------------------------------------- */

/***
Reads and checks the options that many requests have in common.
@function target
@tparam table spec `url`; `method`; `headers` (array of "Name: value");
`events` (true: parse a text/event-stream answer); `max_event` and `max_body`
in bytes; `proxy` ("" for none), `ca_file`, `client_cert`, `client_key`,
`client_key_password`, `verify`, `http_version` (0 automatic, 1, 2)
@treturn userdata for @{pool:open}
@raise if a field has the wrong type
*/
static int curl_target (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_target_push(L, 1);
  return 1;
}

/***
Returns the time of a monotonic clock with an arbitrary start.
@function now
@treturn number seconds
*/
static int curl_now (lua_State *L) {
  lua_pushnumber(L, (lua_Number)clock_us() / 1e6);
  return 1;
}

/***
Waits until a descriptor is readable, for example that of one of several pools.
@function wait
@tparam table fds array of descriptors
@tparam ?number seconds the longest wait; nil: no limit
@tparam table ready receives at 1..n the indices in `fds` of the readable ones
@treturn[1] number n; 0 after the longest wait, or after a signal
@treturn[2] nil
@treturn[2] string "waiting for descriptors failed"
*/
static int curl_wait (lua_State *L) {
  struct pollfd *set;
  int i, count, rc, ms = -1, n = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  if (!lua_isnoneornil(L, 2)) {
    lua_Number s = ceil(luaL_checknumber(L, 2) * 1000.0);
    if (!(s >= 0)) s = 0;
    ms = s > INT_MAX ? INT_MAX : (int)s;
  }
  count = (int)lua_rawlen(L, 1);
  set = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *set, 0);
  for (i = 0; i < count; i++) {
    lua_rawgeti(L, 1, i + 1);
    set[i].fd = (socket_number)(int)lua_tonumber(L, -1);
    set[i].events = POLLIN;
    set[i].revents = 0;
    lua_pop(L, 1);
  }
  rc = socket_poll(set, (size_t)count, ms);
  if (rc < 0) {
    lua_pushnil(L);
    lua_pushliteral(L, "waiting for descriptors failed");
    return 2;
  }
  for (i = 0; rc > 0 && i < count; i++) {
    if (set[i].revents == 0) continue;
    lua_pushinteger(L, i + 1);
    lua_rawseti(L, 3, ++n);
  }
  lua_pushinteger(L, n);
  return 1;
}

/***
Returns the version of libcurl, in the form for User-Agent: "libcurl/7.88.1".
@function version
@treturn string
*/
static int curl_version_name (lua_State *L) {
  lua_pushfstring(L, "libcurl/%s", curl_version_info(CURLVERSION_NOW)->version);
  return 1;
}

/* Sets the field 'path' of the table on the stack: the file that libcurl was
** loaded from, if the system can tell. */
static void set_library_path (lua_State *L) {
  curl_version_info_data *(*function) (CURLversion) = curl_version_info;
  const void *address;
  const char *path;
  memcpy(&address, &function, sizeof address);  /* ISO C has no such cast */
  path = process_file_of(address);
  if (path != NULL) {
    lua_pushstring(L, path);
    lua_setfield(L, -2, "path");
  }
}

/***
Describes the libcurl that was loaded, see `predibase.requirements`.
@function library
@treturn table `version` ("7.88.1"), `number` (0x075801), `built` (the number
of the headers that this module was compiled with), `protocols` (a set of
names), `path` (of its file; nil if unknown)
*/
static int curl_library (lua_State *L) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  int i;
  lua_createtable(L, 0, 5);
  lua_pushstring(L, info->version);
  lua_setfield(L, -2, "version");
  lua_pushinteger(L, (lua_Integer)info->version_num);
  lua_setfield(L, -2, "number");
  lua_pushinteger(L, LIBCURL_VERSION_NUM);
  lua_setfield(L, -2, "built");
  set_library_path(L);
  lua_newtable(L);
  for (i = 0; info->protocols[i] != NULL; i++) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, info->protocols[i]);
  }
  lua_setfield(L, -2, "protocols");
  return 1;
}

static const luaL_Reg pool_methods[] = {
  {"open", p_open}, {"step", p_step}, {"fd", p_fd}, {"timeout", p_timeout},
  {"size", p_size}, {"close", p_close}, {NULL, NULL}
};

static const luaL_Reg pool_meta[] = {
  {"__gc", p_close}, {"__close", p_close}, {"__tostring", p_tostring},
  {NULL, NULL}
};

static const luaL_Reg module[] = {
  {"pool", curl_pool}, {"target", curl_target}, {"now", curl_now},
  {"wait", curl_wait},
  {"version", curl_version_name}, {"library", curl_library},
  {NULL, NULL}
};

/*
** Keeps this module loaded after lua_close: a name look-up that hangs runs on
** in a thread of libcurl, which needs its code. The Makefile links with -z
** nodelete; the builtin build of LuaRocks cannot.
*/
static void stay_loaded (void) {
  static const char here = 0;
  process_keep_loaded(&here);
}

MODULE_API int luaopen_predibase_curl (lua_State *L);

MODULE_API int luaopen_predibase_curl (lua_State *L) {
  luaL_checkversion(L);
  stay_loaded();
  lua_class_new(L, POOL_T, pool_methods, pool_meta);
  lua_target_class(L);
  lua_exchange_class(L);
  lua_module_new(L, module);
  return 1;
}
