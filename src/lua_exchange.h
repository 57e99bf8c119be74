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

/* The longest time that Lua may pass, in seconds (about 30 years). The sum of
** two such times, in milliseconds, fits into 64 bits. */
#define MAX_SECONDS 1e9

/* The error for objects that a fork() has copied into another process. */
#define FORKED \
  "this client was made before fork() and its connections belong to the " \
  "parent process; make a new client in each process"

/* Registers the class. */
void lua_exchange_class (lua_State *L);

/* Does what pool:open does, with its arguments on the stack. 'slot' is the
** field of the userdata that holds the pool. */
int lua_exchange_open (lua_State *L, pool **slot);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
