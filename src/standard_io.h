/*
** standard_io.h - reads and writes descriptors, and knows terminals
** SPDX-License-Identifier: MIT
** What the systems do differently for predibase.descriptor: standard_io.c for
** POSIX, standard_io_windows.c for Windows. A text on a console of Windows is
** UTF-8 here, too.
*/

#ifndef PREDIBASE_STANDARD_IO_H
#define PREDIBASE_STANDARD_IO_H

#include <stddef.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* Reads what the descriptor has; waits until it has anything. *got is 0 at the
** end. Returns 0 or an error number; EINTR: a signal has ended the wait. */
int standard_io_read (int fd, char *to, size_t n, size_t *got);

/* Writes a part of a text; waits until the descriptor takes any of it. Returns
** 0 or an error number, as above. */
int standard_io_write (int fd, const char *text, size_t n, size_t *done);

/* Tells whether a read would return at once. */
int standard_io_is_ready (int fd);

int standard_io_is_terminal (int fd);

/* Returns the number of columns of a terminal; 0: not known. */
int standard_io_width (int fd);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
