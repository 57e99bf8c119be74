/*
** lua_token.h - LoRAX tokens as Lua tables
** SPDX-License-Identifier: MIT
** For predibase.sse and predibase.curl, whose classes both hand out tokens.
*/

#ifndef PREDIBASE_LUA_TOKEN_H
#define PREDIBASE_LUA_TOKEN_H

#include "compat.h"
#include "token.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Adds the method "token" to a class of lua_class_new. Its first upvalue is
** the metatable, as of all methods; the others are for lua_token_push.
*/
void lua_token_method (lua_State *L, const char *class_name,
                       lua_CFunction method);

/*
** For that method: pushes the token as a table and then its text, or nil if it
** is a special token, whose text is not part of the output. May raise, and may
** run finalizers: 't' must not be in memory that they can free.
*/
void lua_token_push (lua_State *L, const token *t);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
