/*
** utf8_calls.c - functions of C that take UTF-8 on Windows
** SPDX-License-Identifier: MIT
*/

#define UTF8_CALLS_THEMSELVES

#include "utf8_calls.h"

#include <errno.h>
#include <string.h>
#include <wchar.h>

#define LONGEST_PATH 4096
#define LONGEST_MODE 16

/* Returns a copy in UTF-16, which the caller frees; NULL: not UTF-8, or no
** memory. */
static WCHAR *widen (const char *text) {
  int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
  WCHAR *wide = n > 0 ? malloc((size_t)n * sizeof *wide) : NULL;
  if (wide == NULL) {
    errno = n > 0 ? ENOMEM : EILSEQ;
    return NULL;
  }
  MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, n);
  return wide;
}

static char *narrow (const WCHAR *wide) {
  int n = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
  char *text = n > 0 ? malloc((size_t)n) : NULL;
  if (text != NULL)
    WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, n, NULL, NULL);
  return text;
}

/* Modes are ASCII. */
static void widen_mode (const char *mode, WCHAR wide[LONGEST_MODE]) {
  int i;
  for (i = 0; mode[i] != '\0' && i < LONGEST_MODE - 1; i++)
    wide[i] = (unsigned char)mode[i];
  wide[i] = L'\0';
}

FILE *utf8_fopen (const char *path, const char *mode) {
  WCHAR wide_mode[LONGEST_MODE], *wide = widen(path);
  FILE *file = NULL;
  widen_mode(mode, wide_mode);
  if (wide != NULL)
    file = _wfopen(wide, wide_mode);
  free(wide);
  return file;
}

FILE *utf8_freopen (const char *path, const char *mode, FILE *file) {
  WCHAR wide_mode[LONGEST_MODE], *wide;
  FILE *opened = NULL;
  if (path == NULL)
    return freopen(NULL, mode, file);
  wide = widen(path);
  widen_mode(mode, wide_mode);
  if (wide != NULL)
    opened = _wfreopen(wide, wide_mode, file);
  free(wide);
  return opened;
}

FILE *utf8_popen (const char *command, const char *mode) {
  WCHAR wide_mode[LONGEST_MODE], *wide = widen(command);
  FILE *pipe = NULL;
  widen_mode(mode, wide_mode);
  if (wide != NULL)
    pipe = _wpopen(wide, wide_mode);
  free(wide);
  return pipe;
}

int utf8_remove (const char *path) {
  WCHAR *wide = widen(path);
  int result = wide != NULL ? _wremove(wide) : -1;
  free(wide);
  return result;
}

/* Replaces a file that exists, as on POSIX. */
int utf8_rename (const char *from, const char *to) {
  WCHAR *wide_from = widen(from), *wide_to = widen(to);
  int result = -1;
  if (wide_from != NULL && wide_to != NULL) {
    if (MoveFileExW(wide_from, wide_to, MOVEFILE_REPLACE_EXISTING |
                                        MOVEFILE_COPY_ALLOWED))
      result = 0;
    else
      errno = GetLastError() == ERROR_ACCESS_DENIED ||
              GetLastError() == ERROR_SHARING_VIOLATION ? EACCES : ENOENT;
  }
  free(wide_from);
  free(wide_to);
  return result;
}

int utf8_system (const char *command) {
  WCHAR *wide;
  int result;
  if (command == NULL)
    return system(NULL);
  wide = widen(command);
  result = wide != NULL ? _wsystem(wide) : -1;
  free(wide);
  return result;
}

typedef struct variable {
  struct variable *next;
  WCHAR *name;
  char *value;
} variable;

char *utf8_getenv (const char *name) {
  static variable *known = NULL;
  variable *v;
  WCHAR *wide = widen(name);
  const WCHAR *value = wide != NULL ? _wgetenv(wide) : NULL;
  if (value == NULL) {
    free(wide);
    return NULL;
  }
  for (v = known; v != NULL && wcscmp(v->name, wide) != 0; v = v->next) ;
  if (v != NULL)
    free(wide);
  else {
    v = malloc(sizeof *v);
    if (v == NULL) {
      free(wide);
      return NULL;
    }
    v->next = known;
    v->name = wide;
    v->value = NULL;
    known = v;
  }
  free(v->value);
  v->value = narrow(value);
  return v->value;
}

char *utf8_tmpnam (char *path) {
  WCHAR folder[MAX_PATH + 1], file[MAX_PATH + 1];
  if (GetTempPathW(MAX_PATH + 1, folder) == 0 ||
      GetTempFileNameW(folder, L"lua", 0, file) == 0)
    return NULL;
  return WideCharToMultiByte(CP_UTF8, 0, file, -1, path, 3 * MAX_PATH, NULL,
                             NULL) > 0 ? path : NULL;
}

HMODULE utf8_load_library (const char *path, HANDLE file, DWORD flags) {
  WCHAR *wide = widen(path);
  HMODULE module = wide != NULL ? LoadLibraryExW(wide, file, flags) : NULL;
  if (wide == NULL)
    SetLastError(ERROR_INVALID_NAME);
  free(wide);
  return module;
}

DWORD utf8_module_name (HMODULE module, char *path, DWORD size) {
  WCHAR wide[LONGEST_PATH];
  DWORD n = GetModuleFileNameW(module, wide, LONGEST_PATH);
  int bytes;
  if (n == 0 || n == LONGEST_PATH)
    return 0;
  bytes = WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, (int)size, NULL,
                              NULL);
  return bytes > 0 ? (DWORD)bytes - 1 : size;  /* size: the path is too long */
}
