/*
** lua_descriptor.c - the module predibase.descriptor: reads and writes a
** descriptor directly
** SPDX-License-Identifier: MIT
*/

/***
Reads from and writes to a descriptor, such as standard input and output.

Lua's own files wait until a buffer is full, even if a pipe has some lines
already, and lose what was not written when a signal interrupts them. These
functions return at a signal and lose nothing.

@module predibase.descriptor
*/

#include "lua_module.h"

#include <errno.h>
#include <string.h>

#include "standard_io.h"

/* The most bytes of one read: the size of a pipe's buffer on Linux. */
#define MOST_READ 65536

static int failure (lua_State *L, int error) {
  lua_pushnil(L);
  lua_pushstring(L, strerror(error));
  lua_pushinteger(L, error);
  return 3;
}

/***
Reads what a descriptor has; waits until it has anything.
@function read
@tparam integer fd
@tparam integer most number of bytes; at most 65536 are read
@treturn[1] string
@treturn[2] nil at the end
@treturn[3] nil
@treturn[3] string reason; also when a signal has ended the wait
@treturn[3] integer number of the system's error
*/
static int descriptor_read (lua_State *L) {
  char bytes[MOST_READ];
  int fd = (int)luaL_checkinteger(L, 1);
  lua_Integer most = luaL_checkinteger(L, 2);
  size_t n;
  int error;
  luaL_argcheck(L, most >= 1, 2, "must be at least 1");
  error = standard_io_read(fd, bytes,
                           most < MOST_READ ? (size_t)most : sizeof bytes, &n);
  if (error != 0)
    return failure(L, error);
  if (n == 0)
    lua_pushnil(L);
  else
    lua_pushlstring(L, bytes, n);
  return 1;
}

/***
Tells whether `read` would return at once, also at the end or with an error.
@function is_ready
@tparam integer fd
@treturn boolean
*/
static int descriptor_is_ready (lua_State *L) {
  lua_pushboolean(L, standard_io_is_ready((int)luaL_checkinteger(L, 1)));
  return 1;
}

/***
Writes a part of a text; waits until the descriptor takes any of it.
@function write
@tparam integer fd
@tparam string text
@tparam integer from position of the first byte to write, from 1
@treturn[1] integer position of the next byte to write; `from` itself when a
signal has ended the wait
@treturn[2] nil
@treturn[2] string reason
@treturn[2] integer number of the system's error
*/
static int descriptor_write (lua_State *L) {
  size_t size, n = 0;
  int fd = (int)luaL_checkinteger(L, 1), error = 0;
  const char *text = luaL_checklstring(L, 2, &size);
  lua_Integer from = luaL_checkinteger(L, 3);
  luaL_argcheck(L, from >= 1 && (size_t)from <= size + 1, 3,
                "is outside of the text");
  if ((size_t)from <= size)
    error = standard_io_write(fd, text + from - 1, size - (size_t)from + 1, &n);
  if (error != 0 && error != EINTR)
    return failure(L, error);
  lua_pushinteger(L, from + (lua_Integer)n);
  return 1;
}

/***
Tells whether a descriptor is a terminal.
@function is_terminal
@tparam integer fd
@treturn boolean
*/
static int descriptor_is_terminal (lua_State *L) {
  lua_pushboolean(L, standard_io_is_terminal((int)luaL_checkinteger(L, 1)));
  return 1;
}

/***
Returns the width of a terminal at this moment.
@function width
@tparam integer fd
@treturn ?integer number of columns; nil if it is no terminal or does not know
*/
static int descriptor_width (lua_State *L) {
  int width = standard_io_width((int)luaL_checkinteger(L, 1));
  if (width > 0)
    lua_pushinteger(L, width);
  else
    lua_pushnil(L);
  return 1;
}

static const luaL_Reg functions[] = {
  {"read", descriptor_read},
  {"is_ready", descriptor_is_ready},
  {"write", descriptor_write},
  {"is_terminal", descriptor_is_terminal},
  {"width", descriptor_width},
  {NULL, NULL}
};

MODULE_API int luaopen_predibase_descriptor (lua_State *L);

MODULE_API int luaopen_predibase_descriptor (lua_State *L) {
  luaL_checkversion(L);
  lua_module_new(L, functions);
  return 1;
}
