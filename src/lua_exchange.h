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

/* The name of the class. */
#define EXCHANGE_T "predibase.curl.exchange"

/* Where the userdata at argument 1 keeps its exchange: NULL once closed. */
exchange **lua_exchange_slot (lua_State *L);

/* The open exchange at argument 1; raises for all else, also after fork. */
exchange *lua_exchange_check (lua_State *L);

/* Registers the class, and gives it the methods that read. */
void lua_exchange_class (lua_State *L);
void lua_read_methods (lua_State *L);

/*
** Makes a class: a metatable in the registry, its methods in __index. The
** metatable is the first upvalue of each of its functions.
*/
void lua_newclass (lua_State *L, const char *name, const luaL_Reg *methods,
                   const luaL_Reg *meta);

/*
** For functions of a class: the userdata at argument 1. As luaL_checkudata,
** without the look-up by name.
*/
void *lua_checkclass (lua_State *L, const char *name);

/*
** The body of pool:open, its arguments on the stack. 'slot' is where the pool's
** userdata keeps it.
*/
int lua_exchange_open (lua_State *L, pool **slot);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
