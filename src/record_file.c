/*
** record_file.c - a locked file that only grows: POSIX
** SPDX-License-Identifier: MIT
*/

#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif

#include "record_file.h"

#if !defined(_WIN32)

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_same (const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int check_path (int fd, const char *path) {
  struct stat own, other;
  if (fstat(fd, &own) != 0)
    return errno;
  if (stat(path, &other) != 0)
    return errno == ENOENT ? RECORD_FILE_REPLACED : errno;
  return is_same(&own, &other) ? 0 : RECORD_FILE_REPLACED;
}

static int flush (int fd) {
#if defined(F_FULLFSYNC)
  if (fcntl(fd, F_FULLFSYNC) == 0)  /* fsync of macOS keeps the disk's cache */
    return 0;
#endif
  while (fsync(fd) != 0)
    if (errno != EINTR)
      return errno != EINVAL ? errno : 0;  /* EINVAL: nothing can be flushed */
  return 0;
}

/* Flushes the entry of a new file in its folder. Not every file system can do
** this, and a folder may be closed to readers. */
static int flush_folder (const char *path) {
  char folder[FILE_PATH_MAX];
  char *slash;
  int fd, error;
  memcpy(folder, path, strlen(path) + 1);
  slash = strrchr(folder, '/');
  if (slash == NULL)
    return 0;
  slash[slash == folder] = '\0';
  fd = open(folder, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno == EACCES ? 0 : errno;
  error = flush(fd);
  close(fd);
  return error == EIO || error == ENOSPC ? error : 0;
}

/* Opens a regular file, or makes it. Returns 0, RECORD_FILE_IRREGULAR or an
** error number. */
static int open_regular (const char *path, int *fd, int *created) {
  const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  struct stat st;
  int error = 0;
  *created = 0;
  /* Opening a device or a pipe may already have an effect. */
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
    return S_ISDIR(st.st_mode) ? EISDIR : RECORD_FILE_IRREGULAR;
  *fd = open(path, flags);
  if (*fd < 0 && errno == ENOENT) {
    *fd = open(path, flags | O_CREAT, 0666);
    *created = 1;
  }
  if (*fd < 0)
    return errno;
  if (fstat(*fd, &st) != 0
      || fcntl(*fd, F_SETFL, O_APPEND) != 0)  /* without O_NONBLOCK */
    error = errno;
  else if (!S_ISREG(st.st_mode))
    error = RECORD_FILE_IRREGULAR;
  if (error != 0) {
    close(*fd);
    *fd = -1;
  }
  return error;
}

static int lock (int fd) {
  while (flock(fd, LOCK_EX | LOCK_NB) != 0)
    if (errno != EINTR)
      return errno == EWOULDBLOCK || errno == EAGAIN ? RECORD_FILE_LOCKED
                                                     : RECORD_FILE_NO_LOCKS;
  return 0;
}

int record_file_open (record_file *f, const char *path) {
  int fd = -1, created, error;
  error = open_regular(path, &fd, &created);
  if (error != 0)
    return error;
  error = lock(fd);
  if (error == 0 && realpath(path, f->path) == NULL)
    error = errno == ENOENT ? RECORD_FILE_REPLACED : errno;
  if (error == 0)
    error = check_path(fd, f->path);
  if (error == 0 && created)
    error = flush_folder(f->path);
  if (error == 0)
    f->handle = fd;
  else
    close(fd);
  return error;
}

int record_file_close (record_file *f) {
  int fd = (int)f->handle;
  f->handle = -1;
  return close(fd) != 0 && errno != EINTR ? errno : 0;
}

int record_file_check (const record_file *f) {
  return check_path((int)f->handle, f->path);
}

int record_file_flush (const record_file *f) {
  return flush((int)f->handle);
}

int record_file_size (const record_file *f, int64_t *size) {
  struct stat st;
  if (fstat((int)f->handle, &st) != 0)
    return errno;
  *size = st.st_size;
  return 0;
}

int record_file_shorten (const record_file *f, int64_t size) {
  while (ftruncate((int)f->handle, (off_t)size) != 0)
    if (errno != EINTR)
      return errno;
  return 0;
}

int record_file_read (const record_file *f, char *to, size_t n, int64_t at,
                      size_t *got) {
  ssize_t some;
  do
    some = pread((int)f->handle, to, n, (off_t)at);
  while (some < 0 && errno == EINTR);
  *got = some > 0 ? (size_t)some : 0;
  return some < 0 ? errno : 0;
}

int record_file_write (const record_file *f, const char *text, size_t n,
                       size_t *done) {
  *done = 0;
  while (*done < n) {
    ssize_t some = write((int)f->handle, text + *done, n - *done);
    if (some > 0)
      *done += (size_t)some;
    else if (some == 0)
      return ENOSPC;  /* a system that writes nothing and gives no reason */
    else if (errno != EINTR)
      return errno;
  }
  return 0;
}

int record_file_delete (const char *path) {
  return unlink(path) == 0 ? 0 : errno;
}

int record_file_rename (record_file *f, const char *path) {
  char renamed[FILE_PATH_MAX];
  if (rename(f->path, path) != 0 || realpath(path, renamed) == NULL)
    return errno;
  memcpy(f->path, renamed, sizeof renamed);
  return flush_folder(f->path);
}

int record_file_same (const char *a, const char *b) {
  struct stat first, second;
  return stat(a, &first) == 0 && stat(b, &second) == 0 &&
         is_same(&first, &second);
}

#endif
