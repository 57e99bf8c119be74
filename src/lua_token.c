/*
** lua_token.c
** Plain tokens as Lua tables, for both modules that hand out events.
** SPDX-License-Identifier: MIT
*/

#include "lua_token.h"

/* The upvalues, by their place. */
enum { ID, TEXT, LOGPROB, SPECIAL, SKIPPED };

void lua_token_names (lua_State *L) {
  lua_pushliteral(L, "id");
  lua_pushliteral(L, "text");
  lua_pushliteral(L, "logprob");
  lua_pushliteral(L, "special");
  lua_pushliteral(L, "skipped");
}

void lua_token_push (lua_State *L, const token *t, int first) {
  int table;
  lua_createtable(L, 0, 2 + t->has_logprob + (t->special != TOKEN_ABSENT)
                           + (t->skipped != TOKEN_ABSENT));
  table = lua_gettop(L);
  lua_pushlstring(L, t->text, t->len);
  lua_pushvalue(L, first - TEXT);
  lua_pushvalue(L, -2);
  lua_rawset(L, table);
  lua_pushvalue(L, first - ID);
  lua_pushinteger(L, t->id);
  lua_rawset(L, table);
  if (t->has_logprob) {
    lua_pushvalue(L, first - LOGPROB);
    lua_pushnumber(L, t->logprob);
    lua_rawset(L, table);
  }
  if (t->special != TOKEN_ABSENT) {
    lua_pushvalue(L, first - SPECIAL);
    lua_pushboolean(L, t->special);
    lua_rawset(L, table);
  }
  if (t->skipped != TOKEN_ABSENT) {
    lua_pushvalue(L, first - SKIPPED);
    lua_pushboolean(L, t->skipped);
    lua_rawset(L, table);
  }
  if (t->special == 1) {  /* of no text that anybody reads */
    lua_pushnil(L);
    lua_replace(L, table + 1);
  }
}
