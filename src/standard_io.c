/*
** standard_io.c - reads and writes descriptors, and knows terminals: POSIX
** SPDX-License-Identifier: MIT
*/

#include "standard_io.h"

#if !defined(_WIN32)

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Tells whether a descriptor would only block. Then this waits until it does
** not; another program may have made it non-blocking. */
static int waited (int fd, short events) {
  struct pollfd one;
  if (errno != EAGAIN && errno != EWOULDBLOCK)
    return 0;
  one.fd = fd;
  one.events = events;
  one.revents = 0;
  return poll(&one, 1, -1) >= 0;  /* otherwise errno is that of poll */
}

int standard_io_read (int fd, char *to, size_t n, size_t *got) {
  ssize_t some;
  do
    some = read(fd, to, n);
  while (some < 0 && waited(fd, POLLIN));
  *got = some > 0 ? (size_t)some : 0;
  return some < 0 ? errno : 0;
}

int standard_io_write (int fd, const char *text, size_t n, size_t *done) {
  ssize_t some;
  do
    some = write(fd, text, n);
  while (some < 0 && waited(fd, POLLOUT));
  *done = some > 0 ? (size_t)some : 0;
  return some < 0 ? errno : 0;
}

int standard_io_is_ready (int fd) {
  struct pollfd one;
  one.fd = fd;
  one.events = POLLIN;
  one.revents = 0;
  return poll(&one, 1, 0) != 0;
}

int standard_io_is_terminal (int fd) {
  return isatty(fd);
}

int standard_io_width (int fd) {
  struct winsize size;
  memset(&size, 0, sizeof size);
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

#endif
