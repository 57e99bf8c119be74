/*
** wide_text.c - texts, paths and errors of Windows
** SPDX-License-Identifier: MIT
*/

#include "wide_text.h"

#if defined(_WIN32)

#include <errno.h>
#include <string.h>

int wide_path (const char *path, WCHAR wide[WIDE_PATH]) {
  int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide,
                              WIDE_PATH);
  if (n > 0)
    return 0;
  return GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ENAMETOOLONG : EILSEQ;
}

/* Windows returns paths to shares in the form \\?\UNC\server\share. */
int narrow_path (const WCHAR *wide, char *path, size_t size) {
  int n, shared = wcsncmp(wide, L"\\\\?\\UNC\\", 8) == 0;
  if (shared)
    wide += 6;
  else if (wcsncmp(wide, L"\\\\?\\", 4) == 0)
    wide += 4;
  n = WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, (int)size, NULL, NULL);
  if (n > 0 && shared)
    path[0] = '\\';
  return n > 0 ? 0 : ENAMETOOLONG;
}

static const struct {
  DWORD windows;
  int number;
} errors[] = {
  { ERROR_FILE_NOT_FOUND, ENOENT },
  { ERROR_PATH_NOT_FOUND, ENOENT },
  { ERROR_BAD_NETPATH, ENOENT },
  { ERROR_BAD_NET_NAME, ENOENT },
  { ERROR_INVALID_DRIVE, ENOENT },
  { ERROR_INVALID_NAME, ENOENT },
  { ERROR_BAD_PATHNAME, ENOENT },
  { ERROR_DIRECTORY, ENOTDIR },
  { ERROR_ACCESS_DENIED, EACCES },
  { ERROR_SHARING_VIOLATION, EACCES },
  { ERROR_LOCK_VIOLATION, EACCES },
  { ERROR_WRITE_PROTECT, EROFS },
  { ERROR_FILE_EXISTS, EEXIST },
  { ERROR_ALREADY_EXISTS, EEXIST },
  { ERROR_DISK_FULL, ENOSPC },
  { ERROR_HANDLE_DISK_FULL, ENOSPC },
  { ERROR_NOT_ENOUGH_MEMORY, ENOMEM },
  { ERROR_OUTOFMEMORY, ENOMEM },
  { ERROR_TOO_MANY_OPEN_FILES, EMFILE },
  { ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG },
  { ERROR_CANT_RESOLVE_FILENAME, ELOOP },
  { ERROR_BROKEN_PIPE, EPIPE },
  { ERROR_NO_DATA, EPIPE },
  { ERROR_PIPE_NOT_CONNECTED, EPIPE },
  { ERROR_INVALID_HANDLE, EBADF },
  { ERROR_INVALID_PARAMETER, EINVAL },
  { ERROR_OPERATION_ABORTED, EINTR }  /* a console read that Ctrl-C ended */
};

int windows_error (void) {
  DWORD windows = GetLastError();
  size_t i;
  for (i = 0; i < sizeof errors / sizeof errors[0]; i++)
    if (errors[i].windows == windows)
      return errors[i].number;
  return EIO;
}

#endif
