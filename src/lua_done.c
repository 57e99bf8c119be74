/*
** lua_done.c - the module predibase.done: the rows that an output has already
** SPDX-License-Identifier: MIT
*/

/***
Hashes of rows, and the set of the rows that an output has already. A row of the
set needs at most 16 bytes.

The hash of a row is its text in the output: 16 hexadecimal digits of the row's
bytes, `-`, 8 digits of the options that it was made with.

@module predibase.done
*/

#include "lua_module.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "done_set.h"
#include "lua_class.h"

#define SET_T "predibase.done"

/* The largest line number: up to here a double represents each integer. */
#define MAX_LINE 9007199254740992.0

#define ROW_DIGITS 16
#define OPTIONS_DIGITS 8

typedef struct set {
  done_set *core;  /* NULL = closed */
  done_set body;  /* 'core' points to this while the set is open */
} set;

/* --- helpers -------------------------------------------------------------- */

static set *check (lua_State *L) {
  return lua_class_check(L, SET_T);
}

static done_set *check_open (lua_State *L) {
  set *s = check(L);
  if (s->core == NULL)
    luaL_error(L, "attempt to use a closed set");
  return s->core;
}

static int no_memory (lua_State *L) {
  lua_pushliteral(L, "not enough memory");
  return lua_error(L);
}

/* Reads hexadecimal digits. Returns 1, or 0 if one of them is not one. */
static int read_digits (const char *s, int n, uint64_t *value) {
  *value = 0;
  for (; n > 0; n--, s++) {
    const char *digits = "0123456789abcdef";
    const char *found = *s != '\0' ? strchr(digits, *s) : NULL;
    if (found == NULL)
      return 0;
    *value = *value << 4 | (uint64_t)(found - digits);
  }
  return 1;
}

/* Reads the hash of a row at argument 4. */
static void check_hash (lua_State *L, uint64_t *row, uint32_t *options) {
  size_t n;
  const char *s = luaL_checklstring(L, 4, &n);
  uint64_t second = 0;
  luaL_argcheck(L, n == ROW_DIGITS + 1 + OPTIONS_DIGITS && s[ROW_DIGITS] == '-'
                && read_digits(s, ROW_DIGITS, row)
                && read_digits(s + ROW_DIGITS + 1, OPTIONS_DIGITS, &second),
                4, "not the hash of a row");
  *options = (uint32_t)second;
}

/* Returns the key of the row with the id at argument 2, or the line number at
** argument 3. */
static uint64_t check_key (lua_State *L) {
  lua_Number line;
  if (!lua_isnoneornil(L, 2)) {
    size_t n;
    const char *id = luaL_checklstring(L, 2, &n);
    return done_id_key(id, n);
  }
  line = luaL_checknumber(L, 3);
  luaL_argcheck(L, line >= 0 && line <= MAX_LINE
                && (lua_Number)(uint64_t)line == line, 3, "not a line number");
  return done_line_key((uint64_t)line);
}

/* --- methods -------------------------------------------------------------- */

/***
Adds a row of the output.
@function set:add
@tparam ?string id
@tparam ?integer line number of the row's first line, for rows without an id
@tparam string hash
@treturn boolean true if the row is new; false if the set had a row with this
id, or this line number, whose hash is replaced
@raise if there is not enough memory, or an argument is wrong
*/
static int set_add (lua_State *L) {
  done_set *s = check_open(L);
  uint64_t key = check_key(L), row;
  uint32_t options;
  int added;
  check_hash(L, &row, &options);
  added = done_set_add(s, key, row, options);
  if (added < 0)
    return no_memory(L);
  lua_pushboolean(L, added);
  return 1;
}

/***
Tells whether the output has a row.
@function set:state
@tparam ?string id
@tparam ?integer line number of the row's first line, for rows without an id
@tparam string hash
@treturn ?string nil if the output does not have the row; `done`; `row_changed`
if it was made from other bytes; `options_changed` if only the options were
others. Beyond 126 different options in one output, the answer for the further
rows is always `options_changed`.
@raise if an argument is wrong
*/
static int set_state (lua_State *L) {
  static const char *const names[] = {
    NULL, "done", "row_changed", "options_changed"
  };
  const done_set *s = check_open(L);
  uint64_t key = check_key(L), row;
  uint32_t options;
  check_hash(L, &row, &options);
  lua_pushstring(L, names[done_set_state(s, key, row, options)]);
  return 1;
}

/***
Tells whether this run has met an id before, and remembers it. An id that the
output has needs no further memory; another one needs 9 to 14 bytes.
@function set:repeats
@tparam string id
@treturn boolean
@raise if there is not enough memory
*/
static int set_repeats (lua_State *L) {
  done_set *s = check_open(L);
  size_t n;
  const char *id = luaL_checklstring(L, 2, &n);
  int met = done_set_repeats(s, done_id_key(id, n));
  if (met < 0)
    return no_memory(L);
  lua_pushboolean(L, met);
  return 1;
}

/***
Returns the number of rows of the output in the set.
@function set:count
@treturn integer
*/
static int set_count (lua_State *L) {
  const done_set *s = check_open(L);
  lua_pushinteger(L, (lua_Integer)s->done.count);
  return 1;
}

/***
Returns the memory of the set.
@function set:bytes
@treturn integer bytes
*/
static int set_bytes (lua_State *L) {
  const done_set *s = check_open(L);
  lua_pushinteger(L, (lua_Integer)(done_set_bytes(s) + sizeof (set)));
  return 1;
}

/***
Frees the memory now instead of at the next garbage collection. May be called
any number of times.
@function set:close
*/
static int set_close (lua_State *L) {
  set *s = check(L);
  if (s->core != NULL) {
    s->core = NULL;
    done_set_free(&s->body);
  }
  return 0;
}

static int set_tostring (lua_State *L) {
  const set *s = check(L);
  lua_pushfstring(L, SET_T ": %p%s", (const void *)s,
                  s->core == NULL ? " (closed)" : "");
  return 1;
}

/* --- functions of the module ---------------------------------------------- */

/***
Makes an empty set.
@function new
@tparam[opt=0] integer rows the number of rows of the output, for which memory
is allocated at once; further rows can be added, too
@treturn table the set
@raise if there is not enough memory
*/
static int done_new (lua_State *L) {
  lua_Number rows = luaL_optnumber(L, 1, 0);
  set *s;
  luaL_argcheck(L, rows >= 0 && rows <= (lua_Number)DONE_MAX_ROWS, 1,
                "not a number of rows");
  s = lua_newuserdatauv(L, sizeof *s, 0);
  s->core = NULL;
  luaL_setmetatable(L, SET_T);
  if (done_set_init(&s->body, (size_t)rows) != 0)
    return no_memory(L);
  s->core = &s->body;
  return 1;
}

/***
Returns the 64-bit FNV-1a hash of a string.
@function hash
@tparam string text
@treturn string 16 hexadecimal digits
*/
static int done_hash_text (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  char digits[ROW_DIGITS + 1];
  snprintf(digits, sizeof digits, "%016" PRIx64, done_hash(s, n));
  lua_pushlstring(L, digits, ROW_DIGITS);
  return 1;
}

/***
Returns the same hash with half the digits: its two halves, combined by
exclusive or.
@function short_hash
@tparam string text
@treturn string 8 hexadecimal digits
*/
static int done_short_hash (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  uint64_t h = done_hash(s, n);
  char digits[OPTIONS_DIGITS + 1];
  snprintf(digits, sizeof digits, "%08" PRIx32, (uint32_t)(h ^ h >> 32));
  lua_pushlstring(L, digits, OPTIONS_DIGITS);
  return 1;
}

static const luaL_Reg methods[] = {
  {"add", set_add},
  {"state", set_state},
  {"repeats", set_repeats},
  {"count", set_count},
  {"bytes", set_bytes},
  {"close", set_close},
  {NULL, NULL}
};

static const luaL_Reg meta[] = {
  {"__gc", set_close},
  {"__close", set_close},
  {"__tostring", set_tostring},
  {NULL, NULL}
};

static const luaL_Reg functions[] = {
  {"new", done_new},
  {"hash", done_hash_text},
  {"short_hash", done_short_hash},
  {NULL, NULL}
};

MODULE_API int luaopen_predibase_done (lua_State *L);

MODULE_API int luaopen_predibase_done (lua_State *L) {
  luaL_checkversion(L);
  lua_class_new(L, SET_T, methods, meta);
  lua_module_new(L, functions);
  return 1;
}
