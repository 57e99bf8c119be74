/*
** lua_interrupt.c - the module predibase.interrupt: Ctrl-C as a Lua error
** SPDX-License-Identifier: MIT
*/

/***
Ctrl-C as a Lua error, for programs that continue after it.

The `lua` program turns the first SIGINT into an error and then restores the
default action, so a second one ends the process. A chat in a terminal needs
the error for each answer. A process has one handler per signal: this one
replaces any other for SIGINT.

@module predibase.interrupt
*/

#include "compat.h"

#include <signal.h>
#include <string.h>

/* The coroutine that called arm last, in which the error is raised; NULL:
** none. */
static lua_State *volatile listener = NULL;

/* The registry of its Lua state, by which at_close recognises that state. */
static const void *state = NULL;

/* The registry field that keeps the coroutine from being collected. */
#define ANCHOR "predibase.interrupt"

/* The hook: runs at the next Lua instruction after the signal. */
static void stop (lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "interrupted!");
}

/* lua_sethook is the only function of Lua that a signal handler may call; the
** `lua` program does the same. */
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
  /* no SA_RESTART: a system call that waits has to return, so that Lua runs */
  lua_pushboolean(L, sigaction(SIGINT, &action, NULL) == 0);
  return 1;
}

/***
Makes each SIGINT raise the error "interrupted!" in the coroutine that called
this, as soon as it runs.
@function arm
@treturn boolean true if the system allowed it
*/
static int interrupt_arm (lua_State *L) {
  lua_pushthread(L);
  lua_setfield(L, LUA_REGISTRYINDEX, ANCHOR);
  state = lua_topointer(L, LUA_REGISTRYINDEX);
  listener = L;
  return set_handler(L, on_signal);
}

/***
Makes SIGINT end the process, which is the default action.
@function disarm
@treturn boolean true if the system allowed it
*/
static int interrupt_disarm (lua_State *L) {
  listener = NULL;
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, ANCHOR);
  return set_handler(L, SIG_DFL);
}

/* The finalizer that lua_close runs: the coroutine is about to be freed. */
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
  lua_newuserdatauv(L, 1, 0);  /* exists for its finalizer */
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, at_close);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, ANCHOR ".close");
  luaL_newlib(L, functions);
  return 1;
}
