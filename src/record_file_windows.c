/*
** record_file_windows.c - a locked file that only grows: Windows
** SPDX-License-Identifier: MIT
*/

#include "record_file.h"

#if defined(_WIN32)

#include <errno.h>
#include <string.h>
#include <wchar.h>

#include "wide_text.h"

/*
** The offset of the byte that is locked, far behind the end of every file.
** Locks of Windows keep other programs from reading what is locked, but this
** one is only a sign for other runs.
*/
#define LOCK_AT_HIGH 0x40000000u

/* All others may read, write, rename and delete the file, as on POSIX. */
#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

static HANDLE handle_of (const record_file *f) {
  return (HANDLE)f->handle;
}

/* What identifies a file: the same for two handles of one file only. */
typedef struct identity {
  DWORD volume, high, low;
  int deleted;  /* it has no name any more */
} identity;

static int identify (HANDLE file, identity *id) {
  BY_HANDLE_FILE_INFORMATION info;
  memset(id, 0, sizeof *id);
  if (!GetFileInformationByHandle(file, &info))
    return windows_error();
  id->volume = info.dwVolumeSerialNumber;
  id->high = info.nFileIndexHigh;
  id->low = info.nFileIndexLow;
  id->deleted = info.nNumberOfLinks == 0;
  return 0;
}

/* The number of a volume may be unknown (0): network drives have none, and Wine
** forgets that of a renamed file. */
static int is_same (const identity *a, const identity *b) {
  return (a->volume == b->volume || a->volume == 0 || b->volume == 0) &&
         a->high == b->high && a->low == b->low && !a->deleted && !b->deleted;
}

/* Opens a file or folder to look at it only. */
static int look_at (const char *path, HANDLE *file) {
  WCHAR wide[WIDE_PATH];
  int error = wide_path(path, wide);
  if (error != 0)
    return error;
  *file = CreateFileW(wide, FILE_READ_ATTRIBUTES, SHARE_ALL, NULL,
                      OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
  return *file == INVALID_HANDLE_VALUE ? windows_error() : 0;
}

/* Identifies the file to which a path leads. */
static int identify_path (const char *path, identity *id) {
  HANDLE file;
  int error = look_at(path, &file);
  if (error != 0)
    return error;
  error = identify(file, id);
  CloseHandle(file);
  return error;
}

static int check_path (HANDLE file, const char *path) {
  identity own, other;
  int error = identify(file, &own);
  if (error != 0)
    return error;
  error = identify_path(path, &other);
  if (error != 0)
    return error == ENOENT ? RECORD_FILE_REPLACED : error;
  return is_same(&own, &other) ? 0 : RECORD_FILE_REPLACED;
}

/* Opens a regular file, or makes it. */
static int open_regular (const char *path, HANDLE *file) {
  WCHAR wide[WIDE_PATH];
  DWORD attributes;
  int error = wide_path(path, wide);
  if (error != 0)
    return error;
  attributes = GetFileAttributesW(wide);
  if (attributes != INVALID_FILE_ATTRIBUTES &&
      (attributes & FILE_ATTRIBUTE_DIRECTORY))
    return EISDIR;
  *file = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, SHARE_ALL,
                      NULL, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
  if (*file == INVALID_HANDLE_VALUE)
    return windows_error();
  if (GetFileType(*file) == FILE_TYPE_DISK)
    return 0;
  CloseHandle(*file);
  return RECORD_FILE_IRREGULAR;
}

static int lock (HANDLE file) {
  OVERLAPPED where;
  memset(&where, 0, sizeof where);
  where.OffsetHigh = LOCK_AT_HIGH;
  if (LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0,
                 1, 0, &where))
    return 0;
  return GetLastError() == ERROR_LOCK_VIOLATION ||
         GetLastError() == ERROR_IO_PENDING ? RECORD_FILE_LOCKED
                                            : RECORD_FILE_NO_LOCKS;
}

/* Finds the absolute path of an open file, without links. */
static int final_path (HANDLE file, char *path) {
  WCHAR wide[WIDE_PATH];
  DWORD n = GetFinalPathNameByHandleW(file, wide, WIDE_PATH, 0);
  if (n == 0)
    return windows_error();
  if (n >= WIDE_PATH)
    return ENAMETOOLONG;
  return narrow_path(wide, path, FILE_PATH_MAX);
}

/* NTFS keeps the names of its files in a journal of its own, so no folder has
** to be flushed. */
int record_file_open (record_file *f, const char *path) {
  HANDLE file;
  int error = open_regular(path, &file);
  if (error != 0)
    return error;
  error = lock(file);
  if (error == 0)
    error = final_path(file, f->path);
  if (error == 0)
    error = check_path(file, f->path);
  if (error == 0)
    f->handle = (intptr_t)file;
  else
    CloseHandle(file);
  return error;
}

int record_file_close (record_file *f) {
  HANDLE file = handle_of(f);
  f->handle = -1;
  return CloseHandle(file) ? 0 : windows_error();
}

int record_file_check (const record_file *f) {
  return check_path(handle_of(f), f->path);
}

int record_file_flush (const record_file *f) {
  return FlushFileBuffers(handle_of(f)) ? 0 : windows_error();
}

int record_file_size (const record_file *f, int64_t *size) {
  LARGE_INTEGER n;
  if (!GetFileSizeEx(handle_of(f), &n))
    return windows_error();
  *size = n.QuadPart;
  return 0;
}

int record_file_shorten (const record_file *f, int64_t size) {
  LARGE_INTEGER to;
  to.QuadPart = size;
  if (SetFilePointerEx(handle_of(f), to, NULL, FILE_BEGIN) &&
      SetEndOfFile(handle_of(f)))
    return 0;
  return windows_error();
}

/* The most bytes that one call of Windows gets, which takes 32 bits. */
static DWORD one_call (size_t n) {
  return n > 1u << 30 ? 1u << 30 : (DWORD)n;
}

int record_file_read (const record_file *f, char *to, size_t n, int64_t at,
                      size_t *got) {
  OVERLAPPED where;
  DWORD some = 0;
  memset(&where, 0, sizeof where);
  where.Offset = (DWORD)(at & 0xffffffff);
  where.OffsetHigh = (DWORD)(at >> 32);
  *got = 0;
  if (!ReadFile(handle_of(f), to, one_call(n), &some, &where) &&
      GetLastError() != ERROR_HANDLE_EOF)
    return windows_error();
  *got = some;
  return 0;
}

int record_file_write (const record_file *f, const char *text, size_t n,
                       size_t *done) {
  *done = 0;
  while (*done < n) {
    OVERLAPPED where;
    DWORD some = 0;
    memset(&where, 0, sizeof where);
    where.Offset = where.OffsetHigh = 0xffffffff;  /* the end of the file */
    if (!WriteFile(handle_of(f), text + *done, one_call(n - *done), &some,
                   &where))
      return windows_error();
    if (some == 0)
      return ENOSPC;
    *done += some;
  }
  return 0;
}

int record_file_delete (const char *path) {
  WCHAR wide[WIDE_PATH];
  int error = wide_path(path, wide);
  if (error != 0)
    return error;
  return DeleteFileW(wide) ? 0 : windows_error();
}

/*
** Gives a file another path. Windows refuses the path of an open file, even if
** that may be renamed and deleted; so such a file is moved aside first.
*/
static int move (const WCHAR *from, const WCHAR *to) {
  const DWORD how = MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH;
  WCHAR aside[WIDE_PATH];
  int error;
  if (MoveFileExW(from, to, how))
    return 0;
  error = windows_error();
  if (error != EACCES || wcslen(to) + sizeof ".replaced" > WIDE_PATH)
    return error;
  wcscpy(aside, to);
  wcscat(aside, L".replaced");
  if (!MoveFileExW(to, aside, how))
    return error;
  if (MoveFileExW(from, to, how)) {
    DeleteFileW(aside);  /* takes effect when the last program closes it */
    return 0;
  }
  error = windows_error();
  MoveFileExW(aside, to, how);
  return error;
}

/* The open file is not asked for its new path: Wine returns the old one. */
int record_file_rename (record_file *f, const char *path) {
  WCHAR from[WIDE_PATH], to[WIDE_PATH];
  HANDLE renamed;
  int error = wide_path(f->path, from);
  if (error == 0)
    error = wide_path(path, to);
  if (error != 0)
    return error;
  error = move(from, to);
  if (error == 0)
    error = look_at(path, &renamed);
  if (error != 0)
    return error;
  error = final_path(renamed, f->path);
  CloseHandle(renamed);
  return error;
}

int record_file_same (const char *a, const char *b) {
  identity first, second;
  return identify_path(a, &first) == 0 && identify_path(b, &second) == 0 &&
         is_same(&first, &second);
}

#endif
