/*
** folder_reader_windows.c - reads the names in a folder: Windows
** SPDX-License-Identifier: MIT
*/

#include "folder_reader.h"

#if defined(_WIN32)

#include <errno.h>
#include <string.h>
#include <wchar.h>

#include "buf.h"
#include "wide_text.h"

struct folder_reader {
  HANDLE search;
  WIN32_FIND_DATAW found;
  int first;  /* 'found' has a name that was not returned yet */
  char name[3 * MAX_PATH];  /* in UTF-8 */
};

folder_reader *folder_reader_open (const char *path, int *error) {
  WCHAR wide[WIDE_PATH];
  folder_reader *f = NULL;
  *error = wide_path(path, wide);
  if (*error == 0 && wcslen(wide) + 3 > WIDE_PATH)
    *error = ENAMETOOLONG;
  if (*error == 0 && (f = mem_realloc(NULL, sizeof *f)) == NULL)
    *error = ENOMEM;
  if (*error != 0)
    return NULL;
  wcscat(wide, L"\\*");
  f->search = FindFirstFileW(wide, &f->found);
  f->first = f->search != INVALID_HANDLE_VALUE;
  if (!f->first)
    *error = windows_error();
  if (*error == 0)
    return f;
  mem_realloc(f, 0);
  return NULL;
}

const char *folder_reader_next (folder_reader *f, int *error) {
  *error = 0;
  if (!f->first && !FindNextFileW(f->search, &f->found)) {
    if (GetLastError() != ERROR_NO_MORE_FILES)
      *error = windows_error();
    return NULL;
  }
  f->first = 0;
  *error = narrow_path(f->found.cFileName, f->name, sizeof f->name);
  return *error == 0 ? f->name : NULL;
}

void folder_reader_close (folder_reader *f) {
  FindClose(f->search);
  mem_realloc(f, 0);
}

#endif
