/*
** wide_text.h - texts, paths and errors of Windows
** SPDX-License-Identifier: MIT
** This library has all its texts in UTF-8. Windows takes paths in UTF-16, and
** has error numbers of its own. On other systems this file declares
** nothing.
*/

#ifndef PREDIBASE_WIDE_TEXT_H
#define PREDIBASE_WIDE_TEXT_H

#include <stddef.h>

#if defined(_WIN32)

#include "process.h"

/* The longest path in UTF-16 units, and in bytes of UTF-8. */
#define WIDE_PATH 4096
#define NARROW_PATH (3 * WIDE_PATH)

/* Converts a path. Returns 0; ENAMETOOLONG; or EILSEQ if it is not UTF-8. */
int wide_path (const char *path, WCHAR wide[WIDE_PATH]);

/* Converts a path back, without the prefix \\?\. Returns 0 or ENAMETOOLONG. */
int narrow_path (const WCHAR *wide, char *path, size_t size);

/* Returns the error number of C for the last failure of a Windows function. */
int windows_error (void);

#endif

#endif
