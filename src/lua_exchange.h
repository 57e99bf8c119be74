/*
** lua_exchange.h - the class of exchanges, for the module predibase.curl
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_LUA_EXCHANGE_H
#define PREDIBASE_LUA_EXCHANGE_H

#include "compat.h"
#include "pool.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Longest clock, in seconds (about 30 years): the sum of two fits easily. */
#define MAX_SECONDS 1e9

#define FORKED \
  "this client was made before fork() and its connections belong to the " \
  "parent process; make a new client in each process"

/* Registers the class. */
void lua_exchange_class (lua_State *L);

/* Makes a class: a metatable in the registry, its methods in __index. */
void lua_newclass (lua_State *L, const char *name, const luaL_Reg *methods,
                   const luaL_Reg *meta);

/*
** The body of pool:open, its arguments on the stack: pool, table. 'slot' is
** where the pool's userdata keeps it.
*/
int lua_exchange_open (lua_State *L, pool **slot);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
