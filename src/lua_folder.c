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

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/types.h>

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
  DIR **slot = (DIR **)lua_touserdata(L, 1);
  if (*slot != NULL) {
    closedir(*slot);
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
  struct dirent *entry;
  int count = 0, error;
  DIR **slot;
  if (path == NULL)
    return failed(L, lua_tostring(L, 1), EINVAL);
  lua_settop(L, 2);
  lua_newtable(L);
  slot = (DIR **)lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = NULL;
  luaL_setmetatable(L, READING);
  *slot = opendir(path);
  if (*slot == NULL)
    return failed(L, path, errno);
  while ((void)(errno = 0), (entry = readdir(*slot)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
        strncmp(entry->d_name, prefix, length) != 0)
      continue;
    lua_pushstring(L, entry->d_name);
    lua_rawseti(L, 3, ++count);
  }
  error = errno;
  closedir(*slot);
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
  luaL_newmetatable(L, READING);
  lua_pushcfunction(L, close_reading);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_module_new(L, functions);
  return 1;
}
