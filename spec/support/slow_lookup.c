/*
** slow_lookup.c - name look-ups that hang or find nothing, for specs
** SPDX-License-Identifier: MIT
** Loaded before libc (LD_PRELOAD). Names that end in "slow.test" take five
** seconds and exist nowhere, nor do those in ".invalid", which take no time.
** Those that end in "held.test" take until somebody opens the pipe that is
** named by LOOKUP_GATE, and are 127.0.0.1; the file LOOKUP_MARK gets a byte
** when it begins. All others are looked up as ever.
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
