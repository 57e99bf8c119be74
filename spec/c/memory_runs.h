/*
** memory_runs.h - runs a scenario of Lua while memory runs out at every place
** SPDX-License-Identifier: MIT
** Memory runs out in Lua's allocator and in that of the C core. Each run must
** end with the right result or a clean error, and must not leak memory or
** descriptors. A scenario calls arm() where the refusals may begin and disarm()
** where they end, and returns "complete", or "error" if it got an error object.
*/

#ifndef PREDIBASE_MEMORY_RUNS_H
#define PREDIBASE_MEMORY_RUNS_H

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"

#include "alloc.h"
#include "tap.h"

/* What a run consists of. */
typedef struct scenario {
  const char *file;
  const luaL_Reg *modules;  /* without a search, as they are linked */
  void (*prepare) (lua_State *L);  /* sets globals */
  int (*is_clean) (void);  /* more checks after a run; may be NULL */
} scenario;

static const scenario *tested;

/* --- Lua's allocator: counts, and fails from or at the N-th request ------- */

static size_t lua_live;
static long lua_calls, lua_fail_at;
static int lua_fail_on, lua_armed;

static void *lua_test_alloc (void *ud, void *p, size_t old, size_t n) {
  void *block;
  (void)ud;
  if (p == NULL) old = 0;
  if (n == 0) {
    free(p);
    lua_live -= old;
    return NULL;
  }
  if (lua_armed && n > old) {  /* Lua requires that shrinking succeeds */
    lua_calls++;
    if (lua_fail_at > 0 && (lua_calls == lua_fail_at ||
                            (lua_fail_on && lua_calls > lua_fail_at)))
      return NULL;
  }
  block = realloc(p, n);
  if (block == NULL) abort();
  lua_live += n - old;
  return block;
}

/* Starts counting requests, after the modules are loaded. */
static int arm (lua_State *L) {
  (void)L;
  lua_armed = 1;
  lua_calls = 0;
  alloc_calls = 0;
  return 0;
}

static int disarm (lua_State *L) {
  (void)L;
  lua_armed = 0;
  return 0;
}

/* --- one run -------------------------------------------------------------- */

typedef struct outcome {
  int status;         /* of lua_pcall */
  int clean;          /* no leak */
  char text[256];     /* the error, or the result of the scenario */
} outcome;

static int open_files (void) {
  DIR *d = opendir("/proc/self/fd");
  int n = 0;
  if (d == NULL) return 0;
  while (readdir(d) != NULL) n++;
  closedir(d);
  return n;
}

static void preload (lua_State *L, const char *name, lua_CFunction f) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, f);
  lua_setfield(L, -2, name);
  lua_pop(L, 2);
}

/*
** LuaJIT does not survive the refusal of some of its requests: it leaks memory
** and its unwinder reads invalid addresses, also without this library. So
** Lua's allocator refuses nothing there; Lua 5.1 tests the same C code.
*/
static int is_luajit (void) {
  lua_State *L = luaL_newstate();
  int found;
  if (L == NULL) abort();
  luaL_openlibs(L);
  lua_getglobal(L, "jit");
  found = !lua_isnil(L, -1);
  lua_close(L);
  return found;
}

/* From Lua 5.5 on a state gets a seed for its hashes: here always the same. */
static lua_State *newstate (lua_Alloc allocate, void *argument) {
#if LUA_VERSION_NUM >= 505
  return lua_newstate(allocate, argument, 1);
#else
  return lua_newstate(allocate, argument);
#endif
}

static outcome run (void) {
  outcome o;
  int files = open_files();
  const char *text;
  const luaL_Reg *m;
  lua_State *L;
  lua_armed = 0;
  lua_live = 0;
  L = newstate(lua_test_alloc, NULL);
  if (L == NULL) abort();
  luaL_openlibs(L);
  for (m = tested->modules; m->name != NULL; m++)
    preload(L, m->name, m->func);
  lua_pushcfunction(L, arm);
  lua_setglobal(L, "arm");
  lua_pushcfunction(L, disarm);
  lua_setglobal(L, "disarm");
  tested->prepare(L);
  o.status = luaL_loadfile(L, tested->file);
  if (o.status == 0) o.status = lua_pcall(L, 0, 1, 0);
  lua_armed = 0;
  text = lua_tostring(L, -1);
  snprintf(o.text, sizeof o.text, "%s", text != NULL ? text : "(no text)");
  lua_close(L);
  o.clean = (lua_live == 0 && alloc_live == 0 && open_files() == files &&
             (tested->is_clean == NULL || tested->is_clean()));
  if (!o.clean)
    printf("# left behind: %zu bytes of Lua, %zu of the core, %d files\n",
           lua_live, alloc_live, open_files() - files);
  return o;
}

/* Returns 1 if the run was complete or reported correctly that memory ran
** out. The words are those of Lua, the C core and the C library. */
static int acceptable (const outcome *o) {
  if (o->status == LUA_ERRMEM) return 1;
  if (o->status != 0)
    return strstr(o->text, "not enough memory") != NULL ||
           strstr(o->text, "Cannot allocate memory") != NULL;
  return strcmp(o->text, "complete") == 0 || strcmp(o->text, "error") == 0;
}

static int survives (const char *what, long at) {
  outcome o = run();
  if (acceptable(&o) && o.clean) return 1;
  printf("# %s, request %ld: status %d, %s\n", what, at, o.status, o.text);
  return 0;
}

/* --- the two allocators --------------------------------------------------- */

static void lua_requests (int on, const char *name) {
  long n, total;
  int good = 1;
  lua_fail_at = 0;
  good = survives(name, 0);
  total = lua_calls;
  lua_fail_on = on;
  for (n = 1; n <= total; n++) {
    lua_fail_at = n;
    good &= survives(name, n);
  }
  lua_fail_at = 0;
  printf("# %ld requests refused one by one\n", total);
  ok(good && total > 100, name);
}

/* 'least': how many requests there must be. */
static void core_requests (int on, long least, const char *name) {
  long n, total;
  int good;
  alloc_start(0, 0);
  good = survives(name, 0);
  total = alloc_calls;
  for (n = 1; n <= total; n++) {
    alloc_start(n, on);
    good &= survives(name, n);
  }
  alloc_start(0, 0);
  printf("# %ld requests refused one by one\n", total);
  ok(good && total > least, name);
}

#endif
