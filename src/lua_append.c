/*
** lua_append.c - the module predibase.append: a file that only grows by records
** SPDX-License-Identifier: MIT
*/

/***
Appends records to a file so that it holds whole records only. Lua itself cannot
do this: it has no functions to lock, shorten and flush a file to the disk.

@module predibase.append
*/

#include "lua_module.h"

#include <errno.h>
#include <string.h>

#include "lua_class.h"
#include "record_file.h"

#define FILE_T "predibase.append"

/* The most bytes that one read returns; they are on the C stack. */
#define READ_SIZE 32768

/* Attempts to open a file that other processes replace again and again. */
#define MAX_ATTEMPTS 10

typedef struct output {
  record_file file;
  int64_t size;  /* the end of the last whole record */
  int64_t torn;  /* bytes behind it that could not be removed */
} output;

/* --- helpers -------------------------------------------------------------- */

static output *check (lua_State *L) {
  return lua_class_check(L, FILE_T);
}

static output *check_open (lua_State *L) {
  output *o = check(L);
  if (o->file.handle == -1)
    luaL_error(L, "attempt to use a closed file");
  return o;
}

static const char *describe (int error) {
  if (error == RECORD_FILE_REPLACED)
    return "has been deleted or replaced by another file";
  if (error == RECORD_FILE_MIXED)
    return "another program has written to this file";
  if (error == RECORD_FILE_IRREGULAR)
    return "is not a regular file";
  if (error == RECORD_FILE_LOCKED)
    return "another run writes to this file";
  if (error == RECORD_FILE_NO_LOCKS)
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
static void push_size (lua_State *L, int64_t n) {
  if ((int64_t)(lua_Integer)n == n)
    lua_pushinteger(L, (lua_Integer)n);
  else
    lua_pushnumber(L, (lua_Number)n);
}

/* Opens the file of 'o' and locks it. Returns 0 or the failure. */
static int open_output (output *o, const char *path) {
  int attempt, error = 0;
  for (attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    error = record_file_open(&o->file, path);
    if (error != RECORD_FILE_REPLACED)
      return error;
  }
  return error;
}

/*
** Removes the bytes behind the last whole record that a failed write has left.
** Bytes of another program are not removed. Returns 0, RECORD_FILE_MIXED or an
** error number.
*/
static int remove_torn (output *o) {
  int64_t size;
  int error;
  if (o->torn == 0)
    return 0;
  error = record_file_size(&o->file, &size);
  if (error == 0 && size != o->size + o->torn)
    error = RECORD_FILE_MIXED;
  if (error == 0)
    error = record_file_shorten(&o->file, o->size);
  if (error == 0)
    o->torn = 0;
  return error;
}

static int write_record (output *o, const char *text, size_t size) {
  size_t done = 0;
  int error = remove_torn(o);
  if (error != 0)
    return error;
  error = record_file_write(&o->file, text, size, &done);
  if (error == 0) {
    o->size += (int64_t)size;
    return 0;
  }
  o->torn = (int64_t)done;
  remove_torn(o);  /* if this fails, the next write tries again */
  return error;
}

/* Reads an offset at an argument: an integer from 0 to the file's size. */
static int64_t check_offset (lua_State *L, int arg, const output *o) {
  lua_Number n = luaL_checknumber(L, arg);
  luaL_argcheck(L, n >= 0 && n <= (lua_Number)o->size
                && (lua_Number)(int64_t)n == n, arg,
                "not an offset in the file");
  return (int64_t)n;
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
  return outcome(L, o->file.path, error);
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
  int error = record_file_flush(&o->file);
  if (error == 0)
    error = record_file_check(&o->file);
  return outcome(L, o->file.path, error);
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
  int64_t size = check_offset(L, 2, o);
  int error = remove_torn(o);
  if (error == 0)
    error = record_file_shorten(&o->file, size);
  if (error == 0)
    o->size = size;
  return outcome(L, o->file.path, error);
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
  int64_t at = check_offset(L, 2, o);
  lua_Number count = luaL_checknumber(L, 3);
  char bytes[READ_SIZE];
  size_t got;
  int error;
  luaL_argcheck(L, count >= 1, 3, "not a number of bytes");
  error = record_file_read(&o->file, bytes, count < READ_SIZE ? (size_t)count
                           : READ_SIZE, at, &got);
  if (error != 0)
    return failed(L, o->file.path, error);
  if (got == 0)
    lua_pushnil(L);
  else
    lua_pushlstring(L, bytes, got);
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
  int quoted = lua_toboolean(L, 2), inside = 0, error;
  char bytes[READ_SIZE];
  int64_t at = 0, lines = 0;
  size_t got, i;
  while ((error = record_file_read(&o->file, bytes, sizeof bytes, at, &got))
         == 0 && got > 0) {
    at += (int64_t)got;
    for (i = 0; i < got; i++) {
      if (bytes[i] == '\n' && !inside)
        lines++;
      else if (bytes[i] == '"')
        inside = quoted && !inside;
    }
  }
  if (error != 0)
    return failed(L, o->file.path, error);
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
  int64_t stop = o->size;
  while (stop > 0) {
    int64_t first = stop > READ_SIZE ? stop - READ_SIZE : 0;
    size_t got;
    int error = record_file_read(&o->file, bytes, (size_t)(stop - first), first,
                                 &got);
    if (error == 0 && (int64_t)got != stop - first)
      error = RECORD_FILE_MIXED;
    if (error != 0)
      return failed(L, o->file.path, error);
    while (got > 0 && bytes[got - 1] == '\0')
      got--;
    stop = first + (int64_t)got;
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
  int error = record_file_check(&o->file);
  if (error == 0)
    error = record_file_delete(o->file.path);
  return outcome(L, o->file.path, error);
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
  int error;
  if (path == NULL)
    return failed(L, lua_tostring(L, 2), EINVAL);
  error = record_file_check(&o->file);
  if (error == 0)
    error = record_file_rename(&o->file, path);
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
  int error = o->file.handle != -1 ? record_file_close(&o->file) : 0;
  return outcome(L, o->file.path, error);
}

static int file_gc (lua_State *L) {
  file_close(L);
  return 0;
}

static int file_tostring (lua_State *L) {
  const output *o = check(L);
  if (o->file.handle == -1)
    lua_pushliteral(L, FILE_T " (closed)");
  else
    lua_pushfstring(L, FILE_T ": %s", o->file.path);
  return 1;
}

/* --- functions of the module ---------------------------------------------- */

/***
Opens a file for appending and locks it, or makes it. Follows symbolic links.
Only regular files are opened. The lock is that of flock(2); on Windows, it is
on a byte far behind the end, so that other programs can read the file. It ends
with the process, and is not inherited by programs that the process starts. On
NFS, Linux asks the server for the lock, so that it holds between machines; with
the mount option `nolock` or `local_lock` it holds on one machine only.
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
  output *o;
  int error;
  if (path == NULL)
    return failed(L, lua_tostring(L, 1), EINVAL);
  o = lua_newuserdatauv(L, sizeof *o, 0);
  o->file.handle = -1;
  o->size = o->torn = 0;
  o->file.path[0] = '\0';
  luaL_setmetatable(L, FILE_T);
  error = open_output(o, path);
  if (error == 0)
    error = record_file_size(&o->file, &o->size);
  if (error == 0)
    return 1;
  failed(L, path, error);
  lua_pushboolean(L, error == RECORD_FILE_LOCKED ||
                     error == RECORD_FILE_NO_LOCKS);
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
  lua_pushboolean(L, record_file_same(luaL_checkstring(L, 1),
                                      luaL_checkstring(L, 2)));
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
  luaL_checkversion(L);
  lua_class_new(L, FILE_T, methods, meta);
  lua_module_new(L, functions);
  return 1;
}
