/*
** lua_token.c - LoRAX tokens as Lua tables
** SPDX-License-Identifier: MIT
*/

#include <string.h>

#include "lua_token.h"

#include "lua_text_filter.h"

/*
** The upvalues of a method that pushes tokens: the metatable of its class,
** then the names of the fields, so that these strings are not created again for
** each token.
*/
enum { AT_CLASS = 1, AT_ID, AT_TEXT, AT_LOGPROB, AT_SPECIAL, AT_SKIPPED };

void lua_token_method (lua_State *L, const char *class_name, const char *name,
                       lua_CFunction method) {
  luaL_getmetatable(L, class_name);
  lua_getfield(L, -1, "__index");
  lua_pushvalue(L, -2);
  lua_pushliteral(L, "id");
  lua_pushliteral(L, "text");
  lua_pushliteral(L, "logprob");
  lua_pushliteral(L, "special");
  lua_pushliteral(L, "skipped");
  lua_pushcclosure(L, method, AT_SKIPPED);
  lua_setfield(L, -2, name);
  lua_pop(L, 2);  /* remove metatable and methods */
}

void lua_token_push (lua_State *L, const token *t) {
  int table;
  lua_createtable(L, 0, 2 + t->has_logprob + (t->special != TOKEN_ABSENT)
                           + (t->skipped != TOKEN_ABSENT));
  table = lua_gettop(L);
  lua_pushlstring(L, t->text, t->len);
  lua_pushvalue(L, lua_upvalueindex(AT_TEXT));
  lua_pushvalue(L, -2);
  lua_rawset(L, table);
  lua_pushvalue(L, lua_upvalueindex(AT_ID));
  lua_pushinteger(L, t->id);
  lua_rawset(L, table);
  if (t->has_logprob) {
    lua_pushvalue(L, lua_upvalueindex(AT_LOGPROB));
    lua_pushnumber(L, t->logprob);
    lua_rawset(L, table);
  }
  if (t->special != TOKEN_ABSENT) {
    lua_pushvalue(L, lua_upvalueindex(AT_SPECIAL));
    lua_pushboolean(L, t->special);
    lua_rawset(L, table);
  }
  if (t->skipped != TOKEN_ABSENT) {
    lua_pushvalue(L, lua_upvalueindex(AT_SKIPPED));
    lua_pushboolean(L, t->skipped);
    lua_rawset(L, table);
  }
  lua_settop(L, table);
}

/* Adds a plain token. */
static void add_token (lua_State *L, answer *a, const token *t, int collects) {
  if (answer_take(a, t, collects) != 0) luaL_error(L, "not enough memory");
}

/* Adds to the text of the answer. */
static void add (lua_State *L, answer *a, const char *s, size_t n,
                 size_t tokens) {
  if (answer_add(a, s, n, tokens) != 0) luaL_error(L, "not enough memory");
}

/* Pushes the results of a method that has taken nothing. */
static int nothing (lua_State *L, const token_source *from,
                    const void *owner) {
  lua_pushnil(L);
  lua_pushboolean(L, from->is_pending(owner));
  return 2;
}

/* Tells whether no finalizer has taken an event since 'taken' was read. */
static int is_same (const token_source *from, const void *owner,
                    size_t taken) {
  return from->queue(owner) != NULL && from->taken(owner) == taken;
}

int lua_token_take (lua_State *L, const token_source *from, void *owner,
                    answer *a) {
  const sse *queue = from->queue(owner);
  size_t taken;
  token t;
  if (queue == NULL || !answer_peek(a, queue, &t))
    return nothing(L, from, owner);
  taken = from->taken(owner);
  lua_token_push(L, &t);  /* may raise, so the event is popped later */
  if (is_same(from, owner, taken)) {
    add_token(L, a, &t, 0);
    from->pop(owner);
  }
  return 1;
}

int lua_token_take_all (lua_State *L, const token_source *from, void *owner,
                        answer *a) {
  const sse *queue = from->queue(owner);
  token t;
  while (queue != NULL && answer_peek(a, queue, &t)) {
    add_token(L, a, &t, 0);
    from->pop(owner);
  }
  lua_pushboolean(L, from->is_pending(owner));
  return 1;
}

/* The most bytes that lua_token_take_texts pushes, except for what a filter has
** held back. They are on the C stack. */
#define MAX_TEXTS 4096

/* Texts up to this size are copied to the C stack. */
#define SMALL_TEXT 5120

/*
** Returns memory for 'n' bytes that finalizers cannot change: 'small', which
** has SMALL_TEXT bytes, or a userdata on the stack.
*/
static char *memory_for (lua_State *L, char *small, size_t n) {
  return n <= SMALL_TEXT ? small : lua_newuserdatauv(L, n, 0);
}

/* Pushes the text that the filter has collected, and forgets it there; and
** whether it ends with a whole character. */
static int push_collected (lua_State *L, answer *a) {
  char small[SMALL_TEXT], *copy;
  size_t n;
  do {
    lua_settop(L, 1);
    n = a->filter != NULL ? a->filter->collected.len : 0;
    copy = memory_for(L, small, n);
  } while (n != (a->filter != NULL ? a->filter->collected.len : 0));
  if (n > 0) memcpy(copy, a->filter->collected.data, n);
  lua_pushlstring(L, copy, n);  /* if this raises, the text stays there */
  lua_pushboolean(L, answer_is_whole(copy, n));
  if (a->filter != NULL) buf_consume(&a->filter->collected, n);
  return 2;
}

/* Does the same as lua_token_take_texts, with a filter. */
static int take_shown (lua_State *L, const token_source *from, void *owner,
                       answer *a) {
  const sse *queue = from->queue(owner);
  const text_filter *f = a->filter;
  size_t n = 0;
  token t;
  for (; queue != NULL && f->collected.len < MAX_TEXTS; n++) {
    if (!answer_peek(a, queue, &t)) break;
    add_token(L, a, &t, 1);
    from->pop(owner);
  }
  if (n == 0 && f->collected.len == 0) return nothing(L, from, owner);
  return push_collected(L, a);
}

int lua_token_take_texts (lua_State *L, const token_source *from, void *owner,
                          answer *a) {
  const sse *queue = from->queue(owner);
  char text[MAX_TEXTS];
  size_t taken, len, n = 0;
  if (a->filter != NULL) return take_shown(L, from, owner, a);
  if (queue != NULL) n = answer_gather(a, queue, text, sizeof text, &len);
  if (n == 0) return nothing(L, from, owner);
  taken = from->taken(owner);
  lua_pushlstring(L, text, len);  /* may raise, as above */
  lua_pushboolean(L, answer_is_whole(text, len));
  if (is_same(from, owner, taken)) {
    add(L, a, text, len, n);
    while (n-- > 0) from->pop(owner);
  }
  return 2;
}

int lua_token_keep_text (lua_State *L, answer *a) {
  lua_Number limit = luaL_checknumber(L, 2);
  int kept = lua_toboolean(L, 3);
  luaL_argcheck(L, limit >= 0, 2, "bytes expected");
  answer_free(a);
  answer_init(a, limit < (lua_Number)(size_t)-1 ? (size_t)limit : (size_t)-1,
              kept);
  return 0;
}

int lua_token_add (lua_State *L, answer *a) {
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
  add(L, a, s, n, 1);
  if (a->filter != NULL) a->filter->is_last = 0;
  return 0;
}

int lua_token_filter (lua_State *L, answer *a) {
  splitter **p = NULL;
  stop_match **m = NULL;
  text_filter *f;
  lua_settop(L, 3);
  if (!lua_isnil(L, 2)) p = luaL_checkudata(L, 2, SPLITTER_T);
  if (!lua_isnil(L, 3)) m = luaL_checkudata(L, 3, MATCHER_T);
  if ((p == NULL || *p == NULL) && (m == NULL || *m == NULL))
    return luaL_error(L, "a splitter or a matcher expected");
  f = text_filter_new(p != NULL ? *p : NULL, m != NULL ? *m : NULL);
  if (f == NULL) return luaL_error(L, "not enough memory");
  text_filter_free(a->filter);
  a->filter = f;
  return 0;
}

int lua_token_shown (lua_State *L, const answer *a) {
  char small[SMALL_TEXT], *copy;
  size_t n, m;
  do {  /* a finalizer may take a token in an allocation */
    lua_settop(L, 1);
    if (a->filter == NULL || !a->filter->is_last) return 0;
    n = a->filter->shown.len;
    m = a->filter->thoughts.len;
    copy = memory_for(L, small, n + m);
  } while (a->filter == NULL || a->filter->shown.len != n ||
           a->filter->thoughts.len != m);
  if (n > 0) memcpy(copy, a->filter->shown.data, n);
  if (m > 0) memcpy(copy + n, a->filter->thoughts.data, m);
  lua_pushlstring(L, copy, n);
  lua_pushlstring(L, copy + n, m);
  return 2;
}

int lua_token_counts (lua_State *L, const answer *a) {
  lua_pushinteger(L, (lua_Integer)a->tokens);
  lua_pushnumber(L, (lua_Number)a->size);
  return 2;
}

int lua_token_text (lua_State *L, const answer *a) {
  char *copy;
  size_t n;
  do {  /* a finalizer may add text in an allocation */
    n = a->text.len;
    lua_settop(L, 1);
    copy = lua_newuserdatauv(L, n > 0 ? n : 1, 0);
  } while (a->text.len != n);
  if (n > 0) memcpy(copy, a->text.data, n);
  lua_pushlstring(L, copy, n);
  return 1;
}
