/*
** slow_lookup.c - a getaddrinfo for specs, with look-ups that hang or fail
** SPDX-License-Identifier: MIT
** Loaded with LD_PRELOAD. Names that end in "slow.test" are not found, after
** five seconds; names in ".invalid" are not found, immediately. A look-up of a
** name that ends in "held.test" writes a byte to the file LOOKUP_MARK, waits
** until the pipe LOOKUP_GATE is opened, and returns 127.0.0.1. All other names
** are looked up as usual.
*/

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int lookup (const char *, const char *, const struct addrinfo *,
                    struct addrinfo **);

static int ends_in (const char *name, const char *tail) {
  size_t n = strlen(name), m = strlen(tail);
  return n >= m && strcmp(name + n - m, tail) == 0;
}

static void wait_at_gate (void) {
  const char *mark = getenv("LOOKUP_MARK"), *gate = getenv("LOOKUP_GATE");
  int fd = open(mark, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0 || write(fd, "x", 1) != 1) abort();
  close(fd);
  fd = open(gate, O_RDONLY);
  if (fd >= 0) close(fd);
}

int getaddrinfo (const char *name, const char *service,
                 const struct addrinfo *hints, struct addrinfo **found) {
  lookup *real;
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  if (name != NULL && ends_in(name, "slow.test")) {
    sleep(5);
    return EAI_NONAME;
  }
  if (name != NULL && ends_in(name, ".invalid")) return EAI_NONAME;
  if (name != NULL && ends_in(name, "held.test")) {
    wait_at_gate();
    name = "127.0.0.1";
  }
  return real(name, service, hints, found);
}
