/*
** file_path.h - the longest path of a file
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_FILE_PATH_H
#define PREDIBASE_FILE_PATH_H

#include <limits.h>

/* In bytes, with the zero byte at the end. Linux and the BSDs refuse longer
** paths; not every system has such a limit. */
#if defined(_WIN32)
#define FILE_PATH_MAX 12288  /* NARROW_PATH of wide_text.h */
#elif defined(PATH_MAX)
#define FILE_PATH_MAX PATH_MAX
#else
#define FILE_PATH_MAX 4096
#endif

#endif
