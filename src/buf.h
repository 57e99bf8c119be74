/*
** buf.h
** Growable bytes, and the one allocator that all C code goes through.
** SPDX-License-Identifier: MIT
*/

#ifndef BUF_H
#define BUF_H

#include <stddef.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** A buffer owns its bytes. One that is all zeros is empty and valid; it
** holds no memory until the first byte comes in.
*/
typedef struct buf {
  char *data;
  size_t len;  /* bytes in use */
  size_t cap;  /* bytes owned */
} buf;

/*
** Resizes a block (or makes one, when p is NULL); n == 0 frees it and
** returns NULL. Returns NULL and leaves the block alone when there is no
** memory.
*/
void *mem_realloc (void *p, size_t n);

/* Clears memory that held a secret, before it is freed. */
void mem_wipe (void *p, size_t n);

/* Replaces what mem_realloc calls. For tests only; NULL restores it. */
void mem_set_allocator (void *(*f) (void *p, size_t n));

/* Appends n bytes. Returns 0, or -1 (no memory, buffer unchanged). */
int buf_append (buf *b, const void *s, size_t n);

/* Makes room for n more bytes. Returns 0, or -1 (buffer unchanged). */
int buf_reserve (buf *b, size_t n);

/* Forgets the bytes and keeps the memory. */
void buf_clear (buf *b);

/* Gives the memory back; the buffer is empty and valid afterwards. */
void buf_free (buf *b);

/* Drops the first n bytes (all of them when there are fewer). */
void buf_consume (buf *b, size_t n);

/*
** Gives memory back so that at most 'cap' bytes (but never less than are
** in use) stay owned. Does nothing when the allocator refuses.
*/
void buf_shrink (buf *b, size_t cap);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
