/*
** done_set.h - the rows that an output has already, in little memory
** SPDX-License-Identifier: MIT
** Uses neither Lua nor files.
*/

#ifndef PREDIBASE_DONE_SET_H
#define PREDIBASE_DONE_SET_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/*
** The number of different options that a set can tell apart. They share a byte
** with a flag. An output whose rows were made with more options than this is
** unusual; its further rows count as made with other options.
*/
#define DONE_MAX_OPTIONS 126

/* The most rows: indices are calculated with 32 bits. */
#define DONE_MAX_ROWS ((size_t)3 << 30)

/*
** A hash table with linear probing. Its slots have 'width' bytes and begin with
** the key, which is never 0 in a slot that is in use.
*/
typedef struct done_table {
  unsigned char *slots;
  size_t width;
  size_t capacity, count;  /* slots */
} done_table;

typedef struct done_set {
  done_table done;  /* rows of the output */
  done_table seen;  /* keys of this run that the output does not have */
  uint32_t options[DONE_MAX_OPTIONS];
  unsigned options_count;
} done_set;

typedef enum done_state {
  DONE_NOT, DONE_SAME, DONE_ROW_CHANGED, DONE_OPTIONS_CHANGED
} done_state;

/* Returns the 64-bit FNV-1a hash of n bytes. */
uint64_t done_hash (const char *s, size_t n);

/* Returns the key of a row: made from its id, or from its line number. */
uint64_t done_id_key (const char *id, size_t n);
uint64_t done_line_key (uint64_t line);

/*
** Makes an empty set with memory for so many rows of the output. Returns 0, or
** -1 if there is no memory; the set is then empty and needs no freeing.
*/
int done_set_init (done_set *s, size_t rows);

/* Frees the memory. The set is empty and valid afterwards. */
void done_set_free (done_set *s);

/*
** Adds a row of the output with the hashes of its bytes and of its options, or
** replaces them. Returns 1 if the row is new, 0 if its key was there already,
** and -1 if there is no memory (set unchanged).
*/
int done_set_add (done_set *s, uint64_t key, uint64_t row, uint32_t options);

/* Tells whether the output has a row, and what has changed since. */
done_state done_set_state (const done_set *s, uint64_t key, uint64_t row,
                           uint32_t options);

/*
** Marks the key of a row of this run. Returns 1 if it was marked already, 0 if
** not, and -1 if there is no memory (set unchanged).
*/
int done_set_repeats (done_set *s, uint64_t key);

/* Returns the bytes that the set has allocated. */
size_t done_set_bytes (const done_set *s);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
