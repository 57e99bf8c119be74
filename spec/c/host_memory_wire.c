/*
** host_memory_wire.c - records, views and parsers without memory at every place
** SPDX-License-Identifier: MIT
** long: each allocation is refused in one run
** once: the handling of refused allocations is the same on every Lua
** What host_memory.c does not use: the records of what is sent and received,
** several sites, and the parser alone, as inside nginx, with a filter.
*/

/* links: resend.c sockets.c tls_pending.c */
/* links: lua_curl.c lua_exchange.c lua_target.c lua_class.c pool.c */
/* links: h2_gate.c h2_unread.c h2_reset.c sigpipe.c */
/* links: easy_cache.c exchange.c transfer_error.c easy_setup.c wire_log.c target.c head.c timers.c */
/* links: coalesce.c poller.c lua_sse.c lua_token.c answer.c token.c sse.c buf.c */
/* links: lua_text_filter.c text_filter.c splitter.c stop_match.c */
/* host: lua */

#include "canned.h"
#include "memory_runs.h"

int luaopen_predibase_curl (lua_State *L);
int luaopen_predibase_sse (lua_State *L);
int luaopen_predibase_text_filter (lua_State *L);

static int port;

static void prepare (lua_State *L) {
  lua_pushinteger(L, port);
  lua_setglobal(L, "port");
}

static const luaL_Reg modules[] = {
  {"predibase.curl", luaopen_predibase_curl},
  {"predibase.sse", luaopen_predibase_sse},
  {"predibase.text_filter", luaopen_predibase_text_filter},
  {NULL, NULL}
};

static const scenario records = {
  "spec/c/host_memory_wire.lua", modules, prepare, NULL
};

int main (void) {
  outcome o;
  port = canned_start();
  tested = &records;
  setvbuf(stdout, NULL, _IOLBF, 0);
  alloc_start(0, 0);
  o = run();
  ok(o.status == 0 && o.clean && strcmp(o.text, "complete") == 0,
     "a run with enough memory is complete");
  if (o.status != 0) printf("# %s\n", o.text);
  core_requests(0, 10, "the core without memory at any one place");
  core_requests(1, 10, "the core without memory from any place on");
  if (!is_luajit())
    lua_requests(0, "Lua without memory at any one place");
  canned_stop();
  return done();
}
