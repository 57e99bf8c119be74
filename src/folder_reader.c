/*
** folder_reader.c - reads the names in a folder: POSIX
** SPDX-License-Identifier: MIT
*/

#include "folder_reader.h"

#if !defined(_WIN32)

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

/* A DIR is all that there is to keep. */

folder_reader *folder_reader_open (const char *path, int *error) {
  DIR *f = opendir(path);
  *error = f == NULL ? errno : 0;
  return (folder_reader *)(void *)f;
}

const char *folder_reader_next (folder_reader *f, int *error) {
  const struct dirent *entry;
  errno = 0;
  entry = readdir((DIR *)(void *)f);
  *error = entry == NULL ? errno : 0;
  return entry != NULL ? entry->d_name : NULL;
}

void folder_reader_close (folder_reader *f) {
  closedir((DIR *)(void *)f);
}

#endif
