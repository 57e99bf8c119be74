/*
** lua_replace.c - the module predibase.replace: writes files atomically
** SPDX-License-Identifier: MIT
*/

/***
Writes a file whole or not at all, which plain Lua cannot: it knows neither
symbolic links nor permissions, and opens no file exclusively.

@module predibase.replace
*/

#include "compat.h"

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

/* As many as the system itself follows. */
#define MOST_LINKS 40

/* What mkstemp puts random letters in place of. */
#define RANDOM ".XXXXXX"

/*
** Follows symbolic links from the path in 'path' to what they lead to, which
** need not exist. Returns 0 or an error's number.
*/
static int follow (char *path) {
  char next[PATH_MAX];
  int i;
  for (i = 0; i < MOST_LINKS; i++) {
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
** Gives a file the owner and the permissions of another one, as far as the
** system lets it: only root can give a file away. Where the group cannot be
** kept, it is another group that must not read what the first one might.
*/
static int resemble (int fd, const struct stat *other) {
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

/* Writes a new file at 'beside', a pattern of mkstemp, and renames it. */
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
    return EINVAL;  /* a device would be gone */
  fd = mkstemp(beside);  /* exclusively, with mode 0600 */
  if (fd < 0)
    return errno;
  if (exists)
    error = resemble(fd, &target);
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

/***
Writes a file. A symbolic link is followed. The text goes into a new file
beside the target, with the target's permissions (for its owner alone where
there was none), which then takes the target's place.
@function write
@tparam string path
@tparam string text
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string what is wrong, with the path
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
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", given, strerror(error));
  return 2;
}

static const luaL_Reg functions[] = {
  {"write", replace_write},
  {NULL, NULL}
};

MODULE_API int luaopen_predibase_replace (lua_State *L);

MODULE_API int luaopen_predibase_replace (lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
