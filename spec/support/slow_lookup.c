/*
** slow_lookup.c - name look-ups that hang or find nothing, for specs
** SPDX-License-Identifier: MIT
** Loaded before libc (LD_PRELOAD). Names that end in "slow.test" take five
** seconds and exist nowhere, nor do those in ".invalid", which take no time;
** all others are looked up as ever.
*/

#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int lookup (const char *, const char *, const struct addrinfo *,
                    struct addrinfo **);

static int ends_in (const char *name, const char *tail) {
  size_t n = strlen(name), m = strlen(tail);
  return n >= m && strcmp(name + n - m, tail) == 0;
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
  return real(name, service, hints, found);
}
