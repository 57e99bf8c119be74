/*
** record_file.h - a locked file that only grows
** SPDX-License-Identifier: MIT
** What the systems do differently for predibase.append: record_file.c for
** POSIX, record_file_windows.c for Windows.
*/

#ifndef PREDIBASE_RECORD_FILE_H
#define PREDIBASE_RECORD_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "file_path.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Failures besides those with an error number, which is positive. */
#define RECORD_FILE_REPLACED (-1)  /* the path leads to another file now */
#define RECORD_FILE_MIXED (-2)  /* another process has written to the file */
#define RECORD_FILE_IRREGULAR (-3)  /* a device or a pipe */
#define RECORD_FILE_LOCKED (-4)  /* by another run */
#define RECORD_FILE_NO_LOCKS (-5)  /* the file system has none */

/* Functions that return int return 0, an error number, or a failure of the
** list above. */

typedef struct record_file {
  intptr_t handle;  /* -1 = closed */
  char path[FILE_PATH_MAX];  /* absolute, without symbolic links */
} record_file;

/*
** Opens a regular file and locks it, or makes it. Between the two, another run
** may end and remove the file: then the path leads elsewhere, and the result is
** RECORD_FILE_REPLACED.
*/
int record_file_open (record_file *f, const char *path);

/* Closes the file, which must be open. */
int record_file_close (record_file *f);

/* Tells whether the path of the file still leads to it. */
int record_file_check (const record_file *f);

/* Writes the file to the disk. */
int record_file_flush (const record_file *f);

/* Finds the size. */
int record_file_size (const record_file *f, int64_t *size);

int record_file_shorten (const record_file *f, int64_t size);

/* Reads up to n bytes at an offset; *got is 0 at the end. */
int record_file_read (const record_file *f, char *to, size_t n, int64_t at,
                      size_t *got);

/* Writes bytes at the end; *done is their number, fewer after a failure. */
int record_file_write (const record_file *f, const char *text, size_t n,
                       size_t *done);

/* Deletes the file of a path. */
int record_file_delete (const char *path);

/* Gives the file another path in its folder, in place of another file. */
int record_file_rename (record_file *f, const char *path);

/* Tells whether two paths lead to the same file: 1, or 0. */
int record_file_same (const char *a, const char *b);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
