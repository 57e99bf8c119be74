/*
** host_memory.c - a host program that runs out of memory at every place
** SPDX-License-Identifier: MIT
** long: each allocation is refused in one run
** once: the handling of refused allocations is the same on every Lua
** Memory runs out in Lua's allocator, in that of the C core, and in libcurl.
** Each run must end with the right result or a clean error, and must not leak
** memory or descriptors.
*/

/* links: resend.c sockets.c tls_pending.c */
/* links: lua_curl.c lua_exchange.c lua_target.c lua_class.c pool.c */
/* links: h2_gate.c h2_unread.c h2_reset.c sigpipe.c */
/* links: easy_cache.c exchange.c transfer_error.c easy_setup.c wire_log.c target.c head.c timers.c */
/* links: coalesce.c poller.c lua_sse.c lua_token.c token.c sse.c buf.c */
/* host: lua */

#include <curl/curl.h>
#include <dirent.h>

#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"

#include "alloc.h"
#include "canned.h"
#include "tap.h"

#define SCENARIO "spec/c/host_memory.lua"

int luaopen_predibase_curl (lua_State *L);
int luaopen_predibase_sse (lua_State *L);

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

static outcome run (int port) {
  outcome o;
  int files = open_files();
  const char *text;
  lua_State *L;
  lua_armed = 0;
  lua_live = 0;
  L = newstate(lua_test_alloc, NULL);
  if (L == NULL) abort();
  luaL_openlibs(L);
  preload(L, "predibase.curl", luaopen_predibase_curl);
  preload(L, "predibase.sse", luaopen_predibase_sse);
  lua_pushcfunction(L, arm);
  lua_setglobal(L, "arm");
  lua_pushcfunction(L, disarm);
  lua_setglobal(L, "disarm");
  lua_pushinteger(L, port);
  lua_setglobal(L, "port");
  o.status = luaL_loadfile(L, SCENARIO);
  if (o.status == 0) o.status = lua_pcall(L, 0, 1, 0);
  lua_armed = 0;
  text = lua_tostring(L, -1);
  snprintf(o.text, sizeof o.text, "%s", text != NULL ? text : "(no text)");
  lua_close(L);
  o.clean = (lua_live == 0 && alloc_live == 0 && open_files() == files);
  if (!o.clean)
    printf("# left behind: %zu bytes of Lua, %zu of the core, %d files\n",
           lua_live, alloc_live, open_files() - files);
  return o;
}

/* Returns 1 if the run was complete or reported correctly that memory ran
** out. */
static int acceptable (const outcome *o) {
  if (o->status == LUA_ERRMEM) return 1;
  if (o->status != 0) return strstr(o->text, "memory") != NULL;
  return strcmp(o->text, "complete") == 0 || strcmp(o->text, "error") == 0;
}

static int survives (int port, const char *what, long at) {
  outcome o = run(port);
  if (acceptable(&o) && o.clean) return 1;
  printf("# %s, request %ld: status %d, %s\n", what, at, o.status, o.text);
  return 0;
}

/* --- the three allocators ------------------------------------------------- */

static void lua_requests (int port, int on, const char *name) {
  long n, total;
  int good = 1;
  lua_fail_at = 0;
  good = survives(port, name, 0);
  total = lua_calls;
  lua_fail_on = on;
  for (n = 1; n <= total; n++) {
    lua_fail_at = n;
    good &= survives(port, name, n);
  }
  lua_fail_at = 0;
  printf("# %ld requests refused one by one\n", total);
  ok(good && total > 100, name);
}

static void core_requests (int port, int on, const char *name) {
  long n, total;
  int good;
  alloc_start(0, 0);
  good = survives(port, name, 0);
  total = alloc_calls;
  for (n = 1; n <= total; n++) {
    alloc_start(n, on);
    good &= survives(port, name, n);
  }
  alloc_start(0, 0);
  printf("# %ld requests refused one by one\n", total);
  ok(good && total > 10, name);
}

static long curl_calls, curl_fail_at;

static int refuse (void) {
  return curl_fail_at > 0 && ++curl_calls == curl_fail_at;
}

static void *curl_test_malloc (size_t n) {
  return refuse() ? NULL : malloc(n);
}

static void *curl_test_realloc (void *p, size_t n) {
  return refuse() ? NULL : realloc(p, n);
}

static void *curl_test_calloc (size_t k, size_t n) {
  return refuse() ? NULL : calloc(k, n);
}

static char *curl_test_strdup (const char *s) {
  return refuse() ? NULL : strdup(s);
}

/* Forks for each run, because libcurl need not recover from a failure. */
static int curl_child (int port, long at) {
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    int good;
    alarm(60);
    curl_calls = 0;
    curl_fail_at = at;
    good = survives(port, "libcurl", at);
    fflush(stdout);
    _exit(curl_calls < at ? 2 : !good);
  }
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
    printf("# libcurl, request %ld: the process died\n", at);
    return 1;
  }
  return WEXITSTATUS(status);
}

static void curl_requests (int port) {
  long n;
  int good = 1, status = 0;
  for (n = 1; n <= 5000 && status != 2; n++) {
    status = curl_child(port, n);
    good &= (status != 1);
  }
  printf("# %ld requests refused one by one\n", n - 2);
  ok(good && n > 50, "libcurl without memory at each place");
}

/* lua-cjson leaks when memory runs out. While it is loaded, a leak detector can
** name it as the source. */
static void keep_cjson (void) {
  static lua_State *L;
  L = luaL_newstate();
  if (L == NULL) abort();
  luaL_openlibs(L);
  if (luaL_dostring(L, "require 'cjson'") != 0) abort();
}

int main (void) {
  int port = canned_start();
  curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_test_malloc, free,
                       curl_test_realloc, curl_test_strdup, curl_test_calloc);
  setvbuf(stdout, NULL, _IOLBF, 0);
  keep_cjson();
  alloc_start(0, 0);
  ok(survives(port, "plain", 0), "a run with enough memory is complete");
  curl_requests(port);
  core_requests(port, 0, "the core without memory at any one place");
  core_requests(port, 1, "the core without memory from any place on");
  if (!is_luajit()) {
    lua_requests(port, 0, "Lua without memory at any one place");
    lua_requests(port, 1, "Lua without memory from any place on");
  }
  canned_stop();
  return done();
}
