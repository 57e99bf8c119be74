/*
** whole_file.h - writes files completely or not at all
** SPDX-License-Identifier: MIT
** What the systems do differently for predibase.replace: whole_file.c for
** POSIX, whole_file_windows.c for Windows. The functions return 0 or an error
** number.
*/

#ifndef PREDIBASE_WHOLE_FILE_H
#define PREDIBASE_WHOLE_FILE_H

#include <stddef.h>

#include "file_path.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** Replaces a path by the one that its symbolic links lead to, which need not
** exist.
*/
int whole_file_follow (char path[FILE_PATH_MAX]);

/* Writes a new file in the folder of 'path' and gives it this path, in place of
** another regular file, whose permissions it gets. Follows no links. */
int whole_file_write (const char *path, const char *text, size_t size);

/*
** Gives a file the owner and the permissions of another one, as far as this
** process may; if it may not, the permissions are fewer. Does nothing if the
** other one does not exist. *failed becomes the path that has failed.
*/
int whole_file_copy_attributes (const char *from, const char *to,
                                const char **failed);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
