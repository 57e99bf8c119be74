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
/* links: coalesce.c poller.c lua_sse.c lua_token.c answer.c token.c sse.c buf.c */
/* links: text_filter.c splitter.c stop_match.c */
/* host: lua */

#include <curl/curl.h>

#include "canned.h"
#include "memory_runs.h"

int luaopen_predibase_curl (lua_State *L);
int luaopen_predibase_sse (lua_State *L);

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
static int curl_child (long at) {
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    int good;
    alarm(60);
    curl_calls = 0;
    curl_fail_at = at;
    good = survives("libcurl", at);
    fflush(stdout);
    _exit(curl_calls < at ? 2 : !good);
  }
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
    printf("# libcurl, request %ld: the process died\n", at);
    return 1;
  }
  return WEXITSTATUS(status);
}

static void curl_requests (void) {
  long n;
  int good = 1, status = 0;
  for (n = 1; n <= 5000 && status != 2; n++) {
    status = curl_child(n);
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

static int port;

static void prepare (lua_State *L) {
  lua_pushinteger(L, port);
  lua_setglobal(L, "port");
}

static const luaL_Reg modules[] = {
  {"predibase.curl", luaopen_predibase_curl},
  {"predibase.sse", luaopen_predibase_sse},
  {NULL, NULL}
};

static const scenario client = {
  "spec/c/host_memory.lua", modules, prepare, NULL
};

int main (void) {
  port = canned_start();
  tested = &client;
  curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_test_malloc, free,
                       curl_test_realloc, curl_test_strdup, curl_test_calloc);
  setvbuf(stdout, NULL, _IOLBF, 0);
  keep_cjson();
  alloc_start(0, 0);
  ok(survives("plain", 0), "a run with enough memory is complete");
  curl_requests();
  core_requests(0, 10, "the core without memory at any one place");
  core_requests(1, 10, "the core without memory from any place on");
  if (!is_luajit()) {
    lua_requests(0, "Lua without memory at any one place");
    lua_requests(1, "Lua without memory from any place on");
  }
  canned_stop();
  return done();
}
