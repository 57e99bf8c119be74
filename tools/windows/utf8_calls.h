/*
** utf8_calls.h - functions of C that take UTF-8 on Windows
** SPDX-License-Identifier: MIT
** The functions of Windows that take a path as bytes read it in a code page of
** the user's country. tools/windows.sh includes this header before the source
** files of Lua, so that all names of Lua programs are UTF-8.
*/

#ifndef PREDIBASE_UTF8_CALLS_H
#define PREDIBASE_UTF8_CALLS_H

#if !defined(WIN32_LEAN_AND_MEAN)
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>

FILE *utf8_fopen (const char *path, const char *mode);
FILE *utf8_freopen (const char *path, const char *mode, FILE *file);
FILE *utf8_popen (const char *command, const char *mode);
int utf8_remove (const char *path);
int utf8_rename (const char *from, const char *to);
int utf8_system (const char *command);

/* The result is valid until the next call for the same variable. */
char *utf8_getenv (const char *name);

/* Makes an empty file in the folder for temporary files and returns its path;
** tmpnam itself returns a name in the root folder. */
char *utf8_tmpnam (char *path);

HMODULE utf8_load_library (const char *path, HANDLE file, DWORD flags);
DWORD utf8_module_name (HMODULE module, char *path, DWORD size);


#if !defined(UTF8_CALLS_THEMSELVES)
#undef L_tmpnam
#define L_tmpnam 1024
#undef LoadLibraryExA
#undef GetModuleFileNameA
#define fopen utf8_fopen
#define freopen utf8_freopen
#define _popen utf8_popen
#define remove utf8_remove
#define rename utf8_rename
#define system utf8_system
#define getenv utf8_getenv
#define tmpnam utf8_tmpnam
#define LoadLibraryExA utf8_load_library
#define GetModuleFileNameA utf8_module_name
#endif

#endif
