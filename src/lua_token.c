/*
** lua_token.c - LoRAX tokens as Lua tables
** SPDX-License-Identifier: MIT
*/

#include "lua_token.h"

/*
** The upvalues of a method that pushes tokens: the metatable of its class,
** then the names of the fields, so that these strings are not created again for
** each token.
*/
enum { AT_CLASS = 1, AT_ID, AT_TEXT, AT_LOGPROB, AT_SPECIAL, AT_SKIPPED };

void lua_token_method (lua_State *L, const char *class_name,
                       lua_CFunction method) {
  luaL_getmetatable(L, class_name);
  lua_getfield(L, -1, "__index");
  lua_pushvalue(L, -2);
  lua_pushliteral(L, "id");
  lua_pushliteral(L, "text");
  lua_pushliteral(L, "logprob");
  lua_pushliteral(L, "special");
  lua_pushliteral(L, "skipped");
  lua_pushcclosure(L, method, AT_SKIPPED);
  lua_setfield(L, -2, "token");
  lua_pop(L, 2);  /* remove metatable and methods */
}

void lua_token_push (lua_State *L, const token *t) {
  int table;
  lua_createtable(L, 0, 2 + t->has_logprob + (t->special != TOKEN_ABSENT)
                           + (t->skipped != TOKEN_ABSENT));
  table = lua_gettop(L);
  lua_pushlstring(L, t->text, t->len);
  lua_pushvalue(L, lua_upvalueindex(AT_TEXT));
  lua_pushvalue(L, -2);
  lua_rawset(L, table);
  lua_pushvalue(L, lua_upvalueindex(AT_ID));
  lua_pushinteger(L, t->id);
  lua_rawset(L, table);
  if (t->has_logprob) {
    lua_pushvalue(L, lua_upvalueindex(AT_LOGPROB));
    lua_pushnumber(L, t->logprob);
    lua_rawset(L, table);
  }
  if (t->special != TOKEN_ABSENT) {
    lua_pushvalue(L, lua_upvalueindex(AT_SPECIAL));
    lua_pushboolean(L, t->special);
    lua_rawset(L, table);
  }
  if (t->skipped != TOKEN_ABSENT) {
    lua_pushvalue(L, lua_upvalueindex(AT_SKIPPED));
    lua_pushboolean(L, t->skipped);
    lua_rawset(L, table);
  }
  if (t->special == 1) {
    lua_pushnil(L);
    lua_replace(L, table + 1);
  }
}
