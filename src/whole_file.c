/*
** whole_file.c - writes files completely or not at all: POSIX
** SPDX-License-Identifier: MIT
*/

#include "whole_file.h"

#if !defined(_WIN32)

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The number of symbolic links that Linux follows. */
#define MAX_LINKS 40

/* mkstemp replaces the X by random letters. */
#define RANDOM ".XXXXXX"

int whole_file_follow (char path[FILE_PATH_MAX]) {
  char next[FILE_PATH_MAX];
  int i;
  for (i = 0; i < MAX_LINKS; i++) {
    const char *slash = strrchr(path, '/');
    size_t folder = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    ssize_t n = readlink(path, next, sizeof next);
    if (n < 0)
      return errno == EINVAL || errno == ENOENT ? 0 : errno;
    if (next[0] == '/')
      folder = 0;  /* an absolute link */
    if (folder + (size_t)n >= FILE_PATH_MAX)
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

int whole_file_write (const char *path, const char *text, size_t size) {
  char beside[FILE_PATH_MAX + sizeof RANDOM];
  size_t length = strlen(path);
  struct stat target;
  int error = 0, fd;
  int exists = stat(path, &target) == 0;
  if (!exists && errno != ENOENT)
    return errno;
  if (exists && S_ISDIR(target.st_mode))
    return EISDIR;
  if (exists && !S_ISREG(target.st_mode))
    return EINVAL;  /* renaming would replace a device */
  memcpy(beside, path, length);
  memcpy(beside + length, RANDOM, sizeof RANDOM);
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

int whole_file_copy_attributes (const char *from, const char *to,
                                const char **failed) {
  struct stat other;
  int fd, error;
  *failed = from;
  if (stat(from, &other) != 0)
    return errno != ENOENT ? errno : 0;
  *failed = to;
  fd = open(to, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  error = copy_attributes(fd, &other);
  close(fd);
  return error;
}

#endif
