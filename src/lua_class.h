/*
** lua_class.h - userdata classes for the C modules
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_LUA_CLASS_H
#define PREDIBASE_LUA_CLASS_H

#include "compat.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Makes a class: a metatable in the registry under 'name', with the functions
** of 'meta' in it and those of 'methods' (or NULL) in its __index. The
** metatable is the first upvalue of each of these functions.
*/
void lua_class_new (lua_State *L, const char *name, const luaL_Reg *methods,
                    const luaL_Reg *meta);

/*
** For functions of a class: returns the userdata at argument 1. Does what
** luaL_checkudata does, but compares with the upvalue, which is faster than
** looking up the metatable by name.
*/
void *lua_class_check (lua_State *L, const char *name);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
