/*
** lua_class.c - userdata classes for the C modules
** SPDX-License-Identifier: MIT
*/

#include "lua_class.h"

void lua_class_new (lua_State *L, const char *name, const luaL_Reg *methods,
                    const luaL_Reg *meta) {
  luaL_newmetatable(L, name);
  lua_pushvalue(L, -1);
  luaL_setfuncs(L, meta, 1);
  if (methods != NULL) {
    lua_newtable(L);
    lua_pushvalue(L, -2);
    luaL_setfuncs(L, methods, 1);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);  /* remove metatable */
}

void *lua_class_check (lua_State *L, const char *name) {
  void *p = lua_touserdata(L, 1);
  if (p != NULL && lua_getmetatable(L, 1)) {
    int same = lua_rawequal(L, -1, lua_upvalueindex(1));
    lua_pop(L, 1);  /* remove metatable */
    if (same) return p;
  }
  return luaL_checkudata(L, 1, name);  /* raises, naming the type */
}
