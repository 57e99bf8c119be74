/*
** lua_token.h
** Plain tokens as Lua tables, for both modules that hand out events.
** SPDX-License-Identifier: MIT
*/

#ifndef LUA_TOKEN_H
#define LUA_TOKEN_H

#include "compat.h"
#include "token.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* How many upvalues lua_token_push needs. */
#define TOKEN_UPVALUES	5

/*
** Pushes the names of the fields, to be upvalues of the function that
** pushes tokens: that spares making them strings again for each token.
*/
void lua_token_names (lua_State *L);

/*
** Pushes the token as a table, and its text once more, or nil if it is a
** special token: what the text of the answer is made of. 'first' is the
** pseudo-index of the first upvalue. May raise and run finalizers; 't' must
** not be in memory that they can free.
*/
void lua_token_push (lua_State *L, const token *t, int first);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
