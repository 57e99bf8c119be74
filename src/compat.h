/*
** compat.h - newer functions of the Lua API for older Luas and LuaJIT
** SPDX-License-Identifier: MIT
** The only file of src that tests LUA_VERSION_NUM.
*/

#ifndef PREDIBASE_COMPAT_H
#define PREDIBASE_COMPAT_H

#include <stddef.h>

#include "lua.h"
#include "lauxlib.h"

#if LUA_VERSION_NUM < 501 || LUA_VERSION_NUM > 505
#error "predibase needs the headers of Lua 5.1 to 5.5 or LuaJIT 2.1"
#endif

/* Marks the luaopen_* functions, the only names that a module exports. */
#if defined(_WIN32)
#define MODULE_API __declspec(dllexport)
#elif defined(__GNUC__)
#define MODULE_API __attribute__((visibility("default")))
#else
#define MODULE_API extern
#endif

/* Functions that raise an error: clang's analyzer has to know. */
#if defined(__clang_analyzer__)
extern int luaL_argerror (lua_State *L, int arg, const char *message)
  __attribute__((analyzer_noreturn));
extern int luaL_error (lua_State *L, const char *format, ...)
  __attribute__((analyzer_noreturn));
#endif

#if LUA_VERSION_NUM < 504

/* Lua 5.4 counts user values; this code uses none. */
#undef lua_newuserdatauv
#define lua_newuserdatauv(L,size,n) lua_newuserdata(L, (size))

#endif

#if LUA_VERSION_NUM < 503

#undef luaL_newmetatable

/* Sets the field __name of the metatable, as 5.3 and later do. */
static inline int compat_newmetatable (lua_State *L, const char *name) {
  int isnew = luaL_newmetatable(L, name);
  if (isnew) {
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
  }
  return isnew;
}
#define luaL_newmetatable compat_newmetatable

#endif

#if LUA_VERSION_NUM == 501

/* The other Luas raise an error here if a module was built for another one. */
#define luaL_checkversion(L) ((void)(L))

/*
** LuaJIT declares some of these functions, Lua 5.1 none. A module built with
** the headers of either has to load in both, so it calls only what both have.
*/
#undef lua_rawlen
#undef luaL_newlib
#undef luaL_setfuncs
#undef luaL_setmetatable
#undef luaL_testudata
#define lua_rawlen lua_objlen
#define luaL_setfuncs compat_setfuncs
#define luaL_setmetatable compat_setmetatable
#define luaL_testudata compat_testudata
#define luaL_newlib(L,l) \
  (lua_createtable(L, 0, (int)(sizeof(l) / sizeof((l)[0]) - 1)), \
   luaL_setfuncs(L, l, 0))

static inline void compat_setfuncs (lua_State *L, const luaL_Reg *l,
                                    int nup) {
  luaL_checkstack(L, nup, "too many upvalues");
  for (; l->name != NULL; l++) {
    int i;
    for (i = 0; i < nup; i++)  /* copy upvalues to the top */
      lua_pushvalue(L, -nup);
    lua_pushcclosure(L, l->func, nup);
    lua_setfield(L, -(nup + 2), l->name);
  }
  lua_pop(L, nup);  /* remove upvalues */
}

static inline void compat_setmetatable (lua_State *L, const char *name) {
  luaL_getmetatable(L, name);
  lua_setmetatable(L, -2);
}

static inline void *compat_testudata (lua_State *L, int arg,
                                      const char *name) {
  void *p = lua_touserdata(L, arg);
  int same;
  if (p == NULL || !lua_getmetatable(L, arg))
    return NULL;
  luaL_getmetatable(L, name);
  same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);  /* remove both metatables */
  return same ? p : NULL;
}

#endif

#endif
