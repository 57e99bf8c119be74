/*
** lua_target.c - the class of targets, for the module predibase.curl
** SPDX-License-Identifier: MIT
*/

#include <string.h>

#include "buf.h"
#include "lua_class.h"
#include "lua_target.h"

#define TARGET_T "predibase.curl.target"

/* Defaults, in bytes, for use of this module without the library, which always
** passes its own: larger than any event or response of a LoRAX server. */
#define MAX_EVENT (8 * 1024 * 1024)
#define MAX_BODY (64 * 1024 * 1024)

/* The largest size: up to here a double represents each integer. */
#define MAX_SIZE 9007199254740992.0

static int fielderror (lua_State *L, const char *name, const char *wanted) {
  return luaL_error(L, "bad field '%s' (%s expected, got %s)", name, wanted,
                    luaL_typename(L, -1));
}

/* Returns a field and leaves it on the stack: __index may have created the
** string, so that nothing else refers to it. */
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
  if (!(v >= 1 && v <= MAX_SIZE))
    luaL_error(L, "bad field '%s' (a number of bytes expected)", name);
  return (size_t)v;
}

void lua_target_check_line (lua_State *L, int at) {
  size_t i, len;
  const char *s = lua_tolstring(L, at, &len);
  for (i = 0; i < len; i++)
    if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
      luaL_error(L, "bad header (contains a control character)");
}

/*
** Pushes the header lines of the table at 'arg' as a userdata, each line ended
** by a zero byte, and returns its bytes; pushes nil and returns NULL if there
** are none.
*/
static char *push_headers (lua_State *L, int arg, size_t *len) {
  size_t i, n, size = 0, used = 0;
  int at = lua_gettop(L) + 1;
  char *lines;
  *len = 0;
  lua_getfield(L, arg, "headers");
  if (lua_isnil(L, at)) return NULL;
  if (!lua_istable(L, at)) fielderror(L, "headers", "table");
  n = (size_t)lua_rawlen(L, at);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, at, (int)i);
    if (lua_type(L, -1) != LUA_TSTRING) fielderror(L, "headers", "strings");
    lua_target_check_line(L, -1);
    size += lua_rawlen(L, -1) + 1;
    lua_pop(L, 1);
  }
  lines = lua_newuserdatauv(L, size, 0);
  for (i = 1; i <= n; i++) {
    const char *line;
    lua_rawgeti(L, at, (int)i);
    line = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    /* a finalizer that ran in lua_newuserdatauv may have replaced the line */
    if (line != NULL && strlen(line) < size - used) {
      memcpy(lines + used, line, strlen(line) + 1);
      used += strlen(line) + 1;
    }
    lua_pop(L, 1);
  }
  lua_replace(L, at);
  *len = used;
  return lines;
}

static void read_options (lua_State *L, int arg, target_options *o) {
  lua_Number version;
  memset(o, 0, sizeof *o);
  o->url = text_field(L, arg, "url");
  if (o->url == NULL) luaL_error(L, "bad field 'url' (string expected)");
  o->method = text_field(L, arg, "method");
  o->events = flag_field(L, arg, "events", 0);
  o->log = flag_field(L, arg, "log", 0);
  o->max_event = size_field(L, arg, "max_event", MAX_EVENT);
  o->max_body = size_field(L, arg, "max_body", MAX_BODY);
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
  o->site = (int)number_field(L, arg, "site", 0);
}

void lua_target_push (lua_State *L, int arg) {
  int base = lua_gettop(L);
  target_options o;
  target **t;
  char *headers;
  size_t headers_len;
  luaL_checkstack(L, 20, "too many fields");
  headers = push_headers(L, arg, &headers_len);
  read_options(L, arg, &o);  /* leaves its strings on the stack */
  o.headers = headers;
  o.headers_len = headers_len;
  t = lua_newuserdatauv(L, sizeof *t, 0);
  *t = NULL;  /* closed; __gc may run from the next line on */
  luaL_setmetatable(L, TARGET_T);
  *t = target_new(&o);
  if (headers != NULL) mem_wipe(headers, headers_len);  /* the API token */
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
  target **t = lua_class_check(L, TARGET_T);
  target *old = *t;
  *t = NULL;
  target_drop(old);
  return 0;
}

/* Shows no field: the API token is in a header. */
static int t_tostring (lua_State *L) {
  lua_pushfstring(L, TARGET_T " (%p)", lua_class_check(L, TARGET_T));
  return 1;
}

static const luaL_Reg target_meta[] = {
  {"__gc", t_gc}, {"__tostring", t_tostring}, {NULL, NULL}
};

void lua_target_class (lua_State *L) {
  lua_class_new(L, TARGET_T, NULL, target_meta);
}
