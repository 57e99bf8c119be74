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
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if !defined(PATH_MAX)
#define PATH_MAX 4096
#endif

/* The number of symbolic links that Linux follows. */
#define MAX_LINKS 40

/* mkstemp replaces the X by random letters. */
#define RANDOM ".XXXXXX"

/*
** Replaces a path by the one that its symbolic links lead to, which need not
** exist. Returns 0 or an error number.
*/
static int follow (char *path) {
  char next[PATH_MAX];
  int i;
  for (i = 0; i < MAX_LINKS; i++) {
    const char *slash = strrchr(path, '/');
    size_t folder = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    ssize_t n = readlink(path, next, sizeof next);
    if (n < 0)
      return errno == EINVAL || errno == ENOENT ? 0 : errno;
    if (next[0] == '/')
      folder = 0;  /* an absolute link */
    if (folder + (size_t)n >= PATH_MAX)
      return ENAMETOOLONG;
    memcpy(path + folder, next, (size_t)n);
    path[folder + (size_t)n] = '\0';
  }
  return ELOOP;
}

static int write_all (int fd, const char *text, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, text, size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno;
    text += n;
    size -= (size_t)n;
  }
  return 0;
}

/*
** Gives a file the owner and the permissions of another one. Only root can
** change the owner, so it is not an error if that is refused. If the group
** cannot be set, the file gets no group permissions: they would apply to
** another group.
*/
static int copy_attributes (int fd, const struct stat *other) {
  struct stat own;
  mode_t mode = other->st_mode & 0777;
  if (fstat(fd, &own) != 0)
    return errno;
  if (own.st_uid != other->st_uid &&
      fchown(fd, other->st_uid, (gid_t)-1) != 0 && errno != EPERM)
    return errno;
  if (own.st_gid != other->st_gid &&
      fchown(fd, (uid_t)-1, other->st_gid) != 0) {
    if (errno != EPERM)
      return errno;
    mode &= 0707;
  }
  return fchmod(fd, mode) == 0 ? 0 : errno;
}

/* Writes a new file at 'beside', a pattern for mkstemp, and renames it to
** 'path'. Returns 0 or an error number. */
static int replace (const char *path, char *beside, const char *text,
                    size_t size) {
  struct stat target;
  int error = 0, fd;
  int exists = stat(path, &target) == 0;
  if (!exists && errno != ENOENT)
    return errno;
  if (exists && S_ISDIR(target.st_mode))
    return EISDIR;
  if (exists && !S_ISREG(target.st_mode))
    return EINVAL;  /* renaming would replace a device */
  fd = mkstemp(beside);  /* exclusive, mode 0600 */
  if (fd < 0)
    return errno;
  if (exists)
    error = copy_attributes(fd, &target);
  if (error == 0)
    error = write_all(fd, text, size);
  if (close(fd) != 0 && error == 0)
    error = errno;
  if (error == 0 && rename(beside, path) != 0)
    error = errno;
  if (error != 0)
    unlink(beside);
  return error;
}

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
  char path[PATH_MAX], beside[PATH_MAX + sizeof RANDOM];
  int error;
  if (strlen(given) != length)
    error = EINVAL;
  else if (length >= sizeof path)
    error = ENAMETOOLONG;
  else {
    memcpy(path, given, length + 1);
    error = follow(path);
    if (error == 0) {
      strcpy(beside, path);
      strcat(beside, RANDOM);
      error = replace(path, beside, text, size);
    }
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
  char path[PATH_MAX];
  int error = ENAMETOOLONG;
  if (strlen(given) != length)
    error = EINVAL;
  else if (length < sizeof path) {
    memcpy(path, given, length + 1);
    error = follow(path);
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
  struct stat other;
  int fd, error = 0;
  if (stat(from, &other) != 0) {
    if (errno != ENOENT)
      return failed(L, from, errno);
  }
  else if ((fd = open(to, O_RDONLY | O_CLOEXEC)) < 0)
    error = errno;
  else {
    error = copy_attributes(fd, &other);
    close(fd);
  }
  if (error != 0)
    return failed(L, to, error);
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
  lua_module_new(L, functions);
  return 1;
}
