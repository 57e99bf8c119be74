/*
** lua_interrupt.c - the module predibase.interrupt: Ctrl-C as a Lua error
** SPDX-License-Identifier: MIT
*/

/***
Ctrl-C as an error of Lua, for programs that go on after it.

The `lua` program makes an error of the first SIGINT and gives the signal
back to the system, so the second one ends the process. A conversation in a
terminal needs the error for each answer anew. There is one handler in a
process; what else handles SIGINT there has to be content with that.

@module predibase.interrupt
*/

#include "compat.h"

#include <signal.h>
#include <string.h>

/* Who is told, the thread that called 'arm' last; NULL = nobody. */
static lua_State *volatile listener = NULL;

/* The registry of its Lua state, which tells that apart from others. */
static const void *state = NULL;

/* Where that registry keeps it: else it might be collected meanwhile. */
#define ANCHOR "predibase.interrupt"

/* Runs at the next instruction of Lua after the signal. */
static void stop (lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "interrupted!");
}

/*
** lua_sethook is the one function of Lua that may be called here; the `lua`
** program does the same.
*/
static void on_signal (int number) {
  lua_State *L = listener;
  (void)number;
  if (L != NULL)
    lua_sethook(L, stop, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

static int set_handler (lua_State *L, void (*handler) (int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  /* No SA_RESTART: what waits has to come back and see. */
  lua_pushboolean(L, sigaction(SIGINT, &action, NULL) == 0);
  return 1;
}

/***
From now on each SIGINT raises the error "interrupted!" in the coroutine that
called this, as soon as it runs.
@function arm
@treturn boolean whether the system let it
*/
static int interrupt_arm (lua_State *L) {
  lua_pushthread(L);
  lua_setfield(L, LUA_REGISTRYINDEX, ANCHOR);
  state = lua_topointer(L, LUA_REGISTRYINDEX);
  listener = L;
  return set_handler(L, on_signal);
}

/***
From now on SIGINT ends the process, as the system does by itself.
@function disarm
@treturn boolean whether the system let it
*/
static int interrupt_disarm (lua_State *L) {
  listener = NULL;
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, ANCHOR);
  return set_handler(L, SIG_DFL);
}

/* The state is being closed: nobody is left there to be told. */
static int at_close (lua_State *L) {
  if (listener != NULL && state == lua_topointer(L, LUA_REGISTRYINDEX))
    interrupt_disarm(L);
  return 0;
}

static const luaL_Reg functions[] = {
  {"arm", interrupt_arm},
  {"disarm", interrupt_disarm},
  {NULL, NULL}
};

MODULE_API int luaopen_predibase_interrupt (lua_State *L);

MODULE_API int luaopen_predibase_interrupt (lua_State *L) {
  lua_newuserdatauv(L, 1, 0);  /* for its finalizer */
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, at_close);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, ANCHOR ".close");
  luaL_newlib(L, functions);
  return 1;
}
