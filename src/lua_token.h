/*
** lua_token.h - LoRAX tokens as Lua tables
** SPDX-License-Identifier: MIT
** For predibase.sse and predibase.curl, whose classes both hand out tokens.
*/

#ifndef PREDIBASE_LUA_TOKEN_H
#define PREDIBASE_LUA_TOKEN_H

#include "answer.h"
#include "compat.h"
#include "token.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Adds a method that pushes tokens to a class of lua_class_new. Its first
** upvalue is the metatable, as of all methods; the others are for
** lua_token_push.
*/
void lua_token_method (lua_State *L, const char *class_name, const char *name,
                       lua_CFunction method);

/*
** For such a method: pushes the token as a table. May raise, and may run
** finalizers: 't' must not be in memory that they can free.
*/
void lua_token_push (lua_State *L, const token *t);

/*
** The events that an object of one of the classes has received. 'owner' is the
** object's userdata. Finalizers may take events, or close the object, whenever
** Lua allocates memory.
*/
typedef struct token_source {
  const sse *(*queue) (const void *owner);  /* NULL once it is closed */
  size_t (*taken) (const void *owner);  /* how many events were taken */
  void (*pop) (void *owner);            /* takes the first event */
  int (*is_pending) (const void *owner);  /* 1: all events were taken, and more
                                             may arrive */
} token_source;

/*
** Methods that both classes have. The further arguments and the results are
** those of the methods, from argument 2 on.
*/

/* Takes the next event if it is a plain token, pushes the token and adds its
** text to the answer; else pushes nil and whether the source is pending. */
int lua_token_take (lua_State *L, const token_source *from, void *owner,
                    answer *a);

/* Takes all plain tokens at the start of the queue, and pushes whether the
** source is pending. */
int lua_token_take_all (lua_State *L, const token_source *from, void *owner,
                        answer *a);

/* Takes plain tokens as lua_token_take_all, up to 4 KiB of text, and pushes
** their texts as one string, or what a filter lets be shown of them, and
** whether that ends with a whole character; else as lua_token_take. */
int lua_token_take_texts (lua_State *L, const token_source *from, void *owner,
                          answer *a);

/* Initialises the answer: its limit in bytes, and whether its text is kept. */
int lua_token_keep_text (lua_State *L, answer *a);

/* Adds the text of one token. */
int lua_token_add (lua_State *L, answer *a);

/* Pushes the number of tokens and the bytes of their text. */
int lua_token_counts (lua_State *L, const answer *a);

/*
** Gives the answer a filter: a splitter or nil, and a matcher or nil, both of
** predibase.text_filter, one of which is not nil.
*/
int lua_token_filter (lua_State *L, answer *a);

/*
** Pushes what the last token added to the text to show, and to the reasoning,
** if the filter has read it; otherwise nothing.
*/
int lua_token_shown (lua_State *L, const answer *a);

/* Pushes the text. */
int lua_token_text (lua_State *L, const answer *a);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
