/*
** line_hits.c - notes which lines of the library a program runs
** SPDX-License-Identifier: MIT
** Loaded with LD_PRELOAD into an interpreter, a host program or nginx. A hook,
** which new coroutines inherit, is called at each line. For each Lua file there
** is a file of hits below LINE_HITS_FOLDER, with one byte for each line. It is
** mapped into memory and shared by all processes, so it is complete however a
** process ends, also when it is killed.
*/

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"

#define MAX_LINE 4095  /* of a file; the lint allows 600 */
#define COMMAND "bin/predibase"
#define MAX_NAME 200  /* bytes of a source that are compared */

typedef struct file {
  struct file *next;
  unsigned char *hits;
  char path[];  /* below the checkout */
} file;

/* The sources that were seen last, by their addresses. Lua may use an address
** again, so the text is compared too. */
#define SLOTS 1024

typedef struct slot {
  const char *address;
  char text[MAX_NAME];
  unsigned char *hits;  /* NULL: not a file of the library */
} slot;

/* Of this thread. */
static __thread slot *slots;
static __thread file *files;

/* Returns the path below the checkout of a file that counts, or NULL. */
static const char *path_of (const char *source) {
  const char *found = NULL, *at = source;
  size_t len = strlen(source);
  if (source[0] != '@' || len >= MAX_NAME) return NULL;
  while ((at = strstr(at, "lua/predibase/")) != NULL) {
    if (at[-1] == '/' || at[-1] == '@') found = at;
    at++;
  }
  if (found == NULL && len > sizeof COMMAND - 1
      && strcmp(source + len - (sizeof COMMAND - 1), COMMAND) == 0)
    found = source + len - (sizeof COMMAND - 1);
  return found;
}

static unsigned char *map (const char *path) {
  char name[sizeof LINE_HITS_FOLDER + MAX_NAME + 1];
  char *at;
  void *hits;
  int fd;
  snprintf(name, sizeof name, "%s/%s", LINE_HITS_FOLDER, path);
  for (at = name + sizeof LINE_HITS_FOLDER; *at != '\0'; at++)
    if (*at == '/') *at = '%';
  fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return NULL;
  hits = (ftruncate(fd, MAX_LINE + 1) == 0)
    ? mmap(NULL, MAX_LINE + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
    : MAP_FAILED;
  close(fd);
  return hits == MAP_FAILED ? NULL : hits;
}

static unsigned char *mapped (const char *path) {
  size_t size = strlen(path) + 1;
  file *f;
  for (f = files; f != NULL; f = f->next)
    if (strcmp(f->path, path) == 0) return f->hits;
  f = malloc(sizeof *f + size);
  if (f == NULL) return NULL;
  memcpy(f->path, path, size);
  f->hits = map(path);
  f->next = files;
  files = f;
  return f->hits;
}

static unsigned char *hits_of (const char *source) {
  const char *path;
  slot *s;
  if (slots == NULL && (slots = calloc(SLOTS, sizeof *slots)) == NULL)
    return NULL;
  s = &slots[((size_t)source >> 4) % SLOTS];
  if (s->address == source &&
      strncmp(s->text, source, MAX_NAME - 1) == 0)
    return s->hits;
  s->address = source;
  strncpy(s->text, source, MAX_NAME - 1);
  path = path_of(source);
  s->hits = (path != NULL) ? mapped(path) : NULL;
  return s->hits;
}

static void on_line (lua_State *L, lua_Debug *ar) {
  unsigned char *hits;
  if (!lua_getinfo(L, "S", ar)) return;
  hits = hits_of(ar->source);
  if (hits != NULL && ar->currentline > 0 && ar->currentline <= MAX_LINE)
    hits[ar->currentline] = 1;
}

/* Stands in for debug.sethook, its upvalue: when a program removes its hook,
** the one of this file is set again. */
static int sethook (lua_State *L) {
  lua_State *of = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 0);
  if (lua_gethook(of) == NULL) lua_sethook(of, on_line, LUA_MASKLINE, 0);
  return 0;
}

/* Only LuaJIT has this function. It runs no hooks in compiled code. */
typedef int (*set_mode) (lua_State *L, int index, int mode);

static set_mode luajit (void) {
  union { void *data; set_mode function; } found;
  found.data = dlsym(RTLD_DEFAULT, "luaJIT_setmode");
  return found.function;
}

/* Starts to note the lines of a state. Called from Lua by its exported name. */
int line_hits_start (lua_State *L);
int line_hits_start (lua_State *L) {
  if (luajit() != NULL) luajit()(L, 0, 0);  /* the whole engine, off */
  lua_getglobal(L, "debug");
  lua_getfield(L, -1, "sethook");
  lua_pushcclosure(L, sethook, 1);
  lua_setfield(L, -2, "sethook");
  lua_pop(L, 1);
  lua_sethook(L, on_line, LUA_MASKLINE, 0);
  return 0;
}

/* The way into programs that take Lua from a shared library: nginx, and the
** host programs of the tests. A program may contain another Lua than the one
** that this file was compiled for, which is left alone. */
LUALIB_API void luaL_openlibs (lua_State *L) {
  union { void *data; void (*function) (lua_State *L); } real;
  real.data = dlsym(RTLD_NEXT, "luaL_openlibs");
  real.function(L);
  if ((luajit() != NULL) == LINE_HITS_LUAJIT) line_hits_start(L);
}

/* The way into an interpreter, which contains Lua itself. */
__attribute__((constructor)) static void init (void) {
  setenv(LINE_HITS_INIT, "package.loadlib('" LINE_HITS_LIBRARY
         "', 'line_hits_start')()", 1);
}
