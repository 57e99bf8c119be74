/*
** host_memory_files.c - the modules for files and JSON without memory
** SPDX-License-Identifier: MIT
** once: the handling of refused allocations is the same on every Lua
** Memory runs out in Lua's allocator, in that of the C core, and in the
** function of the C library that opens a folder, the only one here that
** allocates.
*/

/* links: lua_append.c record_file.c lua_done.c done_set.c lua_folder.c folder_reader.c */
/* links: lua_replace.c whole_file.c lua_descriptor.c standard_io.c lua_interrupt.c signals.c */
/* links: lua_json_text.c lua_class.c buf.c */
/* host: lua */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "memory_runs.h"

int luaopen_predibase_append (lua_State *L);
int luaopen_predibase_descriptor (lua_State *L);
int luaopen_predibase_done (lua_State *L);
int luaopen_predibase_folder (lua_State *L);
int luaopen_predibase_interrupt (lua_State *L);
int luaopen_predibase_json_text (lua_State *L);
int luaopen_predibase_replace (lua_State *L);

/* In memory, where the system has such a place, because the scenario flushes
** files to the disk thousands of times. */
static char folder[] = "/dev/shm/predibase-memory-XXXXXX";
#define ELSEWHERE "/tmp/predibase-memory-XXXXXX"

static int ends[2];  /* of a pipe */

/* --- the C library -------------------------------------------------------- */

static int folder_refused;

/* Takes the place of the function of the C library. */
DIR *opendir (const char *path) {
  int fd;
  if (folder_refused && strcmp(path, folder) == 0) {
    errno = ENOMEM;
    return NULL;
  }
  fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd >= 0 ? fdopendir(fd) : NULL;
}

/* --- the scenario --------------------------------------------------------- */

/* Ctrl-C. */
static int interrupt (lua_State *L) {
  (void)L;
  raise(SIGINT);
  return 0;
}

static void prepare (lua_State *L) {
  lua_pushstring(L, folder);
  lua_setglobal(L, "folder");
  lua_pushinteger(L, ends[0]);
  lua_setglobal(L, "from");
  lua_pushinteger(L, ends[1]);
  lua_setglobal(L, "to");
  lua_pushcfunction(L, interrupt);
  lua_setglobal(L, "interrupt");
}

/* After a run, Ctrl-C ends the process again, and the pipe is empty. */
static int is_clean (void) {
  struct sigaction on_int, on_term;
  char byte;
  while (read(ends[0], &byte, 1) > 0) {}
  sigaction(SIGINT, NULL, &on_int);
  sigaction(SIGTERM, NULL, &on_term);
  return on_int.sa_handler == SIG_DFL && on_term.sa_handler == SIG_DFL;
}

static const luaL_Reg modules[] = {
  {"predibase.append", luaopen_predibase_append},
  {"predibase.descriptor", luaopen_predibase_descriptor},
  {"predibase.done", luaopen_predibase_done},
  {"predibase.folder", luaopen_predibase_folder},
  {"predibase.interrupt", luaopen_predibase_interrupt},
  {"predibase.json_text", luaopen_predibase_json_text},
  {"predibase.replace", luaopen_predibase_replace},
  {NULL, NULL}
};

static const scenario files = {
  "spec/c/host_memory_files.lua", modules, prepare, is_clean
};

static void remove_folder (void) {
  static const char *const names[] = {"rows", "renamed", "other", "whole"};
  char path[sizeof folder + 10];
  size_t i;
  for (i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  ok(rmdir(folder) == 0, "no other file is left in the folder");
}

int main (void) {
  outcome o;
  if (mkdtemp(folder) == NULL) {
    memcpy(folder, ELSEWHERE, sizeof ELSEWHERE);
    if (mkdtemp(folder) == NULL) abort();
  }
  if (pipe(ends) != 0) abort();
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  tested = &files;
  alloc_start(0, 0);
  o = run();
  ok(o.status == 0 && o.clean && strcmp(o.text, "complete") == 0,
     "a run with enough memory is complete");
  if (o.status != 0) printf("# %s\n", o.text);
  folder_refused = 1;
  o = run();
  ok(o.status == 0 && o.clean && strcmp(o.text, "error") == 0,
     "a folder that cannot be opened for lack of memory is an error");
  folder_refused = 0;
  core_requests(0, 5, "the core without memory at any one place");
  core_requests(1, 5, "the core without memory from any place on");
  if (!is_luajit()) {
    lua_requests(0, "Lua without memory at any one place");
    lua_requests(1, "Lua without memory from any place on");
  }
  remove_folder();
  close(ends[0]);
  close(ends[1]);
  return done();
}
