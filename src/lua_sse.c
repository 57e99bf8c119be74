/*
** lua_sse.c - the module predibase.sse: the event stream parser for Lua
** SPDX-License-Identifier: MIT
*/

/***
Incremental parser for Server-Sent Events.

Follows WHATWG HTML section 9.2.6: lines end in LF, CR or CRLF; a byte order
mark at the beginning is skipped; comments and unknown fields need no memory.
The stream may be fed in pieces of any size. Bytes that are not UTF-8 are passed
on unchanged. Each stream needs a parser of its own, which any coroutine may
use. A parser does not depend on sockets.

    local parser = require "predibase.sse".new { max_event = 1024 * 1024 }
    assert(parser:feed("data: hel"))
    assert(parser:feed("lo\n\n"))
    print(parser:next())  --> hello  message

@module predibase.sse
*/

#include "lua_module.h"

#include <stdio.h>
#include <string.h>

#include "lua_class.h"
#include "lua_token.h"
#include "sse.h"

#define PARSER_T "predibase.sse"

/*
** Default of max_event. LoRAX accepts bodies of up to 2 MiB and can repeat the
** prompt in the closing event.
*/
#define MAX_EVENT (8 * 1024 * 1024)

/* The largest max_event: up to here a double represents each integer. */
#define MAX_MAX_EVENT 9007199254740992.0

/* Events up to this size are copied to the C stack, larger ones to a
** userdata. */
#define SMALL_EVENT 4096

typedef struct parser {
  sse *core;  /* NULL = closed */
  sse body;  /* 'core' points to this while the parser is open */
  size_t taken;  /* number of events that the program has taken */
  answer answer;  /* stays when the parser is closed */
} parser;

/* --- helpers -------------------------------------------------------------- */

static parser *check (lua_State *L) {
  return lua_class_check(L, PARSER_T);
}

static parser *check_open (lua_State *L) {
  parser *p = check(L);
  if (p->core == NULL)
    luaL_error(L, "attempt to use a closed parser");
  return p;
}

static void pop (parser *p) {
  sse_pop(p->core);
  p->taken++;
}

/* Copies the strings of ev to 'to' and makes ev point there. */
static void move_event (sse_event *ev, char *to) {
  memcpy(to, ev->data, ev->data_len);
  ev->data = to;
  to += ev->data_len;
  memcpy(to, ev->type, ev->type_len);
  ev->type = to;
  to += ev->type_len;
  memcpy(to, ev->id, ev->id_len);
  ev->id = to;
}

/*
** Copies the event that 'get' returns out of the parser: to 'small', which has
** SMALL_EVENT bytes, or to a userdata, which stays on the stack. Returns 0 if
** there is no event.
**
** Creating a Lua string may run finalizers, in 5.1 and LuaJIT before the bytes
** are copied. A finalizer may close or feed this very parser, so the bytes
** must not be in the parser's memory when they are pushed. The event stays in
** the queue, in case of a memory error.
*/
static int copy_event (lua_State *L, parser *p, char *small, sse_event *ev,
                       int (*get) (const parser *p, sse_event *ev)) {
  char *to = small;
  size_t capacity = SMALL_EVENT;
  while (get(p, ev)) {
    size_t size = ev->data_len + ev->type_len + ev->id_len;
    if (size <= capacity) {
      move_event(ev, to);
      return 1;
    }
    lua_settop(L, 1);  /* remove a userdata that was too small */
    to = lua_newuserdatauv(L, size, 0);
    capacity = size;
    check_open(L);  /* finalizers may have run: get the event again */
  }
  return 0;
}

static int next_event (const parser *p, sse_event *ev) {
  return sse_peek(p->core, ev);
}

static int unfinished_event (const parser *p, sse_event *ev) {
  return sse_finish(p->core, ev);
}

/* --- methods -------------------------------------------------------------- */

/***
Reads the next bytes of the stream.
@function parser:feed
@tparam string bytes a piece of any size, also an empty one
@tparam[opt=1] number first index of the first byte to read
@tparam[opt] number last index of the last byte to read; default: the last
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string `event larger than N bytes (max_event)`, or `not enough
memory`. Each later call returns the same error; events that were complete
before stay available to `next`.
@raise if the parser is closed, `bytes` is not a string, or `first` to `last`
is not within it
*/
static int parser_feed (lua_State *L) {
  parser *p = check_open(L);
  lua_Integer first, last;
  size_t n;
  const char *s;
  luaL_checktype(L, 2, LUA_TSTRING);
  s = lua_tolstring(L, 2, &n);
  first = luaL_optinteger(L, 3, 1);
  last = luaL_optinteger(L, 4, (lua_Integer)n);
  luaL_argcheck(L, first >= 1 && first - 1 <= (lua_Integer)n, 3,
                "outside of the bytes");
  luaL_argcheck(L, last >= first - 1 && last <= (lua_Integer)n, 4,
                "outside of the bytes");
  switch (sse_feed(p->core, s + first - 1, (size_t)(last - first + 1))) {
    case SSE_OK:
      lua_pushboolean(L, 1);
      return 1;
    case SSE_TOOBIG: {
      char message[80];
      snprintf(message, sizeof message,
               "event larger than %zu bytes (max_event)", p->body.max_event);
      lua_pushnil(L);
      lua_pushstring(L, message);
      return 2;
    }
    default:
      lua_pushnil(L);
      lua_pushliteral(L, "not enough memory");
      return 2;
  }
}

/***
Takes the next complete event.
@function parser:next
@treturn[1] string the data; its lines are separated by LF
@treturn[1] string the event type; `message` if the stream sets none
@treturn[1] string the last event ID, which stays until the stream sets another
one; empty if it never has
@treturn[2] nil if there is no complete event
@raise if the parser is closed
*/
static int parser_next (lua_State *L) {
  parser *p = check_open(L);
  char small[SMALL_EVENT];
  sse_event ev;
  size_t taken;
  if (!copy_event(L, p, small, &ev, next_event)) {
    lua_pushnil(L);
    return 1;
  }
  taken = p->taken;
  lua_pushlstring(L, ev.data, ev.data_len);
  if (ev.type_len > 0)
    lua_pushlstring(L, ev.type, ev.type_len);
  else
    lua_pushliteral(L, "message");
  lua_pushlstring(L, ev.id, ev.id_len);
  if (p->core != NULL && p->taken == taken) pop(p);  /* no finalizer took it */
  return 3;
}

/***
Takes the next complete event. A plain token of LoRAX is returned decoded; its
event type and ID are ignored. The data of any other event (the closing event,
an error, a token with alternatives, invalid JSON) is returned as by @{next}.
@function parser:token
@treturn[1] table `id`, `text`, `logprob`, `special`, `skipped`; a field that
the server did not send is nil
@treturn[2] string the data of an event that is not a plain token
@treturn[3] nil if there is no complete event
@raise if the parser is closed
*/
static int parser_token (lua_State *L) {
  parser *p = check_open(L);
  size_t taken = p->taken;
  sse_event ev;
  token t;
  if (!sse_peek(p->core, &ev) || !token_read(&t, ev.data, ev.data_len)) {
    if (parser_next(L) > 1) lua_pop(L, 2);  /* type and ID */
    return 1;
  }
  lua_token_push(L, &t);
  if (p->core != NULL && p->taken == taken) pop(p);
  return 1;
}

/***
Makes the parser count the tokens that the methods below take, and keep their
text. It has both also when it is closed.
@function parser:keep_text
@tparam number limit the most bytes of text; a token with more text than is left
is not plain for the methods below
@tparam boolean kept false: only count
*/
static int parser_keep_text (lua_State *L) {
  return lua_token_keep_text(L, &check(L)->answer);
}

static const sse *queue_of (const void *owner) {
  return ((const parser *)owner)->core;
}

static size_t taken_from (const void *owner) {
  return ((const parser *)owner)->taken;
}

static void pop_from (void *owner) {
  pop(owner);
}

static int is_pending (const void *owner) {
  const sse *core = ((const parser *)owner)->core;
  return core != NULL && sse_count(core) == 0;
}

static const token_source source = {queue_of, taken_from, pop_from, is_pending};

/***
Takes the next event if it is a plain token, and adds its text to the text so
far.
@function parser:take
@treturn[1] table as of @{token}
@treturn[2] nil
@treturn[2] boolean true if there is no complete event, false if the next one is
not a plain token, or the parser is closed
@raise "not enough memory"
*/
static int parser_take (lua_State *L) {
  parser *p = check(L);
  return lua_token_take(L, &source, p, &p->answer);
}

/***
Takes the plain tokens at the start of the queue and adds their text to the text
so far. Makes no table and no string.
@function parser:take_all
@treturn boolean as the second result of @{take}
@raise "not enough memory"
*/
static int parser_take_all (lua_State *L) {
  parser *p = check(L);
  return lua_token_take_all(L, &source, p, &p->answer);
}

/***
Takes the plain tokens at the start of the queue, up to 4 KiB of text, and adds
their text to the text so far. This is for programs that only pass on text and
need no table for each token.
@function parser:take_texts
@treturn[1] string their texts, joined, without those of special tokens; with a
filter what may be shown of them, which may be ""
@treturn[1] boolean whether the string ends with a whole character
@treturn[2] nil
@treturn[2] boolean as the second result of @{take}
@raise "not enough memory"
*/
static int parser_take_texts (lua_State *L) {
  parser *p = check(L);
  return lua_token_take_texts(L, &source, p, &p->answer);
}

/***
Makes the methods above take only tokens that pass a filter: they end neither
the text nor the reasoning, and do not begin it. Follows @{keep_text}. With a
splitter, the text so far is that of both parts, otherwise what may be shown.
@function parser:filter
@tparam ?userdata splitter of `predibase.text_filter`
@tparam ?userdata matcher of `predibase.text_filter`; one of the two is not nil
@raise "not enough memory"
*/
static int parser_filter (lua_State *L) {
  return lua_token_filter(L, &check(L)->answer);
}

/***
Returns what the token that was taken last adds to the text to show.
@function parser:shown
@treturn[1] string
@treturn[1] string what it adds to the reasoning
@treturn[2] nil it was added by @{add}
*/
static int parser_shown (lua_State *L) {
  return lua_token_shown(L, &check(L)->answer);
}

/***
Adds the text of one token that was taken in another way, also beyond the limit.
@function parser:add
@tparam string text
@raise "not enough memory"
*/
static int parser_add (lua_State *L) {
  return lua_token_add(L, &check(L)->answer);
}

/***
Returns how much the methods above have taken and added.
@function parser:counts
@treturn number tokens
@treturn number bytes of text
*/
static int parser_counts (lua_State *L) {
  return lua_token_counts(L, &check(L)->answer);
}

/***
Returns the text so far, if it is kept, see @{keep_text}.
@function parser:text
@treturn string
*/
static int parser_text (lua_State *L) {
  return lua_token_text(L, &check(L)->answer);
}

/***
Returns the number of complete events that were not taken yet.
@function parser:count
@treturn number
@raise if the parser is closed
*/
static int parser_count (lua_State *L) {
  const parser *p = check_open(L);
  lua_pushinteger(L, (lua_Integer)sse_count(p->core));
  return 1;
}

/***
Returns the data of the last event if the input has ended without the blank line
that completes an event. An unfinished `data` line is included. The standard
discards such an event; here the caller decides. Does not change the parser.
@function parser:finish
@treturn[1] string the data of the unfinished event
@treturn[2] nil if there is none, or after an error of `feed`
@raise if the parser is closed
*/
static int parser_finish (lua_State *L) {
  parser *p = check_open(L);
  char small[SMALL_EVENT];
  sse_event ev;
  if (copy_event(L, p, small, &ev, unfinished_event))
    lua_pushlstring(L, ev.data, ev.data_len);
  else
    lua_pushnil(L);
  return 1;
}

/***
Frees the memory now instead of at the next garbage collection. May be called
any number of times. In Lua 5.4 a parser can be a to-be-closed variable.
@function parser:close
*/
static int parser_close (lua_State *L) {
  parser *p = check(L);
  sse *core = p->core;
  if (core != NULL) {
    p->core = NULL;
    sse_free(core);
  }
  return 0;
}

static int parser_gc (lua_State *L) {
  parser_close(L);
  answer_free(&check(L)->answer);
  return 0;
}

static int parser_tostring (lua_State *L) {
  parser *p = check(L);
  if (p->core == NULL)
    lua_pushliteral(L, PARSER_T " (closed)");
  else
    lua_pushfstring(L, PARSER_T ": %p", (void *)p);
  return 1;
}

/* --- functions of the module ---------------------------------------------- */

/* Reads the options table at argument 1. Returns max_event. */
static size_t read_options (lua_State *L) {
  lua_Number max = MAX_EVENT;
  if (lua_isnoneornil(L, 1))
    return MAX_EVENT;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    const char *name;
    lua_pushvalue(L, -2);  /* lua_tostring would change the key */
    name = lua_tostring(L, -1);
    if (lua_type(L, -3) != LUA_TSTRING || strcmp(name, "max_event") != 0) {
      lua_pushfstring(L, "unknown option \"%s\"",
                      name != NULL ? name : luaL_typename(L, -3));
      luaL_argerror(L, 1, lua_tostring(L, -1));
    }
    if (lua_type(L, -2) == LUA_TNUMBER)
      max = lua_tonumber(L, -2);
    else
      max = 0;
    if (!(max >= 1 && max <= MAX_MAX_EVENT && max <= (lua_Number)(size_t)-1)
        || max != (lua_Number)(size_t)max)
      luaL_argerror(L, 1, "max_event must be a whole number of bytes, "
                          "at least 1");
    lua_pop(L, 2);  /* remove name and value, keep the key */
  }
  return (size_t)max;
}

/***
Makes a parser.
@function new
@tparam[opt] table options `max_event`: the limit in bytes for one event, which
is its data, its type, the last event ID and the unfinished line (8388608)
@treturn userdata the parser
@raise if an option is unknown or has a bad value
*/
static int sse_new (lua_State *L) {
  size_t max_event = read_options(L);
  parser *p = lua_newuserdatauv(L, sizeof *p, 0);
  p->core = NULL;  /* closed; __gc may run from the next line on */
  p->taken = 0;
  answer_init(&p->answer, (size_t)-1, 0);
  luaL_setmetatable(L, PARSER_T);
  sse_init(&p->body, max_event);
  answer_init(&p->answer, (size_t)-1, 0);
  p->core = &p->body;
  return 1;
}

static const luaL_Reg functions[] = {
  {"new", sse_new},
  {NULL, NULL}
};

static const luaL_Reg methods[] = {
  {"feed", parser_feed},
  {"next", parser_next},
  {"keep_text", parser_keep_text},
  {"take_all", parser_take_all},
  {"take_texts", parser_take_texts},
  {"filter", parser_filter},
  {"shown", parser_shown},
  {"add", parser_add},
  {"counts", parser_counts},
  {"text", parser_text},
  {"count", parser_count},
  {"finish", parser_finish},
  {"close", parser_close},
  {NULL, NULL}
};

static const luaL_Reg metamethods[] = {
  {"__gc", parser_gc},
  {"__close", parser_close},
  {"__tostring", parser_tostring},
  {NULL, NULL}
};

MODULE_API int luaopen_predibase_sse (lua_State *L);

MODULE_API int luaopen_predibase_sse (lua_State *L) {
  luaL_checkversion(L);
  lua_class_new(L, PARSER_T, methods, metamethods);
  lua_token_method(L, PARSER_T, "token", parser_token);
  lua_token_method(L, PARSER_T, "take", parser_take);
  lua_module_new(L, functions);
  return 1;
}
