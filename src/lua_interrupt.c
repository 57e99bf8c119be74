/*
** lua_interrupt.c - the module predibase.interrupt: Ctrl-C as an error or flag
** SPDX-License-Identifier: MIT
*/

/***
Ctrl-C as a Lua error, or as a flag, for programs that continue after it.

The `lua` program turns the first SIGINT into an error and then restores the
default action, so a second one ends the process. A chat in a terminal needs
the error for each answer (`arm`). A run over a file finishes the requests that
are in flight before it ends, so the first signal is only noted (`watch`). A
process has one handler per signal: this one replaces any other for SIGINT, and
`watch` also for SIGTERM.

@module predibase.interrupt
*/

#include "lua_module.h"

#include <signal.h>
#include <stddef.h>

#include "signals.h"

/* The coroutine that called arm or watch last, in which the error is raised;
** NULL: none. */
static lua_State *volatile listener = NULL;

/* The registry of its Lua state, by which at_close recognises that state. */
static const void *state = NULL;

/* watch was called: the first signal is only noted in 'caught', 0 before. */
static volatile sig_atomic_t watching = 0;
static volatile sig_atomic_t caught = 0;

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
  if (watching && !caught) {
    caught = number;
    return;
  }
  if (watching)  /* a third signal ends the process, whatever Lua does */
    signals_reset(number);
  if (L != NULL)
    lua_sethook(L, stop, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

static void listen (lua_State *L) {
  lua_pushthread(L);
  lua_setfield(L, LUA_REGISTRYINDEX, ANCHOR);
  state = lua_topointer(L, LUA_REGISTRYINDEX);
  listener = L;
}

/* Restores the default action of SIGTERM, and ends what watch began. */
static int end_watch (void) {
  int ok = !watching || signals_set(SIGTERM, NULL);
  watching = 0;
  caught = 0;
  return ok;
}

/***
Makes each SIGINT raise the error "interrupted!" in the coroutine that called
this, as soon as it runs.
@function arm
@treturn boolean true if the system allowed it
*/
static int interrupt_arm (lua_State *L) {
  int ok = end_watch();
  listen(L);
  lua_pushboolean(L, ok && signals_set(SIGINT, on_signal));
  return 1;
}

/***
Makes the first SIGINT or SIGTERM only set a flag, which `caught` returns. A
system call that waits ends at the signal. The second signal raises the error
"interrupted!" in the coroutine that called this, as soon as it runs; a third
one ends the process.
@function watch
@treturn boolean true if the system allowed it
*/
static int interrupt_watch (lua_State *L) {
  end_watch();
  listen(L);
  watching = 1;
  lua_pushboolean(L, signals_set(SIGINT, on_signal) &&
                     signals_set(SIGTERM, on_signal));
  return 1;
}

/***
Returns the signal that came first since `watch`.
@function caught
@treturn ?integer its number, 2 for SIGINT and 15 for SIGTERM; nil when none
came
*/
static int interrupt_caught (lua_State *L) {
  if (caught)
    lua_pushinteger(L, caught);
  else
    lua_pushnil(L);
  return 1;
}

/***
Makes SIGINT, and after `watch` also SIGTERM, end the process, which is the
default action.
@function disarm
@treturn boolean true if the system allowed it
*/
static int interrupt_disarm (lua_State *L) {
  int ok = end_watch();
  listener = NULL;
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, ANCHOR);
  lua_pushboolean(L, signals_set(SIGINT, NULL) && ok);
  return 1;
}

/* The finalizer that lua_close runs: the coroutine is about to be freed. */
static int at_close (lua_State *L) {
  if (listener != NULL && state == lua_topointer(L, LUA_REGISTRYINDEX))
    interrupt_disarm(L);
  return 0;
}

static const luaL_Reg functions[] = {
  {"arm", interrupt_arm},
  {"watch", interrupt_watch},
  {"caught", interrupt_caught},
  {"disarm", interrupt_disarm},
  {NULL, NULL}
};

MODULE_API int luaopen_predibase_interrupt (lua_State *L);

MODULE_API int luaopen_predibase_interrupt (lua_State *L) {
  luaL_checkversion(L);
  lua_newuserdatauv(L, 1, 0);  /* exists for its finalizer */
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, at_close);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, ANCHOR ".close");
  lua_module_new(L, functions);
  return 1;
}
