/*
** sse_run.h - runs src/sse.c over pieces of a stream
** SPDX-License-Identifier: MIT
** Writes the events as one text, in the form of sse_reference.h.
*/

#ifndef PREDIBASE_SSE_RUN_H
#define PREDIBASE_SSE_RUN_H

#include <string.h>
#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "sse.h"
#include "sse_reference.h"

/*
** Memory whose end is followed by an unreadable page. Pieces are copied to its
** end, so that a read beyond a piece crashes.
*/
typedef struct guard {
  char *end;
  size_t bytes;
} guard;

static inline void guard_start (guard *g, size_t bytes) {
#if defined(_WIN32)
  size_t page = 65536;  /* a multiple of the size of a page */
  size_t size = (bytes / page + 1) * page;
  DWORD old;
  char *p = VirtualAlloc(NULL, size + page, MEM_RESERVE | MEM_COMMIT,
                         PAGE_READWRITE);
  if (p == NULL || !VirtualProtect(p + size, page, PAGE_NOACCESS, &old))
    abort();
#else
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t size = (bytes / page + 1) * page;
  char *p = mmap(NULL, size + page, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED || mprotect(p + size, page, PROT_NONE) != 0)
    abort();
#endif
  g->end = p + size;
  g->bytes = size;
}

static inline const char *guarded (const guard *g, const char *s, size_t n) {
  if (n > g->bytes)
    abort();
  memcpy(g->end - n, s, n);
  return g->end - n;
}

/* Takes at most 'most' events: peeks at all of them, then pops them. */
static inline void drain (sse *p, text *out, size_t most) {
  sse_event ev;
  size_t n = 0;
  int more = most > 0 && sse_peek(p, &ev);
  while (more) {
    put_event(out, ev.type, ev.type_len, ev.data, ev.data_len, ev.id,
              ev.id_len);
    more = ++n < most && sse_peek_on(p, &ev);
  }
  while (n-- > 0)
    sse_pop(p);
}

/* Writes what is left at the end of the input. */
static inline void drain_end (sse *p, text *out) {
  sse_event ev;
  drain(p, out, (size_t)-1);
  if (sse_feed(p, "", 0) == SSE_TOOBIG)
    put(out, "!", 1);
  else if (sse_finish(p, &ev)) {
    put(out, "<", 1);
    put(out, ev.data, ev.data_len);
    put(out, ">", 1);
  }
}

/* Feeds s as one piece that ends at the unreadable page. */
static inline int feed (sse *p, const guard *g, const char *s, size_t n) {
  return sse_feed(p, guarded(g, s, n), n);
}

static inline int same (const text *a, const text *b) {
  return a->len == b->len && (a->len == 0 || memcmp(a->s, b->s, a->len) == 0);
}

#endif
