/*
** host_lifetime.c - a host program with many Lua states
** SPDX-License-Identifier: MIT
** States that run one after the other, and several at once in threads, each
** with its own client; states closed in the middle of a stream; forked
** processes that inherit open connections. The modules are loaded with require,
** and stay loaded.
*/

/* host: lua */

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>

#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"

#include "canned.h"
#include "tap.h"

#define STATES 20   /* one after the other */
#define THREADS 4
#define PER_THREAD 5

static int port;

static int open_files (void) {
  DIR *d = opendir("/proc/self/fd");
  int n = 0;
  if (d == NULL) return 0;
  while (readdir(d) != NULL) n++;
  closedir(d);
  return n;
}

/* --- Lua programs --------------------------------------------------------- */

/* Makes the globals client, hanging (a client of a server that never ends its
** streams) and text. */
static const char preamble[] =
  "local predibase = require 'predibase'\n"
  "local function new (path)\n"
  "  return assert(predibase.new { api_token = false, max_retries = 0,\n"
  "    base_url = 'http://127.0.0.1:' .. port .. path })\n"
  "end\n"
  "client, hanging = new '', new '/hang'\n"
  "text = 'one two three'\n"
  "function read (c)\n"
  "  local stream = c:generate_stream 'x'\n"
  "  assert(stream:next().text == 'one')\n"
  "  return stream\n"
  "end\n";

static const char whole[] =
  "assert(tostring(assert(client:generate 'x')) == text)\n"
  "assert(client:generate_stream('x'):text() == text)\n";

/* Makes streams in every state, some of which only the collector can free. */
static const char half[] =
  "kept = {}\n"
  "for i = 1, 5 do\n"
  "  kept[i] = read(hanging)\n"
  "  read(hanging)\n"
  "  local fresh = hanging:generate_stream 'x'\n"
  "  kept[-i] = fresh\n"
  "  fresh:poll()\n"
  "end\n"
  "read(client)\n";

static lua_State *new_state (void) {
  lua_State *L = luaL_newstate();
  if (L == NULL) abort();
  luaL_openlibs(L);
  lua_pushinteger(L, port);
  lua_setglobal(L, "port");
  return L;
}

/* Runs Lua code. Returns 1, or 0 after printing the error. */
static int runs (lua_State *L, const char *program) {
  if (luaL_loadstring(L, program) == 0 && lua_pcall(L, 0, 0, 0) == 0) return 1;
  printf("# %s\n", lua_tostring(L, -1));
  lua_pop(L, 1);
  return 0;
}

/* Runs one state and closes it in the middle of its streams. */
static int one_life (void) {
  lua_State *L = new_state();
  int good = runs(L, preamble) && runs(L, whole) && runs(L, half);
  lua_close(L);
  return good;
}

/* --- the modules in the memory of the process ----------------------------- */

static int mapped (const char *name) {
  char line[4096];
  int found = 0;
  FILE *f = fopen("/proc/self/maps", "r");
  if (f == NULL) return 1;
  while (fgets(line, sizeof line, f) != NULL)
    found |= (strstr(line, name) != NULL);
  fclose(f);
  return found;
}

/* --- threads -------------------------------------------------------------- */

static void *lives (void *result) {
  int i, *good = result;
  *good = 1;
  for (i = 0; i < PER_THREAD; i++) *good &= one_life();
  return NULL;
}

static int in_threads (void) {
  pthread_t thread[THREADS];
  int i, result[THREADS], good = 1;
  for (i = 0; i < THREADS; i++)
    if (pthread_create(&thread[i], NULL, lives, &result[i]) != 0) abort();
  for (i = 0; i < THREADS; i++) {
    pthread_join(thread[i], NULL);
    good &= result[i];
  }
  return good;
}

/* --- fork ----------------------------------------------------------------- */

/* In a child, everything inherited must raise an error, except close. */
static const char in_child[] =
  "local function refused (f, ...)\n"
  "  local ok, err = pcall(f, ...)\n"
  "  assert(not ok, 'this should not work after fork')\n"
  "  err = tostring(err)\n"
  "  assert(err:find('made before fork()', 1, true), err)\n"
  "end\n"
  "refused(client.generate, client, 'x')\n"
  "local again = client:generate_stream 'x'\n"
  "refused(again.next, again)\n"
  "refused(stream.next, stream)\n"
  "refused(stream.poll, stream)\n"
  "local pool = client.transport.pool\n"
  "for _, name in ipairs { 'open', 'step', 'fd', 'timeout', 'size' } do\n"
  "  refused(pool[name], pool, {}, {})\n"
  "end\n"
  "stream:close()\n"
  "client:close()\n"
  "forgotten = nil\n"
  "collectgarbage()\n"
  "collectgarbage()\n";

/* A client made before the fork and first used after it must work. */
static const char own_client[] =
  "assert(tostring(assert(cold:generate 'x')) == text)\n"
  "cold:close()\n";

static int child_of (lua_State *L, const char *program, const char *more) {
  int status;
  pid_t pid;
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    int good;
    alarm(60);
    good = runs(L, program) && (more == NULL || runs(L, more));
    lua_close(L);
    fflush(stdout);
    _exit(!good);
  }
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

static void forks (void) {
  lua_State *L = new_state();
  int good = runs(L, preamble) && runs(L, whole) &&
             runs(L, "cold = client\n") && runs(L, preamble) &&
             runs(L, "cold, client = client, cold\n"
                     "stream, forgotten = read(hanging), read(client)\n");
  ok(good && child_of(L, in_child, NULL),
     "a forked child gets the error that the client is its parent's");
  ok(good && child_of(L, in_child, own_client),
     "a forked child may use a client that was not used before the fork");
  ok(good && child_of(L, "", NULL),
     "a forked child may close its state without closing connections");
  good = runs(L, "assert(select(2, stream:poll()) == 'pending')\n"
                 "assert(forgotten:text() == text)\n") && runs(L, whole);
  ok(good, "the parent goes on with its streams and its connections");
  ok(runs(L, "assert(cold.transport.pool == nil)\n") &&
     runs(L, "stream:close() client:close()\n"),
     "the parent's other client was not used by the child's use of it");
  lua_close(L);
}

int main (void) {
  int i, files, good = 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  port = canned_start();
  files = open_files();
  for (i = 0; i < STATES; i++) good &= one_life();
  ok(good, "Lua states one after the other, each closed in mid-stream");
  ok(open_files() == files, "they leave no descriptor behind");
  ok(mapped("predibase/curl.so"),
     "the module stays in memory after the last state is closed");
  ok(mapped("libcurl"), "so does libcurl");
  ok(in_threads(), "Lua states in several threads at once");
  ok(open_files() == files, "threads leave no descriptor behind");
  forks();
  ok(open_files() == files, "forks leave no descriptor behind");
  canned_stop();
  return done();
}
