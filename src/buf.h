/*
** buf.h - growable byte buffers and the allocator of the C core
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_BUF_H
#define PREDIBASE_BUF_H

#include <stddef.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** A buffer owns its bytes. All zeros is a valid empty buffer without memory.
*/
typedef struct buf {
  char *data;
  size_t len;  /* bytes in use */
  size_t cap;  /* bytes owned */
} buf;

/*
** Resizes a block, or allocates one if p is NULL; n == 0 frees it and returns
** NULL. If there is no memory, returns NULL and leaves the block unchanged.
** All C code allocates with this function.
*/
void *mem_realloc (void *p, size_t n);

/* Overwrites a secret before its memory is freed. */
void mem_wipe (void *p, size_t n);

/* Replaces the allocator behind mem_realloc, for tests; NULL restores it. */
void mem_set_allocator (void *(*f) (void *p, size_t n));

/* Appends n bytes. Returns 0, or -1 if there is no memory (buffer
** unchanged). */
int buf_append (buf *b, const void *s, size_t n);

/* Allocates memory for n more bytes. Returns 0, or -1 (buffer unchanged). */
int buf_reserve (buf *b, size_t n);

/* Drops the bytes and keeps the memory. */
void buf_clear (buf *b);

/* Frees the memory; the buffer is empty and valid afterwards. */
void buf_free (buf *b);

/* Drops the first n bytes, or all if there are fewer. */
void buf_consume (buf *b, size_t n);

/*
** Frees memory so that at most 'cap' bytes, but all that are in use, stay
** allocated. Does nothing if the allocator refuses.
*/
void buf_shrink (buf *b, size_t cap);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
