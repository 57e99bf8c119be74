/*
** lua_json_text.c - the module predibase.json_text: writes and scans JSON
** SPDX-License-Identifier: MIT
*/

/***
Writes JSON texts, and looks for large integers in them, for `predibase.json`.

It writes what is usual. For every other value, `encode` returns nothing, and
predibase.json.encode writes it or says what is wrong with it.

@module predibase.json_text
*/

#include "lua_module.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define TEXT_T "predibase.json_text.text"
#define MANY_T "predibase.json_text.many"

/* Deepest nesting of tables, as in predibase.json. */
#define MAX_DEPTH 128

/* Up to this number of members, keys and values are on the stacks. */
#define FEW_KEYS 16

/* From here on, a double may stand for several integers. */
#define EXACT 9007199254740992.0

/* Smaller doubles may need fewer than 15 digits. */
#define SMALLEST_NORMAL 2.2250738585072014e-308

/* Stack positions of the arguments of encode, and of its buffer. */
enum { VALUE = 1, MARKS, NULL_VALUE, EMPTY_ARRAY, TEXT };

/* The marks of metatables, as predibase.json names them. */
enum { NO_MARK, ARRAY_MARK, OBJECT_MARK, RAW_MARK };

typedef struct key {
  uint64_t head;  /* its first bytes, so that most keys differ in it */
  const char *s;
  size_t len;
  size_t value;  /* where it is on the stack, or its member in the text */
  size_t size;  /* bytes of that member */
} key;

/* What the text of an object with many members is put in order with. */
typedef struct many {
  buf keys;  /* an array of 'key' */
  buf names;  /* their bytes, one behind the other */
} many;

static int write_value (lua_State *L, buf *b, int depth);

static void many_free (many *m) {
  buf_free(&m->keys);
  buf_free(&m->names);
}

static void reserve (lua_State *L, buf *b, size_t n) {
  if (b->cap - b->len < n && buf_reserve(b, n) != 0)
    luaL_error(L, "not enough memory");
}

static void put (lua_State *L, buf *b, const char *s, size_t n) {
  reserve(L, b, n);
  if (n > 0) memcpy(b->data + b->len, s, n);
  b->len += n;
}

static inline void put_char (lua_State *L, buf *b, char c) {
  if (b->cap == b->len) reserve(L, b, 1);
  b->data[b->len++] = c;
}

#define put_literal(L, b, s) put(L, b, "" s, sizeof(s) - 1)

/* --- strings -------------------------------------------------------------- */

/* Returns the length of the character of several bytes at s, which has n bytes
** left; 0 if it is not valid UTF-8. */
static size_t character (const unsigned char *s, size_t n) {
  unsigned c = s[0];
  size_t size = c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
  size_t i;
  if (size == 0 || size > n) return 0;
  for (i = 1; i < size; i++)
    if ((s[i] & 0xC0) != 0x80) return 0;
  if (c == 0xE0 && s[1] < 0xA0) return 0;  /* overlong */
  if (c == 0xED && s[1] >= 0xA0) return 0;  /* a surrogate */
  if (c == 0xF0 && s[1] < 0x90) return 0;  /* overlong */
  if (c == 0xF4 && s[1] >= 0x90) return 0;  /* beyond U+10FFFF */
  return size;
}

static void put_escape (lua_State *L, buf *b, unsigned char c) {
  static const char from[] = "\"\\\b\t\n\f\r", to[] = "\"\\btnfr";
  const char *at = c == 0 ? NULL : strchr(from, c);
  char text[8];
  if (at != NULL) {
    text[0] = '\\';
    text[1] = to[at - from];
    put(L, b, text, 2);
  }
  else {
    snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
    put(L, b, text, 6);
  }
}

/* Tells whether a string may have this byte as it is. */
static inline int is_plain (unsigned char c) {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

static int write_string (lua_State *L, buf *b, const char *string, size_t n) {
  const unsigned char *s = (const unsigned char *)string;
  size_t i = 0, from = 0;
  reserve(L, b, n + 2);
  put_char(L, b, '"');
  for (;;) {
    while (i < n && is_plain(s[i])) i++;
    if (i == n) break;
    if (s[i] >= 0x80) {
      size_t size = character(s + i, n - i);
      if (size == 0) return 0;
      i += size;
    }
    else {
      put(L, b, string + from, i - from);
      put_escape(L, b, s[i]);
      from = ++i;
    }
  }
  put(L, b, string + from, n - from);
  put_char(L, b, '"');
  return 1;
}

/* --- numbers -------------------------------------------------------------- */

static void put_integer (lua_State *L, buf *b, double v) {
  char text[24];
  size_t at = sizeof text;
  unsigned long long left = (unsigned long long)(v < 0 ? -v : v);
  do {
    text[--at] = (char)('0' + left % 10);
    left /= 10;
  } while (left > 0);
  if (v < 0) text[--at] = '-';
  put(L, b, text + at, sizeof text - at);
}

/* Writes a number with the fewest digits that read back as the same double. */
static int write_number (lua_State *L, buf *b, double v) {
  char text[40];
  char *comma;
  int digits = 15;
  if (!(v < EXACT && v > -EXACT)) return 0;
  if (v == 0 && signbit(v)) {
    put_literal(L, b, "-0.0");
    return 1;
  }
  if (v == floor(v)) {
    put_integer(L, b, v);
    return 1;
  }
  if (v < SMALLEST_NORMAL && v > -SMALLEST_NORMAL) return 0;
  do {
    snprintf(text, sizeof text, "%.*g", digits++, v);
  } while (digits <= 17 && strtod(text, NULL) != v);
  comma = strchr(text, ',');  /* of the program's locale */
  if (comma != NULL) *comma = '.';
  put(L, b, text, strlen(text));
  return 1;
}

/* --- tables --------------------------------------------------------------- */

/* NOLINTBEGIN(misc-no-recursion): MAX_DEPTH limits the depth. */

/* Returns the mark of the table at the top of the stack. */
static int mark_of (lua_State *L) {
  int mark = NO_MARK;
  if (!lua_getmetatable(L, -1)) return NO_MARK;
  lua_rawget(L, MARKS);
  if (lua_type(L, -1) == LUA_TNUMBER) mark = (int)lua_tonumber(L, -1);
  lua_pop(L, 1);
  return mark;
}

/* Counts the keys of the table at the top: positive integers and strings.
** Returns 0 if there are other keys, or integers with gaps. */
static int count_keys (lua_State *L, size_t *integers, size_t *strings) {
  double top = 0;
  *integers = *strings = 0;
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TSTRING)
      ++*strings;
    else if (lua_type(L, -1) == LUA_TNUMBER) {
      double k = (double)lua_tonumber(L, -1);
      if (k < 1 || k != floor(k)) {
        lua_pop(L, 1);
        return 0;
      }
      if (k > top) top = k;
      ++*integers;
    }
    else {
      lua_pop(L, 1);
      return 0;
    }
  }
  return top == (double)*integers;
}

/* Replaces the comma after the last element. */
static int end_with (buf *b, char c) {
  b->data[b->len - 1] = c;
  return 1;
}

/* Writes the value at the top and a comma, and removes the value. */
static int write_element (lua_State *L, buf *b, int depth) {
  int ok = write_value(L, b, depth);
  lua_pop(L, 1);
  if (ok) put_char(L, b, ',');
  return ok;
}

/* Writes the array at 'at', whose first key and value are on the stack. Tables
** that were made in one piece return their elements in order; others are
** checked, and read by position from the first one that is not. */
static int write_array (lua_State *L, buf *b, int at, int depth) {
  size_t i = 1, n, strings;
  put_char(L, b, '[');
  do {
    if (lua_type(L, -2) != LUA_TNUMBER
        || (double)lua_tonumber(L, -2) != (double)i) {
      lua_settop(L, at);
      if (!count_keys(L, &n, &strings) || strings > 0) return 0;
      for (; i <= n; i++) {
        lua_rawgeti(L, at, (int)i);
        if (!write_element(L, b, depth)) return 0;
      }
      return end_with(b, ']');
    }
    if (!write_element(L, b, depth)) return 0;
    i++;
  } while (lua_next(L, at));
  return end_with(b, ']');
}

/* Writes the members of an ordered object: an array of pairs. */
static int write_pairs (lua_State *L, buf *b, int depth) {
  size_t i, n = lua_rawlen(L, -1), len;
  put_char(L, b, '{');
  for (i = 1; i <= n; i++) {
    int ok = 0;
    if (i > 1) put_char(L, b, ',');
    lua_rawgeti(L, -1, (int)i);
    if (lua_type(L, -1) == LUA_TTABLE) {
      lua_rawgeti(L, -1, 1);
      if (lua_type(L, -1) == LUA_TSTRING) {
        const char *s = lua_tolstring(L, -1, &len);
        ok = write_string(L, b, s, len);
      }
      lua_pop(L, 1);
    }
    if (ok) {
      put_char(L, b, ':');
      lua_rawgeti(L, -1, 2);
      ok = write_value(L, b, depth);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
    if (!ok) return 0;
  }
  put_char(L, b, '}');
  return 1;
}

/* Returns the first bytes of a string as a number. Strings whose numbers differ
** have the order of these. */
static uint64_t head_of (const char *s, size_t len) {
  uint64_t head = 0;
  size_t i;
  for (i = 0; i < sizeof head; i++)
    head = head << 8 | (i < len ? (unsigned char)s[i] : 0);
  return head;
}

static int compare_keys (const void *a, const void *b) {
  const key *x = a, *y = b;
  size_t n = x->len < y->len ? x->len : y->len;
  int order;
  if (x->head != y->head) return x->head < y->head ? -1 : 1;
  order = memcmp(x->s, y->s, n);
  if (order != 0) return order;
  return (x->len > y->len) - (x->len < y->len);
}

static void sort_few (key *keys, size_t n) {
  size_t i, j;
  for (i = 1; i < n; i++) {
    key k = keys[i];
    for (j = i; j > 0 && compare_keys(&keys[j - 1], &k) > 0; j--)
      keys[j] = keys[j - 1];
    keys[j] = k;
  }
}

/* Reads the members of the table at 'at' if they are a few, the first of which
** is on the stack, and leaves them on the stack. Returns their number; 0 if
** there are more, or a key is not a string. */
static size_t read_few (lua_State *L, int at, key *keys) {
  size_t n = 0;
  do {
    if (n == FEW_KEYS || lua_type(L, -2) != LUA_TSTRING) return 0;
    keys[n].s = lua_tolstring(L, -2, &keys[n].len);
    keys[n].head = head_of(keys[n].s, keys[n].len);
    keys[n].value = (size_t)at + 2 * n + 2;
    n++;
    lua_pushvalue(L, -2);  /* the key is on top for lua_next */
  } while (lua_next(L, at));
  return n;
}

static int write_few (lua_State *L, buf *b, key *keys, size_t n, int depth) {
  size_t i;
  sort_few(keys, n);
  put_char(L, b, '{');
  for (i = 0; i < n; i++) {
    if (!write_string(L, b, keys[i].s, keys[i].len)) return 0;
    put_char(L, b, ':');
    lua_pushvalue(L, (int)keys[i].value);
    if (!write_element(L, b, depth)) return 0;
  }
  return end_with(b, '}');
}

/* Writes the members of the table at 'at' as they come, and notes in m where
** each one is. */
static int write_unordered (lua_State *L, buf *b, many *m, int at, int depth) {
  key k = {0, NULL, 0, 0, 0};
  lua_pushnil(L);
  while (lua_next(L, at)) {
    const char *s;
    if (lua_type(L, -2) != LUA_TSTRING) return 0;
    s = lua_tolstring(L, -2, &k.len);
    k.value = b->len;
    put(L, &m->names, s, k.len);
    if (!write_string(L, b, s, k.len)) return 0;
    put_char(L, b, ':');
    if (!write_element(L, b, depth)) return 0;
    k.size = b->len - k.value;
    put(L, &m->keys, (const char *)&k, sizeof k);
  }
  return 1;
}

/* Sets the missing fields of keys whose bytes are at s. The beginning that all
** of them share does not count. Returns 1 if they are in order already. */
static int prepare_keys (key *keys, size_t n, const char *s) {
  size_t i, shared = keys[0].len;
  int is_ordered = 1;
  for (i = 0; i < n; i++) {
    size_t same = 0;
    keys[i].s = s;
    s += keys[i].len;
    if (keys[i].len < shared) shared = keys[i].len;
    while (same < shared && keys[i].s[same] == keys[0].s[same]) same++;
    shared = same;
  }
  for (i = 0; i < n; i++) {
    keys[i].s += shared;
    keys[i].len -= shared;
    keys[i].head = head_of(keys[i].s, keys[i].len);
    if (i > 0 && compare_keys(&keys[i - 1], &keys[i]) > 0) is_ordered = 0;
  }
  return is_ordered;
}

/* Puts the members of an object in order, which are the text from 'from' on. */
static void order_members (lua_State *L, buf *b, many *m, size_t from) {
  key *keys = (key *)(void *)m->keys.data;
  size_t i, n = m->keys.len / sizeof *keys, size = b->len - from;
  char *to;
  if (n == 0 || prepare_keys(keys, n, m->names.data)) return;
  qsort(keys, n, sizeof *keys, compare_keys);
  reserve(L, b, size);
  to = b->data + b->len;
  for (i = 0; i < n; i++) {
    memcpy(to, b->data + keys[i].value, keys[i].size);
    to += keys[i].size;
  }
  memcpy(b->data + from, b->data + b->len, size);
}

/* Writes the object at 'at', which has many members. */
static int write_many (lua_State *L, buf *b, int at, int depth) {
  many *m = lua_newuserdatauv(L, sizeof *m, 0);
  size_t from;
  memset(m, 0, sizeof *m);
  luaL_setmetatable(L, MANY_T);
  put_char(L, b, '{');
  from = b->len;
  if (!write_unordered(L, b, m, at, depth)) return 0;
  order_members(L, b, m, from);
  many_free(m);
  return end_with(b, '}');
}

/* Writes the object at 'at', whose first key and value are on the stack. */
static int write_object (lua_State *L, buf *b, int at, int depth) {
  key few[FEW_KEYS];
  size_t n = read_few(L, at, few);
  if (n > 0) return write_few(L, b, few, n, depth);
  lua_settop(L, at);
  return write_many(L, b, at, depth);
}

/* Writes the text of a value that is written as it is. */
static int write_raw (lua_State *L, buf *b) {
  int ok;
  lua_rawgeti(L, -1, 1);
  ok = lua_type(L, -1) == LUA_TSTRING;
  if (ok) {
    size_t len;
    const char *s = lua_tolstring(L, -1, &len);
    put(L, b, s, len);
  }
  lua_pop(L, 1);
  return ok;
}

static int write_table (lua_State *L, buf *b, int depth) {
  int mark, ok = 0, at = lua_gettop(L);
  if (depth >= MAX_DEPTH) return 0;
  luaL_checkstack(L, 2 * FEW_KEYS + 8, "a value that is nested too deep");
  mark = mark_of(L);
  if (mark == RAW_MARK) return write_raw(L, b);
  if (mark == OBJECT_MARK) return write_pairs(L, b, depth + 1);
  lua_pushnil(L);
  if (!lua_next(L, at)) {
    if (mark == ARRAY_MARK) put_literal(L, b, "[]");
    else put_literal(L, b, "{}");
    return 1;
  }
  if (lua_type(L, -2) == LUA_TNUMBER)
    ok = write_array(L, b, at, depth + 1);
  else if (lua_type(L, -2) == LUA_TSTRING && mark != ARRAY_MARK)
    ok = write_object(L, b, at, depth + 1);
  lua_settop(L, at);
  return ok;
}

/* Writes the value at the top of the stack, which stays there. Returns 0 if
** that is left to Lua. */
static int write_value (lua_State *L, buf *b, int depth) {
  size_t len;
  const char *s;
  switch (lua_type(L, -1)) {
    case LUA_TSTRING:
      s = lua_tolstring(L, -1, &len);
      return write_string(L, b, s, len);
    case LUA_TNUMBER:
      return write_number(L, b, (double)lua_tonumber(L, -1));
    case LUA_TBOOLEAN:
      if (lua_toboolean(L, -1)) put_literal(L, b, "true");
      else put_literal(L, b, "false");
      return 1;
    case LUA_TTABLE:
      return write_table(L, b, depth);
    case LUA_TNIL:
      return 0;
    default:
      if (lua_rawequal(L, -1, NULL_VALUE)) put_literal(L, b, "null");
      else if (lua_rawequal(L, -1, EMPTY_ARRAY)) put_literal(L, b, "[]");
      else return 0;
      return 1;
  }
}

/* NOLINTEND(misc-no-recursion) */

/* --- the functions -------------------------------------------------------- */

/***
Writes a value as JSON text, as `encode` of `predibase.json` does.
@function encode
@param value
@tparam table marks metatable -> 1 (an array), 2 (an ordered object: an array of
pairs), 3 (its first element is written as it is)
@param null the value for `null`
@param empty_array a value for `[]`, or nil
@treturn[1] string
@treturn[2] nil this value is left to `predibase.json.encode`
*/
static int json_encode (lua_State *L) {
  buf *b;
  int ok;
  luaL_checkany(L, VALUE);
  luaL_checktype(L, MARKS, LUA_TTABLE);
  lua_settop(L, EMPTY_ARRAY);
  b = lua_newuserdatauv(L, sizeof *b, 0);
  memset(b, 0, sizeof *b);
  luaL_setmetatable(L, TEXT_T);
  lua_pushvalue(L, VALUE);
  ok = write_value(L, b, 0);
  if (ok) lua_pushlstring(L, b->data, b->len);
  buf_free(b);
  return ok;
}

static int text_gc (lua_State *L) {
  buf_free(lua_touserdata(L, 1));
  return 0;
}

static int many_gc (lua_State *L) {
  many_free(lua_touserdata(L, 1));
  return 0;
}

/* Returns the position after the string whose first quote is at i. */
static size_t after_string (const char *s, size_t n, size_t i) {
  while (++i < n) {
    const char *quote = memchr(s + i, '"', n - i), *from = quote;
    if (quote == NULL) break;
    while (from > s + i && from[-1] == '\\') from--;
    i = (size_t)(quote - s);
    if ((quote - from) % 2 == 0) return i + 1;  /* it is not escaped */
  }
  return n;
}

/***
Tells whether a text has an integer of 2^53 or more, or of -2^53 or less,
outside of its strings.
@function has_big_integers
@tparam string text JSON that a decoder has accepted
@treturn boolean
*/
static int json_has_big_integers (lua_State *L) {
  size_t n, i = 0;
  const char *s = luaL_checklstring(L, 1, &n);
  int found = 0;
  while (i < n && !found) {
    size_t from = i;
    if (s[i] == '"')
      i = after_string(s, n, i);
    else if (s[i] == '-' || (s[i] >= '0' && s[i] <= '9')) {
      int is_whole = 1;
      for (; i < n && s[i] != 0 && strchr("0123456789+-.eE", s[i]); i++)
        if (s[i] == '.' || s[i] == 'e' || s[i] == 'E') is_whole = 0;
      if (is_whole && i - from >= 16)
        found = fabs(strtod(s + from, NULL)) >= EXACT;
    }
    else
      i++;
  }
  lua_pushboolean(L, found);
  return 1;
}

static const luaL_Reg functions[] = {
  {"encode", json_encode},
  {"has_big_integers", json_has_big_integers},
  {NULL, NULL}
};

MODULE_API int luaopen_predibase_json_text (lua_State *L);

MODULE_API int luaopen_predibase_json_text (lua_State *L) {
  luaL_checkversion(L);
  luaL_newmetatable(L, TEXT_T);
  lua_pushcfunction(L, text_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newmetatable(L, MANY_T);
  lua_pushcfunction(L, many_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_module_new(L, functions);
  return 1;
}
