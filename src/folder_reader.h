/*
** folder_reader.h - reads the names in a folder
** SPDX-License-Identifier: MIT
** What the systems do differently for predibase.folder: folder_reader.c for
** POSIX, folder_reader_windows.c for Windows.
*/

#ifndef PREDIBASE_FOLDER_READER_H
#define PREDIBASE_FOLDER_READER_H

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

typedef struct folder_reader folder_reader;

/* Opens a folder. Returns NULL and an error number in *error. */
folder_reader *folder_reader_open (const char *path, int *error);

/* Returns the next name, which is valid until the next call; NULL at the end
** (*error is 0) or after a failure (*error is its number). */
const char *folder_reader_next (folder_reader *f, int *error);

void folder_reader_close (folder_reader *f);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
