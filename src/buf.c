/*
** buf.c - growable byte buffers and the allocator of the C core
** SPDX-License-Identifier: MIT
*/

#include "buf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The first capacity of a buffer: most events and header lines fit. */
#define BUF_FIRST 64

static void *system_realloc (void *p, size_t n) {
  if (n == 0) {
    free(p);
    return NULL;
  }
  return realloc(p, n);
}

/* Changed only by tests, before they allocate anything. */
static void *(*allocator) (void *p, size_t n) = system_realloc;

void *mem_realloc (void *p, size_t n) {
  return allocator(p, n);
}

void mem_wipe (void *p, size_t n) {
  volatile char *s = p;  /* else the compiler would remove the loop */
  while (n-- > 0)
    *s++ = '\0';
}

void mem_set_allocator (void *(*f) (void *p, size_t n)) {
  allocator = (f != NULL) ? f : system_realloc;
}

int buf_reserve (buf *b, size_t n) {
  size_t cap;
  char *data;
  if (n <= b->cap - b->len)
    return 0;
  if (n > SIZE_MAX - b->len)
    return -1;
  cap = (b->cap > SIZE_MAX / 2) ? SIZE_MAX : b->cap * 2;  /* amortised growth */
  if (cap < b->len + n)
    cap = b->len + n;
  if (cap < BUF_FIRST)
    cap = BUF_FIRST;
  data = mem_realloc(b->data, cap);
  if (data == NULL)
    return -1;
  b->data = data;
  b->cap = cap;
  return 0;
}

int buf_append (buf *b, const void *s, size_t n) {
  if (n == 0)
    return 0;  /* 's' and 'data' may be NULL, which memcpy does not allow */
  if (buf_reserve(b, n) != 0)
    return -1;
  memcpy(b->data + b->len, s, n);
  b->len += n;
  return 0;
}

void buf_clear (buf *b) {
  b->len = 0;
}

void buf_free (buf *b) {
  mem_realloc(b->data, 0);
  b->data = NULL;
  b->len = b->cap = 0;
}

void buf_consume (buf *b, size_t n) {
  if (n >= b->len)
    b->len = 0;
  else if (n > 0) {
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
  }
}

void buf_shrink (buf *b, size_t cap) {
  char *data;
  if (cap < b->len)
    cap = b->len;
  if (cap >= b->cap)
    return;
  if (cap == 0) {
    buf_free(b);
    return;
  }
  data = mem_realloc(b->data, cap);
  if (data == NULL)
    return;
  b->data = data;
  b->cap = cap;
}
