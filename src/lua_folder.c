/*
** lua_folder.c - the module predibase.folder: the names in a folder
** SPDX-License-Identifier: MIT
*/

/***
Finds files by the beginning of their names. Lua itself has no function to read
a folder.

@module predibase.folder
*/

#include "lua_module.h"

#include <errno.h>
#include <string.h>

#include "folder_reader.h"

static int failed (lua_State *L, const char *path, int error) {
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", path, strerror(error));
  return 2;
}

/* Returns the argument as a C string, or NULL if it contains a zero byte. */
static const char *checkpath (lua_State *L, int arg) {
  size_t size;
  const char *path = luaL_checklstring(L, arg, &size);
  return strlen(path) == size ? path : NULL;
}

/* The folder while it is read; closed by __gc if Lua runs out of memory. */
#define READING "predibase.folder.reading"

static int close_reading (lua_State *L) {
  folder_reader **slot = (folder_reader **)lua_touserdata(L, 1);
  if (*slot != NULL) {
    folder_reader_close(*slot);
    *slot = NULL;
  }
  return 0;
}

/***
Returns the names in a folder that begin with a text, in no particular order.
The entries `.` and `..` are left out.
@function names
@tparam string path
@tparam string prefix
@treturn[1] table array of strings
@treturn[2] nil
@treturn[2] string path and reason
*/
static int folder_names (lua_State *L) {
  const char *path = checkpath(L, 1);
  size_t length;
  const char *prefix = luaL_checklstring(L, 2, &length);
  const char *name;
  int count = 0, error;
  folder_reader **slot;
  if (path == NULL)
    return failed(L, lua_tostring(L, 1), EINVAL);
  lua_settop(L, 2);
  lua_newtable(L);
  slot = (folder_reader **)lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = NULL;
  luaL_setmetatable(L, READING);
  *slot = folder_reader_open(path, &error);
  if (*slot == NULL)
    return failed(L, path, error);
  while ((name = folder_reader_next(*slot, &error)) != NULL) {
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        strncmp(name, prefix, length) != 0)
      continue;
    lua_pushstring(L, name);
    lua_rawseti(L, 3, ++count);
  }
  folder_reader_close(*slot);
  *slot = NULL;
  if (error != 0)
    return failed(L, path, error);
  lua_settop(L, 3);
  return 1;
}

static const luaL_Reg functions[] = {
  {"names", folder_names},
  {NULL, NULL}
};

MODULE_API int luaopen_predibase_folder (lua_State *L);

MODULE_API int luaopen_predibase_folder (lua_State *L) {
  luaL_checkversion(L);
  luaL_newmetatable(L, READING);
  lua_pushcfunction(L, close_reading);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_module_new(L, functions);
  return 1;
}
