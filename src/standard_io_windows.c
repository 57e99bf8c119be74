/*
** standard_io_windows.c - reads and writes descriptors, and knows terminals:
** Windows
** SPDX-License-Identifier: MIT
*/

#include "standard_io.h"

#if defined(_WIN32)

#include <errno.h>
#include <io.h>
#include <string.h>

#include "wide_text.h"

/* The most UTF-16 units that one call reads from or writes to a console. */
#define CONSOLE_UNITS 4096

/* The most bytes of one read or write. */
#define MOST_BYTES (1u << 20)

/* Ctrl-Z at the beginning of a line, which ends the input. */
#define CTRL_Z 0x1a

static HANDLE handle_of (int fd) {
  return (HANDLE)_get_osfhandle(fd);
}

static int is_console (HANDLE h) {
  DWORD mode;
  return GetConsoleMode(h, &mode) != 0;
}

static int is_high_surrogate (WCHAR unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}

/*
** Reads from a console, which knows UTF-16 only. A character of two units is
** not cut. At Ctrl-C, the console returns nothing, with an error that is no
** failure.
*/
static int read_console (HANDLE h, char *to, size_t n, size_t *got) {
  WCHAR wide[CONSOLE_UNITS];
  DWORD most = n / 3 < CONSOLE_UNITS ? (DWORD)(n / 3) : CONSOLE_UNITS;
  DWORD count = 0, more = 0;
  *got = 0;
  if (most < 2)
    return EINVAL;
  SetLastError(ERROR_SUCCESS);
  if (!ReadConsoleW(h, wide, most - 1, &count, NULL))
    return windows_error();
  if (count == 0)
    return GetLastError() == ERROR_OPERATION_ABORTED ? EINTR : 0;
  if (wide[0] == CTRL_Z)
    return 0;
  if (is_high_surrogate(wide[count - 1]) &&
      ReadConsoleW(h, wide + count, 1, &more, NULL))
    count += more;
  *got = (size_t)WideCharToMultiByte(CP_UTF8, 0, wide, (int)count, to, (int)n,
                                     NULL, NULL);
  return 0;
}

/* Returns the number of the first bytes of UTF-8 that end with a character. */
static size_t whole_characters (const char *text, size_t n) {
  size_t back = 1;
  while (back <= 3 && back < n &&
         ((unsigned char)text[n - back] & 0xc0) == 0x80)
    back++;
  if (back < n) {
    unsigned char first = (unsigned char)text[n - back];
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    if (size > back)
      return n - back;
  }
  return n;
}

static int write_console (HANDLE h, const char *text, size_t n, size_t *done) {
  WCHAR wide[CONSOLE_UNITS];
  DWORD count, written, at = 0;
  size_t bytes = whole_characters(text, n < CONSOLE_UNITS ? n : CONSOLE_UNITS);
  count = (DWORD)MultiByteToWideChar(CP_UTF8, 0, text, (int)bytes, wide,
                                     CONSOLE_UNITS);
  while (at < count) {
    written = 0;
    if (!WriteConsoleW(h, wide + at, count - at, &written, NULL))
      return windows_error();
    at += written;
  }
  *done = bytes;
  return 0;
}

int standard_io_read (int fd, char *to, size_t n, size_t *got) {
  HANDLE h = handle_of(fd);
  DWORD some = 0;
  *got = 0;
  if (h == INVALID_HANDLE_VALUE)
    return EBADF;
  if (is_console(h) && n >= 6)
    return read_console(h, to, n, got);
  if (!ReadFile(h, to, n < MOST_BYTES ? (DWORD)n : MOST_BYTES, &some, NULL) &&
      GetLastError() != ERROR_BROKEN_PIPE && GetLastError() != ERROR_HANDLE_EOF)
    return windows_error();
  *got = some;
  return 0;
}

int standard_io_write (int fd, const char *text, size_t n, size_t *done) {
  HANDLE h = handle_of(fd);
  DWORD some = 0;
  *done = 0;
  if (h == INVALID_HANDLE_VALUE)
    return EBADF;
  if (is_console(h))
    return write_console(h, text, n, done);
  if (!WriteFile(h, text, n < MOST_BYTES ? (DWORD)n : MOST_BYTES, &some, NULL))
    return windows_error();
  *done = some;
  return 0;
}

/* A console has a line when Enter was pressed; its other events are keys and
** moves of the mouse. */
static int console_has_line (HANDLE h) {
  INPUT_RECORD events[128];
  DWORD n = 0, i;
  if (!PeekConsoleInputW(h, events, 128, &n))
    return 1;
  for (i = 0; i < n; i++)
    if (events[i].EventType == KEY_EVENT && events[i].Event.KeyEvent.bKeyDown &&
        events[i].Event.KeyEvent.uChar.UnicodeChar == L'\r')
      return 1;
  return 0;
}

int standard_io_is_ready (int fd) {
  HANDLE h = handle_of(fd);
  DWORD bytes = 0;
  if (h == INVALID_HANDLE_VALUE)
    return 1;
  if (is_console(h))
    return console_has_line(h);
  if (GetFileType(h) != FILE_TYPE_PIPE)
    return 1;
  return !PeekNamedPipe(h, NULL, 0, NULL, &bytes, NULL) || bytes > 0;
}

int standard_io_is_terminal (int fd) {
  HANDLE h = handle_of(fd);
  return h != INVALID_HANDLE_VALUE && is_console(h);
}

int standard_io_width (int fd) {
  CONSOLE_SCREEN_BUFFER_INFO info;
  HANDLE h = handle_of(fd);
  if (h == INVALID_HANDLE_VALUE || !GetConsoleScreenBufferInfo(h, &info))
    return 0;
  return info.srWindow.Right - info.srWindow.Left + 1;
}

#endif
