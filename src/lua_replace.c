/*
** lua_replace.c - the module predibase.replace: writes files atomically
** SPDX-License-Identifier: MIT
*/

/***
Writes a file completely or not at all. Lua itself cannot do this: it has no
functions for symbolic links, permissions and exclusive creation.

@module predibase.replace
*/

#include "lua_module.h"

#include <errno.h>
#include <string.h>

#include "whole_file.h"

/* Returns nil, "path: reason" to Lua. */
static int failed (lua_State *L, const char *path, int error) {
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", path, strerror(error));
  return 2;
}

/***
Writes a file; follows symbolic links. The text goes into a new file in the same
directory, which then replaces the target. It gets the target's permissions, or
those for its owner only if there was no target.
@function write
@tparam string path
@tparam string text
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string path and reason
*/
static int replace_write (lua_State *L) {
  size_t length, size;
  const char *given = luaL_checklstring(L, 1, &length);
  const char *text = luaL_checklstring(L, 2, &size);
  char path[FILE_PATH_MAX];
  int error;
  if (strlen(given) != length)
    error = EINVAL;
  else if (length >= sizeof path)
    error = ENAMETOOLONG;
  else {
    memcpy(path, given, length + 1);
    error = whole_file_follow(path);
    if (error == 0)
      error = whole_file_write(path, text, size);
  }
  if (error == 0) {
    lua_pushboolean(L, 1);
    return 1;
  }
  return failed(L, given, error);
}

/***
Returns the path to which the symbolic links of a path lead.
@function follow
@tparam string path
@treturn[1] string a file of this name need not exist
@treturn[2] nil
@treturn[2] string path and reason
*/
static int replace_follow (lua_State *L) {
  size_t length;
  const char *given = luaL_checklstring(L, 1, &length);
  char path[FILE_PATH_MAX];
  int error = ENAMETOOLONG;
  if (strlen(given) != length)
    error = EINVAL;
  else if (length < sizeof path) {
    memcpy(path, given, length + 1);
    error = whole_file_follow(path);
  }
  if (error != 0)
    return failed(L, given, error);
  lua_pushstring(L, path);
  return 1;
}

/***
Gives a file the owner and the permissions of another one, whose place it will
take. As far as the owner cannot be given, the permissions are fewer.
@function copy_attributes
@tparam string from path of the other file; nothing is done if it does not exist
@tparam string to path of the file
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string path and reason
*/
static int replace_copy_attributes (lua_State *L) {
  const char *from = luaL_checkstring(L, 1), *to = luaL_checkstring(L, 2);
  const char *which;
  int error = whole_file_copy_attributes(from, to, &which);
  if (error != 0)
    return failed(L, which, error);
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg functions[] = {
  {"write", replace_write},
  {"follow", replace_follow},
  {"copy_attributes", replace_copy_attributes},
  {NULL, NULL}
};

MODULE_API int luaopen_predibase_replace (lua_State *L);

MODULE_API int luaopen_predibase_replace (lua_State *L) {
  luaL_checkversion(L);
  lua_module_new(L, functions);
  return 1;
}
