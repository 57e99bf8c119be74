/*
** lua_text_filter.c - the module predibase.text_filter
** SPDX-License-Identifier: MIT
*/

/***
Finds stop sequences and the marks of reasoning in text that arrives in pieces.
`predibase.stop_sequences` and `predibase.reasoning` describe the rules and make
these objects. A stream gives them to what reads its tokens (`exchange:filter`,
`parser:filter`), which has references of its own.

@module predibase.text_filter
*/

#include "lua_module.h"

#include <string.h>

#include "lua_class.h"
#include "lua_text_filter.h"

/* Texts up to this size are copied to the C stack, larger ones to a
** userdata. */
#define SMALL_TEXT 2048

/* --- helpers -------------------------------------------------------------- */

static stop_match *check_matcher (lua_State *L) {
  stop_match **slot = lua_class_check(L, MATCHER_T);
  luaL_argcheck(L, *slot != NULL, 1, "the matcher was collected");
  return *slot;
}

static splitter *check_splitter (lua_State *L) {
  splitter **slot = lua_class_check(L, SPLITTER_T);
  luaL_argcheck(L, *slot != NULL, 1, "the splitter was collected");
  return *slot;
}

/*
** Texts that an object returns are first copied to memory that it does not own:
** creating a Lua string may run finalizers, and these may call the object.
** Returns 'small', or memory that is on the Lua stack, for 'size' bytes.
*/
static char *memory_for (lua_State *L, char *small, size_t size) {
  return size <= SMALL_TEXT ? small : lua_newuserdatauv(L, size, 0);
}

/* A buffer that is freed if an error is raised. */
static buf *new_buf (lua_State *L) {
  buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  memset(b, 0, sizeof *b);
  luaL_setmetatable(L, BUFFER_T);
  return b;
}

static int buffer_gc (lua_State *L) {
  buf_free(lua_touserdata(L, 1));
  return 0;
}

static int no_memory (lua_State *L) {
  return luaL_error(L, "not enough memory");
}

/* --- matchers ------------------------------------------------------------- */

/***
Reads a piece of text.
@function matcher:feed
@tparam string text
@treturn string the text that may be shown now, with text that was held back
@treturn ?string the sequence that ended the text; every later piece returns ""
@treturn ?string the rest of the piece, after that sequence
@raise "not enough memory"
*/
static int matcher_feed (lua_State *L) {
  stop_match *m = check_matcher(L);
  size_t n, used;
  const char *s = luaL_checklstring(L, 2, &n);
  buf *out;
  int ended;
  lua_settop(L, 2);
  out = new_buf(L);
  ended = stop_match_feed(m, s, n, out, &used);
  if (ended < 0) return no_memory(L);
  lua_pushlstring(L, out->data != NULL ? out->data : "", out->len);
  buf_free(out);
  if (!ended) return 1;
  lua_pushlstring(L, m->stopped->text, m->stopped->size);
  lua_pushlstring(L, s + used, n - used);
  return 3;
}

/* Pushes the first n bytes that are held back. */
static void push_held (lua_State *L, const stop_match *m, size_t n) {
  char small[SMALL_TEXT], *copy = memory_for(L, small, n);
  if (n > m->held.len) n = m->held.len;  /* a finalizer fed the matcher */
  if (n > 0) memcpy(copy, m->held.data, n);
  lua_pushlstring(L, copy, n);
}

/***
Returns the text that is held back at the end of the text, without a sequence to
trim. Does not change the matcher.
@function matcher:finish
@treturn string
@treturn ?string the sequence that was removed
*/
static int matcher_finish (lua_State *L) {
  stop_match *m = check_matcher(L);
  const automaton *trimmed = stop_match_trimmed(m);
  push_held(L, m, m->held.len - (trimmed != NULL ? trimmed->state : 0));
  if (trimmed == NULL) return 1;
  lua_pushlstring(L, trimmed->text, trimmed->size - 1);
  return 2;
}

/***
Returns the text that is held back now.
@function matcher:rest
@treturn string
*/
static int matcher_rest (lua_State *L) {
  stop_match *m = check_matcher(L);
  push_held(L, m, m->held.len);
  return 1;
}

static int matcher_gc (lua_State *L) {
  stop_match **slot = lua_class_check(L, MATCHER_T), *m = *slot;
  *slot = NULL;
  stop_match_release(m);
  return 0;
}

/* Reads the sequences of the array at 'at' into the list. */
static size_t read_list (lua_State *L, int at, stop_sequence *list, size_t n,
                         int is_trim) {
  size_t i, size = lua_isnil(L, at) ? 0 : lua_rawlen(L, at);
  for (i = 1; i <= size; i++) {
    lua_rawgeti(L, at, (int)i);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, at, "strings expected");
    list[n].s = lua_tolstring(L, -1, &list[n].len);  /* the array has it */
    list[n].is_trim = is_trim;
    lua_pop(L, 1);
    if (list[n].len > 0) n++;
  }
  return n;
}

/***
Makes a matcher for one text.
@function matcher
@tparam ?table stop array of the sequences to stop at
@tparam ?table trim array of the sequences to remove from the end
@treturn ?userdata nil when there are no sequences; empty ones are none
@raise "not enough memory"
*/
static int filter_matcher (lua_State *L) {
  stop_match **slot;
  stop_sequence *list;
  size_t n = 0;
  int i;
  lua_settop(L, 2);
  for (i = 1; i <= 2; i++) {
    if (lua_isnil(L, i)) continue;
    luaL_checktype(L, i, LUA_TTABLE);
    n += lua_rawlen(L, i);
  }
  list = lua_newuserdatauv(L, (n + 1) * sizeof *list, 0);
  slot = lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = NULL;  /* __gc may run from the next line on */
  luaL_setmetatable(L, MATCHER_T);
  n = read_list(L, 1, list, 0, 0);
  n = read_list(L, 2, list, n, 1);
  if (n == 0) return 0;
  *slot = stop_match_new(list, n);
  return *slot != NULL ? 1 : no_memory(L);
}

/* --- splitters ------------------------------------------------------------ */

/* Pushes the texts of the buffers at the indexes 'answer' and 'answer' + 1. */
static int push_parts (lua_State *L, buf *answer, buf *thoughts) {
  lua_pushlstring(L, answer->len > 0 ? answer->data : "", answer->len);
  lua_pushlstring(L, thoughts->len > 0 ? thoughts->data : "", thoughts->len);
  buf_free(answer);
  buf_free(thoughts);
  return 2;
}

/***
Reads a piece of text.
@function splitter:feed
@tparam string text
@treturn string the text of the answer that may be shown now, with text that was
held back
@treturn string the same of the reasoning
@raise "not enough memory"
*/
static int splitter_feed_piece (lua_State *L) {
  splitter *p = check_splitter(L);
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
  buf *answer, *thoughts;
  answer = new_buf(L);
  thoughts = new_buf(L);
  if (splitter_feed(p, s, n, answer, thoughts) != 0) return no_memory(L);
  return push_parts(L, answer, thoughts);
}

/***
Returns what is held back at the end of the text. Does not change the splitter.
@function splitter:finish
@treturn string of the answer
@treturn string of the reasoning
@raise "not enough memory"
*/
static int splitter_finish (lua_State *L) {
  splitter *p = check_splitter(L);
  buf *answer = new_buf(L), *thoughts = new_buf(L);
  if (splitter_rest(p, answer, thoughts) != 0) return no_memory(L);
  return push_parts(L, answer, thoughts);
}

/***
Makes the splitter keep the two parts of the text from now on: what is given to
`add`, and the parts of the tokens that a stream reads without Lua.
@function splitter:keep
*/
static int splitter_keep_parts (lua_State *L) {
  check_splitter(L)->keeps = 1;
  return 0;
}

/***
Adds to the parts that are kept, see @{keep}.
@function splitter:add
@tparam string answer
@tparam string thoughts
@raise "not enough memory"
*/
static int splitter_add (lua_State *L) {
  splitter *p = check_splitter(L);
  size_t n, m;
  const char *answer = luaL_checklstring(L, 2, &n);
  const char *thoughts = luaL_checklstring(L, 3, &m);
  return splitter_keep(p, answer, n, thoughts, m) == 0 ? 0 : no_memory(L);
}

/***
Returns the parts that were kept.
@function splitter:parts
@treturn string the answer
@treturn string the reasoning
@raise "not enough memory"
*/
static int splitter_parts (lua_State *L) {
  splitter *p = check_splitter(L);
  buf *answer = new_buf(L), *thoughts = new_buf(L);
  if (buf_append(answer, p->answer.data, p->answer.len) != 0 ||
      buf_append(thoughts, p->reasoning.data, p->reasoning.len) != 0)
    return no_memory(L);
  return push_parts(L, answer, thoughts);
}

static int splitter_gc (lua_State *L) {
  splitter **slot = lua_class_check(L, SPLITTER_T), *p = *slot;
  *slot = NULL;
  splitter_release(p);
  return 0;
}

/***
Makes a splitter for one text.
@function splitter
@tparam string open the opening mark
@tparam string close the closing mark
@tparam ?boolean begins_inside the text begins inside the reasoning
@treturn userdata
@raise if a mark is empty; "not enough memory"
*/
static int filter_splitter (lua_State *L) {
  size_t n, m;
  const char *open = luaL_checklstring(L, 1, &n);
  const char *close = luaL_checklstring(L, 2, &m);
  splitter **slot;
  luaL_argcheck(L, n > 0, 1, "the mark is empty");
  luaL_argcheck(L, m > 0, 2, "the mark is empty");
  lua_settop(L, 3);
  slot = lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = NULL;  /* __gc may run from the next line on */
  luaL_setmetatable(L, SPLITTER_T);
  *slot = splitter_new(open, n, close, m, lua_toboolean(L, 3));
  return *slot != NULL ? 1 : no_memory(L);
}

/* --- the module ----------------------------------------------------------- */

static const luaL_Reg functions[] = {
  {"matcher", filter_matcher}, {"splitter", filter_splitter}, {NULL, NULL}
};

static const luaL_Reg matcher_methods[] = {
  {"feed", matcher_feed}, {"finish", matcher_finish}, {"rest", matcher_rest},
  {NULL, NULL}
};

static const luaL_Reg splitter_methods[] = {
  {"feed", splitter_feed_piece}, {"finish", splitter_finish},
  {"keep", splitter_keep_parts},
  {"add", splitter_add}, {"parts", splitter_parts}, {NULL, NULL}
};

static const luaL_Reg matcher_meta[] = {{"__gc", matcher_gc}, {NULL, NULL}};
static const luaL_Reg splitter_meta[] = {{"__gc", splitter_gc}, {NULL, NULL}};
static const luaL_Reg buffer_meta[] = {{"__gc", buffer_gc}, {NULL, NULL}};

MODULE_API int luaopen_predibase_text_filter (lua_State *L);

MODULE_API int luaopen_predibase_text_filter (lua_State *L) {
  luaL_checkversion(L);
  lua_class_new(L, BUFFER_T, NULL, buffer_meta);
  lua_class_new(L, MATCHER_T, matcher_methods, matcher_meta);
  lua_class_new(L, SPLITTER_T, splitter_methods, splitter_meta);
  lua_module_new(L, functions);
  return 1;
}
