/*
** lua_append.c - the module predibase.append: a file that only grows by records
** SPDX-License-Identifier: MIT
** Longer than 600 lines: the methods of one object, with the same failures.
*/

/***
Appends records to a file so that it holds whole records only. Lua itself cannot
do this: it has no functions to lock, shorten and flush a file to the disk.

@module predibase.append
*/

#if !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif

#include "lua_module.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lua_class.h"

#if !defined(PATH_MAX)
#define PATH_MAX 4096
#endif

#define FILE_T "predibase.append"

/* The most bytes that one read returns; they are on the C stack. */
#define READ_SIZE 32768

/* Attempts to open a file that other processes replace again and again. */
#define MAX_ATTEMPTS 10

/* Failures besides those with an error number, which is positive. */
#define REPLACED (-1)  /* the path leads to another file now */
#define MIXED (-2)  /* another process has written to the file */
#define IRREGULAR (-3)  /* a device or a pipe */
#define LOCKED (-4)  /* by another run */
#define NO_LOCKS (-5)  /* the file system has none */

typedef struct output {
  int fd;  /* -1 = closed */
  off_t size;  /* the end of the last whole record */
  off_t torn;  /* bytes behind it that could not be removed */
  char path[PATH_MAX];  /* absolute, without symbolic links */
} output;

/* --- helpers -------------------------------------------------------------- */

static output *check (lua_State *L) {
  return lua_class_check(L, FILE_T);
}

static output *check_open (lua_State *L) {
  output *o = check(L);
  if (o->fd < 0)
    luaL_error(L, "attempt to use a closed file");
  return o;
}

static const char *describe (int error) {
  if (error == REPLACED)
    return "has been deleted or replaced by another file";
  if (error == MIXED)
    return "another program has written to this file";
  if (error == IRREGULAR)
    return "is not a regular file";
  if (error == LOCKED)
    return "another run writes to this file";
  if (error == NO_LOCKS)
    return "this file system has no locks (NFS without a lock service, or "
      "Lustre without flock), so that a second run would not be noticed";
  return strerror(error);
}

/* Returns the path at an argument, or NULL if it contains a zero byte. */
static const char *check_path_argument (lua_State *L, int arg) {
  size_t length;
  const char *path = luaL_checklstring(L, arg, &length);
  return strlen(path) == length ? path : NULL;
}

/* Returns nil, "path: reason" to Lua. */
static int failed (lua_State *L, const char *path, int error) {
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", path, describe(error));
  return 2;
}

static int succeeded (lua_State *L) {
  lua_pushboolean(L, 1);
  return 1;
}

/* Returns the outcome of a call to Lua; 'error' is 0 after a success. */
static int outcome (lua_State *L, const char *path, int error) {
  return error == 0 ? succeeded(L) : failed(L, path, error);
}

/* Pushes a size or a count: as an integer, where Lua has one of its size. */
static void push_size (lua_State *L, off_t n) {
  if ((off_t)(lua_Integer)n == n)
    lua_pushinteger(L, (lua_Integer)n);
  else
    lua_pushnumber(L, (lua_Number)n);
}

static int is_same (const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Tells whether the path still leads to the open file. Returns 0, REPLACED or
** an error number. */
static int check_path (int fd, const char *path) {
  struct stat own, other;
  if (fstat(fd, &own) != 0)
    return errno;
  if (stat(path, &other) != 0)
    return errno == ENOENT ? REPLACED : errno;
  return is_same(&own, &other) ? 0 : REPLACED;
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
  char folder[PATH_MAX];
  char *slash;
  int fd, error;
  strcpy(folder, path);
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

/* Opens a regular file, or makes it. Returns 0, IRREGULAR or an error
** number. */
static int open_regular (const char *path, int *fd, int *created) {
  const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  struct stat st;
  int error = 0;
  *created = 0;
  /* Opening a device or a pipe may already have an effect. */
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
    return S_ISDIR(st.st_mode) ? EISDIR : IRREGULAR;
  *fd = open(path, flags);
  if (*fd < 0 && errno == ENOENT) {
    *fd = open(path, flags | O_CREAT, 0666);
    *created = 1;
  }
  if (*fd < 0)
    return errno;
  if (fstat(*fd, &st) != 0)
    error = errno;
  else if (!S_ISREG(st.st_mode))
    error = IRREGULAR;
  else if (fcntl(*fd, F_SETFL, O_APPEND) != 0)  /* without O_NONBLOCK */
    error = errno;
  if (error != 0) {
    close(*fd);
    *fd = -1;
  }
  return error;
}

static int lock (int fd) {
  while (flock(fd, LOCK_EX | LOCK_NB) != 0)
    if (errno != EINTR)
      return errno == EWOULDBLOCK || errno == EAGAIN ? LOCKED : NO_LOCKS;
  return 0;
}

/*
** Opens the file of 'o' and locks it. Between the two, another run may end and
** remove the file; then the next attempt makes a new one. Returns 0 or the
** failure.
*/
static int open_output (output *o, const char *path) {
  int created, error, attempt;
  for (attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    error = open_regular(path, &o->fd, &created);
    if (error != 0)
      return error;
    error = lock(o->fd);
    if (error == 0 && realpath(path, o->path) == NULL)
      error = errno == ENOENT ? REPLACED : errno;
    if (error == 0)
      error = check_path(o->fd, o->path);
    if (error == 0 && created)
      error = flush_folder(o->path);
    if (error == 0)
      return 0;
    close(o->fd);
    o->fd = -1;
    if (error != REPLACED)
      return error;
  }
  return REPLACED;
}

static int shorten (int fd, off_t size) {
  while (ftruncate(fd, size) != 0)
    if (errno != EINTR)
      return errno;
  return 0;
}

/*
** Removes the bytes behind the last whole record that a failed write has left.
** Bytes of another program are not removed. Returns 0, MIXED or an error
** number.
*/
static int remove_torn (output *o) {
  struct stat st;
  int error;
  if (o->torn == 0)
    return 0;
  if (fstat(o->fd, &st) != 0)
    return errno;
  if (st.st_size != o->size + o->torn)
    return MIXED;
  error = shorten(o->fd, o->size);
  if (error == 0)
    o->torn = 0;
  return error;
}

static int write_record (output *o, const char *text, size_t size) {
  size_t done = 0;
  int error = remove_torn(o);
  if (error != 0)
    return error;
  while (done < size && error == 0) {
    ssize_t n = write(o->fd, text + done, size - done);
    if (n > 0)
      done += (size_t)n;
    else if (n == 0)
      error = ENOSPC;  /* a system that writes nothing and gives no reason */
    else if (errno != EINTR)
      error = errno;
  }
  if (error == 0) {
    o->size += (off_t)size;
    return 0;
  }
  o->torn = (off_t)done;
  remove_torn(o);  /* if this fails, the next write tries again */
  return error;
}

/* Reads bytes of the file. Returns their number, or -1 with errno. */
static ssize_t read_at (const output *o, char *to, size_t n, off_t at) {
  ssize_t got;
  do
    got = pread(o->fd, to, n, at);
  while (got < 0 && errno == EINTR);
  return got;
}

/* Reads an offset at an argument: an integer from 0 to the file's size. */
static off_t check_offset (lua_State *L, int arg, const output *o) {
  lua_Number n = luaL_checknumber(L, arg);
  luaL_argcheck(L, n >= 0 && n <= (lua_Number)o->size
                && (lua_Number)(off_t)n == n, arg, "not an offset in the file");
  return (off_t)n;
}

/* --- methods -------------------------------------------------------------- */

/***
Appends a record: completely, or not at all. If the disk is full or fails in the
middle, the bytes that it took are removed again. If that fails, too, the next
call tries it first.
@function file:write
@tparam string record with its line end
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string path and reason
@raise if the file is closed
*/
static int file_write (lua_State *L) {
  output *o = check_open(L);
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  int error = write_record(o, text, size);
  return outcome(L, o->path, error);
}

/***
Flushes the file to the disk, and checks that its path still leads to it:
records in a deleted file would be lost.
@function file:sync
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string path and reason
@raise if the file is closed
*/
static int file_sync (lua_State *L) {
  const output *o = check_open(L);
  int error = flush(o->fd);
  if (error == 0)
    error = check_path(o->fd, o->path);
  return outcome(L, o->path, error);
}

/***
Returns the offset after the last record.
@function file:size
@treturn number bytes
@raise if the file is closed
*/
static int file_size (lua_State *L) {
  const output *o = check_open(L);
  push_size(L, o->size);
  return 1;
}

/***
Shortens the file.
@function file:truncate
@tparam number size bytes
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string path and reason
@raise if the file is closed, or `size` is not an offset in it
*/
static int file_truncate (lua_State *L) {
  output *o = check_open(L);
  off_t size = check_offset(L, 2, o);
  int error = remove_torn(o);
  if (error == 0)
    error = shorten(o->fd, size);
  if (error == 0)
    o->size = size;
  return outcome(L, o->path, error);
}

/***
Reads bytes of the file.
@function file:read
@tparam number offset
@tparam number count at most so many; one call returns 32 KiB at most
@treturn[1] string
@treturn[2] nil at the end of the file
@treturn[3] nil
@treturn[3] string path and reason
@raise if the file is closed, or `offset` is not in it
*/
static int file_read (lua_State *L) {
  const output *o = check_open(L);
  off_t at = check_offset(L, 2, o);
  lua_Number count = luaL_checknumber(L, 3);
  char bytes[READ_SIZE];
  ssize_t got;
  luaL_argcheck(L, count >= 1, 3, "not a number of bytes");
  got = read_at(o, bytes, count < READ_SIZE ? (size_t)count : READ_SIZE, at);
  if (got < 0)
    return failed(L, o->path, errno);
  if (got == 0) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushlstring(L, bytes, (size_t)got);
  return 1;
}

/***
Counts the line ends of the file (LF).
@function file:count
@tparam[opt=false] boolean quoted leaves out the line ends in quoted cells (CSV)
@treturn[1] number
@treturn[2] nil
@treturn[2] string path and reason
@raise if the file is closed
*/
static int file_count (lua_State *L) {
  const output *o = check_open(L);
  int quoted = lua_toboolean(L, 2), inside = 0;
  char bytes[READ_SIZE];
  off_t at = 0, lines = 0;
  ssize_t got, i;
  while ((got = read_at(o, bytes, sizeof bytes, at)) > 0) {
    at += got;
    for (i = 0; i < got; i++) {
      if (bytes[i] == '\n' && !inside)
        lines++;
      else if (bytes[i] == '"')
        inside = quoted && !inside;
    }
  }
  if (got < 0)
    return failed(L, o->path, errno);
  push_size(L, lines);
  return 1;
}

/***
Returns the offset after the last byte that is not zero. After a power loss, a
file may end with zeros in place of the last bytes that were written.
@function file:data_end
@treturn[1] number bytes
@treturn[2] nil
@treturn[2] string path and reason
@raise if the file is closed
*/
static int file_data_end (lua_State *L) {
  const output *o = check_open(L);
  char bytes[READ_SIZE];
  off_t stop = o->size;
  while (stop > 0) {
    off_t first = stop > READ_SIZE ? stop - READ_SIZE : 0;
    ssize_t got = read_at(o, bytes, (size_t)(stop - first), first);
    if (got != stop - first)
      return failed(L, o->path, got < 0 ? errno : MIXED);
    while (got > 0 && bytes[got - 1] == '\0')
      got--;
    stop = first + got;
    if (got > 0)
      break;
  }
  push_size(L, stop);
  return 1;
}

/***
Deletes the file, unless its path leads to another one now. Symbolic links to it
stay. The file has to be closed afterwards.
@function file:remove
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string path and reason
@raise if the file is closed
*/
static int file_remove (lua_State *L) {
  const output *o = check_open(L);
  int error = check_path(o->fd, o->path);
  if (error == 0 && unlink(o->path) != 0)
    error = errno;
  return outcome(L, o->path, error);
}

/***
Gives the file another path in its folder, in place of the file that has this
path, and flushes the folder to the disk.
@function file:rename
@tparam string path
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string path and reason; the file may have its new path nevertheless
@raise if the file is closed
*/
static int file_rename (lua_State *L) {
  output *o = check_open(L);
  const char *path = check_path_argument(L, 2);
  char renamed[PATH_MAX];
  int error;
  if (path == NULL)
    return failed(L, lua_tostring(L, 2), EINVAL);
  error = check_path(o->fd, o->path);
  if (error == 0 && rename(o->path, path) != 0)
    error = errno;
  if (error == 0 && realpath(path, renamed) == NULL)
    error = errno;
  if (error == 0) {
    strcpy(o->path, renamed);
    error = flush_folder(o->path);
  }
  return outcome(L, path, error);
}

/***
Closes the file, which releases its lock. May be called any number of times. In
Lua 5.4 a file can be a to-be-closed variable.
@function file:close
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] string path and reason; the file is closed nevertheless
*/
static int file_close (lua_State *L) {
  output *o = check(L);
  int fd = o->fd;
  o->fd = -1;
  if (fd >= 0 && close(fd) != 0 && errno != EINTR)
    return failed(L, o->path, errno);
  return succeeded(L);
}

static int file_gc (lua_State *L) {
  file_close(L);
  return 0;
}

static int file_tostring (lua_State *L) {
  const output *o = check(L);
  if (o->fd < 0)
    lua_pushliteral(L, FILE_T " (closed)");
  else
    lua_pushfstring(L, FILE_T ": %s", o->path);
  return 1;
}

/* --- functions of the module ---------------------------------------------- */

/***
Opens a file for appending and locks it, or makes it. Follows symbolic links.
Only regular files are opened. The lock is that of flock(2). It ends with the
process, and is not inherited by programs that the process starts. On NFS, Linux
asks the server for the lock, so that it holds between machines; with the mount
option `nolock` or `local_lock` it holds on one machine only.
@function open
@tparam string path
@treturn[1] table the file
@treturn[2] nil
@treturn[2] string path and reason
@treturn[2] boolean true if the file is locked by another run, or cannot be
locked at all
*/
static int append_open (lua_State *L) {
  const char *path = check_path_argument(L, 1);
  struct stat st;
  output *o;
  int error;
  if (path == NULL)
    return failed(L, lua_tostring(L, 1), EINVAL);
  o = lua_newuserdatauv(L, sizeof *o, 0);
  o->fd = -1;
  o->size = o->torn = 0;
  o->path[0] = '\0';
  luaL_setmetatable(L, FILE_T);
  error = open_output(o, path);
  if (error == 0 && fstat(o->fd, &st) != 0)
    error = errno;
  if (error == 0) {
    o->size = st.st_size;
    return 1;
  }
  failed(L, path, error);
  lua_pushboolean(L, error == LOCKED || error == NO_LOCKS);
  return 3;
}

/***
Tells whether two paths lead to the same file.
@function same_file
@tparam string a
@tparam string b
@treturn boolean false if one of them does not exist
*/
static int append_same_file (lua_State *L) {
  struct stat a, b;
  const char *first = luaL_checkstring(L, 1), *second = luaL_checkstring(L, 2);
  lua_pushboolean(L, stat(first, &a) == 0 && stat(second, &b) == 0
                  && is_same(&a, &b));
  return 1;
}

static const luaL_Reg methods[] = {
  {"write", file_write},
  {"sync", file_sync},
  {"size", file_size},
  {"truncate", file_truncate},
  {"read", file_read},
  {"count", file_count},
  {"data_end", file_data_end},
  {"remove", file_remove},
  {"rename", file_rename},
  {"close", file_close},
  {NULL, NULL}
};

static const luaL_Reg meta[] = {
  {"__gc", file_gc},
  {"__close", file_gc},
  {"__tostring", file_tostring},
  {NULL, NULL}
};

static const luaL_Reg functions[] = {
  {"open", append_open},
  {"same_file", append_same_file},
  {NULL, NULL}
};

MODULE_API int luaopen_predibase_append (lua_State *L);

MODULE_API int luaopen_predibase_append (lua_State *L) {
  lua_class_new(L, FILE_T, methods, meta);
  lua_module_new(L, functions);
  return 1;
}
