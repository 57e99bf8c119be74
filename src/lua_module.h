/*
** lua_module.h - what all C modules have in common
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_LUA_MODULE_H
#define PREDIBASE_LUA_MODULE_H

#include "compat.h"
#include "version.h"

/*
** Pushes a new table with the functions of the array 'l', and with the version
** in the field _VERSION: predibase.requirements refuses a module that was
** installed with another version of the Lua files.
*/
#define lua_module_new(L, l) \
  do { \
    luaL_newlib(L, l); \
    lua_pushliteral(L, PREDIBASE_VERSION); \
    lua_setfield(L, -2, "_VERSION"); \
  } while (0)

#endif
