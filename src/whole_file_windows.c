/*
** whole_file_windows.c - writes files completely or not at all: Windows
** SPDX-License-Identifier: MIT
*/

#include "whole_file.h"

#if defined(_WIN32)

#include <errno.h>
#include <string.h>
#include <wchar.h>

#include "clock.h"
#include "wide_text.h"

/* Attempts to find a name that no file has. */
#define MAX_ATTEMPTS 100

int whole_file_follow (char path[FILE_PATH_MAX]) {
  WCHAR wide[WIDE_PATH], end[WIDE_PATH];
  DWORD attributes, n;
  HANDLE file;
  int error = wide_path(path, wide);
  if (error != 0)
    return error;
  attributes = GetFileAttributesW(wide);
  if (attributes == INVALID_FILE_ATTRIBUTES ||
      !(attributes & FILE_ATTRIBUTE_REPARSE_POINT))
    return 0;
  file = CreateFileW(wide, FILE_READ_ATTRIBUTES, FILE_SHARE_READ |
                     FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                     FILE_FLAG_BACKUP_SEMANTICS, NULL);
  if (file == INVALID_HANDLE_VALUE)
    return windows_error();
  n = GetFinalPathNameByHandleW(file, end, WIDE_PATH, 0);
  error = n == 0 ? windows_error() : n >= WIDE_PATH ? ENAMETOOLONG : 0;
  CloseHandle(file);
  return error != 0 ? error : narrow_path(end, path, FILE_PATH_MAX);
}

/* Makes a file beside another one, with a name that no file has. */
static int make_beside (const WCHAR *path, WCHAR beside[WIDE_PATH],
                        HANDLE *file) {
  int attempt;
  for (attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    unsigned number = (unsigned)clock_us() * 2654435761u +
                      (unsigned)process_own_id() + (unsigned)attempt;
    if (wcslen(path) + 10 > WIDE_PATH)
      return ENAMETOOLONG;
    swprintf(beside, WIDE_PATH, L"%ls.%08x", path, number);
    *file = CreateFileW(beside, GENERIC_WRITE, 0, NULL, CREATE_NEW,
                        FILE_ATTRIBUTE_NORMAL, NULL);
    if (*file != INVALID_HANDLE_VALUE)
      return 0;
    if (GetLastError() != ERROR_FILE_EXISTS)
      break;
  }
  return windows_error();
}

static int write_all (HANDLE file, const char *text, size_t size) {
  while (size > 0) {
    DWORD some = 0, most = size > 1u << 30 ? 1u << 30 : (DWORD)size;
    if (!WriteFile(file, text, most, &some, NULL))
      return windows_error();
    if (some == 0)
      return ENOSPC;
    text += some;
    size -= some;
  }
  return 0;
}

/* ReplaceFileW keeps the permissions of the old file; some file systems, such
** as those of network drives, lack it. */
static int take_place (const WCHAR *beside, const WCHAR *path, int exists) {
  if (exists && ReplaceFileW(path, beside, NULL,
                             REPLACEFILE_IGNORE_MERGE_ERRORS, NULL, NULL))
    return 0;
  return MoveFileExW(beside, path, MOVEFILE_REPLACE_EXISTING)
         ? 0 : windows_error();
}

/* Tells whether a path is the name of a device, such as NUL. */
static int is_device (const WCHAR *path) {
  WCHAR whole[WIDE_PATH];
  DWORD n = GetFullPathNameW(path, WIDE_PATH, whole, NULL);
  return n > 0 && n < WIDE_PATH && wcsncmp(whole, L"\\\\.\\", 4) == 0;
}

int whole_file_write (const char *path, const char *text, size_t size) {
  WCHAR target[WIDE_PATH], beside[WIDE_PATH];
  DWORD attributes;
  HANDLE file;
  int exists, error = wide_path(path, target);
  if (error != 0)
    return error;
  attributes = GetFileAttributesW(target);
  exists = attributes != INVALID_FILE_ATTRIBUTES;
  if (exists && (attributes & FILE_ATTRIBUTE_DIRECTORY))
    return EISDIR;
  if (is_device(target))
    return EINVAL;
  error = make_beside(target, beside, &file);
  if (error != 0)
    return error;
  error = write_all(file, text, size);
  if (!CloseHandle(file) && error == 0)
    error = windows_error();
  if (error == 0)
    error = take_place(beside, target, exists);
  if (error != 0)
    DeleteFileW(beside);
  return error;
}

/* A new file has the permissions of its folder, and moving another file to its
** place needs no more. */
int whole_file_copy_attributes (const char *from, const char *to,
                                const char **failed) {
  WCHAR wide[WIDE_PATH];
  int error = wide_path(to, wide);
  (void)from;
  *failed = to;
  if (error == 0 && GetFileAttributesW(wide) == INVALID_FILE_ATTRIBUTES)
    error = windows_error();
  return error;
}

#endif
