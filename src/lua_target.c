/*
** lua_target.c - the class of targets, for the module predibase.curl
** SPDX-License-Identifier: MIT
*/

#include <string.h>

#include "lua_target.h"

#define TARGET_T "predibase.curl.target"

static int fielderror (lua_State *L, const char *name, const char *wanted) {
  return luaL_error(L, "bad field '%s' (%s expected, got %s)", name, wanted,
                    luaL_typename(L, -1));
}

/* The string stays on the stack: __index may have made it for us alone. */
static const char *text_field (lua_State *L, int arg, const char *name) {
  const char *s = NULL;
  lua_getfield(L, arg, name);
  if (lua_type(L, -1) == LUA_TSTRING) {
    s = lua_tostring(L, -1);
    if (strlen(s) != lua_rawlen(L, -1))
      luaL_error(L, "bad field '%s' (contains a zero byte)", name);
  }
  else if (!lua_isnil(L, -1))
    fielderror(L, name, "string");
  return s;
}

static lua_Number number_field (lua_State *L, int arg, const char *name,
                                lua_Number none) {
  lua_Number v = none;
  lua_getfield(L, arg, name);
  if (lua_type(L, -1) == LUA_TNUMBER)
    v = lua_tonumber(L, -1);
  else if (!lua_isnil(L, -1))
    fielderror(L, name, "number");
  lua_pop(L, 1);
  return v;
}

static int flag_field (lua_State *L, int arg, const char *name, int none) {
  int v = none;
  lua_getfield(L, arg, name);
  if (lua_isboolean(L, -1))
    v = lua_toboolean(L, -1);
  else if (!lua_isnil(L, -1))
    fielderror(L, name, "boolean");
  lua_pop(L, 1);
  return v;
}

static size_t size_field (lua_State *L, int arg, const char *name,
                          size_t none) {
  lua_Number v = number_field(L, arg, name, (lua_Number)none);
  if (!(v >= 1 && v <= 9007199254740992.0))
    luaL_error(L, "bad field '%s' (a number of bytes expected)", name);
  return (size_t)v;
}

void lua_target_check_line (lua_State *L, int at) {
  size_t i, len;
  const char *s = lua_tolstring(L, at, &len);
  for (i = 0; i < len; i++)
    if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
      luaL_error(L, "bad header (control character in it)");
}

/* Leaves the headers on the stack and returns where: known to be nil or an
** array of strings. */
static int check_headers (lua_State *L, int arg) {
  int at = lua_gettop(L) + 1;
  size_t i, n;
  lua_getfield(L, arg, "headers");
  if (lua_isnil(L, at)) return at;
  if (!lua_istable(L, at)) fielderror(L, "headers", "table");
  n = (size_t)lua_rawlen(L, at);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, at, (int)i);
    if (lua_type(L, -1) != LUA_TSTRING) fielderror(L, "headers", "strings");
    lua_target_check_line(L, -1);
    lua_pop(L, 1);
  }
  return at;
}

/* Cannot raise: neither lua_rawgeti nor lua_tostring of a string allocates.
** What is no string any more was replaced by a finalizer and is left out.
** NULL: no memory. */
static struct curl_slist *header_list (lua_State *L, int at) {
  struct curl_slist *list = curl_slist_append(NULL, "Expect:");
  size_t i, n = lua_istable(L, at) ? (size_t)lua_rawlen(L, at) : 0;
  for (i = 1; list != NULL && i <= n; i++) {
    lua_rawgeti(L, at, (int)i);
    if (lua_type(L, -1) == LUA_TSTRING) {
      struct curl_slist *longer = curl_slist_append(list, lua_tostring(L, -1));
      if (longer == NULL) curl_slist_free_all(list);
      list = longer;
    }
    lua_pop(L, 1);
  }
  return list;
}

static void read_options (lua_State *L, int arg, target_options *o) {
  lua_Number version;
  memset(o, 0, sizeof *o);
  o->url = text_field(L, arg, "url");
  if (o->url == NULL) luaL_error(L, "bad field 'url' (string expected)");
  o->method = text_field(L, arg, "method");
  o->events = flag_field(L, arg, "events", 0);
  o->max_event = size_field(L, arg, "max_event", 8 * 1024 * 1024);
  o->max_body = size_field(L, arg, "max_body", 64 * 1024 * 1024);
  o->proxy = text_field(L, arg, "proxy");
  o->ca_file = text_field(L, arg, "ca_file");
  o->client_cert = text_field(L, arg, "client_cert");
  o->client_key = text_field(L, arg, "client_key");
  o->client_key_password = text_field(L, arg, "client_key_password");
  o->verify = flag_field(L, arg, "verify", 1);
  version = number_field(L, arg, "http_version", 0);
  if (version != 0 && version != 1 && version != 2)
    luaL_error(L, "bad field 'http_version' (0, 1 or 2 expected)");
  o->http_version = (int)version;
}

void lua_target_push (lua_State *L, int arg) {
  int base = lua_gettop(L), headers;
  target_options o;
  target **t;
  luaL_checkstack(L, 20, "too many fields");
  headers = check_headers(L, arg);
  read_options(L, arg, &o);  /* leaves its strings on the stack */
  t = lua_newuserdatauv(L, sizeof *t, 0);
  *t = NULL;  /* __gc may run from the next line on */
  luaL_setmetatable(L, TARGET_T);
  o.headers = header_list(L, headers);  /* acquired: nothing may raise before
                                           it is handed over */
  if (o.headers != NULL) *t = target_new(&o);
  if (*t == NULL) luaL_error(L, "not enough memory");
  lua_replace(L, base + 1);
  lua_settop(L, base + 1);
}

target *lua_target_check (lua_State *L, int arg) {
  target **t = luaL_checkudata(L, arg, TARGET_T);
  luaL_argcheck(L, *t != NULL, arg, "the target was collected");
  return *t;
}

static int t_gc (lua_State *L) {
  target **t = luaL_checkudata(L, 1, TARGET_T);
  target *gone = *t;
  *t = NULL;
  target_drop(gone);
  return 0;
}

/* Nothing of what it holds: there is a token in it. */
static int t_tostring (lua_State *L) {
  lua_pushfstring(L, TARGET_T " (%p)", luaL_checkudata(L, 1, TARGET_T));
  return 1;
}

void lua_target_class (lua_State *L) {
  luaL_newmetatable(L, TARGET_T);
  lua_pushcfunction(L, t_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, t_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
}
