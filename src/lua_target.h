/*
** lua_target.h - the class of targets, for the module predibase.curl
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_LUA_TARGET_H
#define PREDIBASE_LUA_TARGET_H

#include "compat.h"
#include "target.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Registers the class. */
void lua_target_class (lua_State *L);

/* Returns the target at an argument; raises if it is anything else. */
target *lua_target_check (lua_State *L, int arg);

/* Pushes a target made of the fields of the table at an argument. */
void lua_target_push (lua_State *L, int arg);

/* Raises if the string at a stack index, a header line, contains a control
** character: it could start another header. */
void lua_target_check_line (lua_State *L, int at);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
