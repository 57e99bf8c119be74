/*
** done_set.c - the rows that an output has already, in little memory
** SPDX-License-Identifier: MIT
**
** Hash tables that are nearly full need little memory. Robin Hood hashing keeps
** their probes short: a row that is far from its own slot takes the place of
** one that is nearer to its own. It also ends the search for a key that is not
** there, at the first row that is nearer to its own slot than the key would be.
*/

#include "done_set.h"

#include <string.h>

#include "buf.h"

/* A slot of 'done': 8 bytes of key, 5 of the row's hash, 1 of options and flag.
** With 9 of 10 slots in use, this makes 15.6 bytes for a row. */
#define ROW_AT 8
#define MARK_AT 13
#define DONE_WIDTH 14

/* A slot of 'seen': the key alone. */
#define SEEN_WIDTH 8

#define WIDEST DONE_WIDTH

/* In MARK_AT: this run has met the row; the other bits are the number of its
** options, or DONE_MAX_OPTIONS if these could not be kept. */
#define MET 0x80u

/* The first capacity of a table whose size is not known. */
#define FIRST 16

uint64_t done_hash (const char *s, size_t n) {
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  size_t i;
  for (i = 0; i < n; i++) {
    h ^= (unsigned char)s[i];
    h *= UINT64_C(0x100000001b3);
  }
  return h;
}

/*
** Distributes numbers evenly (the last step of MurmurHash3), because the slot
** is taken from their first bits. Different numbers stay different. 0 marks an
** empty slot, so it becomes 1.
*/
static uint64_t as_key (uint64_t h) {
  h ^= h >> 33;
  h *= UINT64_C(0xff51afd7ed558ccd);
  h ^= h >> 33;
  h *= UINT64_C(0xc4ceb9fe1a85ec53);
  h ^= h >> 33;
  return h != 0 ? h : 1;
}

uint64_t done_id_key (const char *id, size_t n) {
  return as_key(done_hash(id, n));
}

uint64_t done_line_key (uint64_t line) {
  return as_key(line);
}

/* --- tables --------------------------------------------------------------- */

static unsigned char *slot_at (const done_table *t, size_t i) {
  return t->slots + i * t->width;
}

static uint64_t key_at (const done_table *t, size_t i) {
  uint64_t key;
  memcpy(&key, slot_at(t, i), sizeof key);
  return key;
}

/* Returns the slot where a key belongs. */
static size_t home (const done_table *t, uint64_t key) {
  return (size_t)(((key >> 32) * (uint64_t)t->capacity) >> 32);
}

/* Returns how far slot i is behind the slot where its key belongs. */
static size_t distance (const done_table *t, size_t i, uint64_t key) {
  size_t h = home(t, key);
  return i >= h ? i - h : i + t->capacity - h;
}

/* Returns the slot of a key, or NULL. */
static unsigned char *find (const done_table *t, uint64_t key) {
  size_t i, far;
  if (t->count == 0)
    return NULL;
  i = home(t, key);
  for (far = 0; far < t->capacity; far++) {
    uint64_t other = key_at(t, i);
    if (other == key)
      return slot_at(t, i);
    if (other == 0 || distance(t, i, other) < far)
      return NULL;
    i = i + 1 < t->capacity ? i + 1 : 0;
  }
  return NULL;
}

/* Inserts a slot whose key is not there yet. There must be an empty slot. */
static void insert (done_table *t, const unsigned char *slot) {
  unsigned char moving[WIDEST], other[WIDEST];
  uint64_t key;
  size_t i, far = 0;
  memcpy(moving, slot, t->width);
  memcpy(&key, moving, sizeof key);
  i = home(t, key);
  for (;;) {
    uint64_t there = key_at(t, i);
    if (there == 0)
      break;
    if (distance(t, i, there) < far) {
      memcpy(other, slot_at(t, i), t->width);
      memcpy(slot_at(t, i), moving, t->width);
      memcpy(moving, other, t->width);
      far = distance(t, i, there);
    }
    i = i + 1 < t->capacity ? i + 1 : 0;
    far++;
  }
  memcpy(slot_at(t, i), moving, t->width);
  t->count++;
}

/* Moves the table to new memory of so many slots. Returns 0, or -1 if there is
** no memory (table unchanged). */
static int resize (done_table *t, size_t capacity) {
  done_table larger = *t;
  size_t i;
  if (capacity > UINT32_MAX || capacity > SIZE_MAX / t->width)
    return -1;
  larger.slots = mem_realloc(NULL, capacity * t->width);
  if (larger.slots == NULL)
    return -1;
  memset(larger.slots, 0, capacity * t->width);
  larger.capacity = capacity;
  larger.count = 0;
  for (i = 0; i < t->capacity; i++)
    if (key_at(t, i) != 0)
      insert(&larger, slot_at(t, i));
  mem_realloc(t->slots, 0);
  *t = larger;
  return 0;
}

/* Makes room for one more key. At most 9 of 10 slots are in use. */
static int make_room (done_table *t) {
  size_t used = t->capacity - t->capacity / 10;
  if (t->count < used && t->count + 1 < t->capacity)
    return 0;
  return resize(t, t->capacity < FIRST ? FIRST
                                       : t->capacity + t->capacity / 2);
}

/* --- sets ----------------------------------------------------------------- */

int done_set_init (done_set *s, size_t rows) {
  memset(s, 0, sizeof *s);
  s->done.width = DONE_WIDTH;
  s->seen.width = SEEN_WIDTH;
  if (rows == 0)
    return 0;
  if (rows > DONE_MAX_ROWS)
    return -1;
  return resize(&s->done, rows + rows / 9 + 2);
}

static void table_free (done_table *t) {
  mem_realloc(t->slots, 0);
  t->slots = NULL;
  t->capacity = t->count = 0;
}

void done_set_free (done_set *s) {
  table_free(&s->done);
  table_free(&s->seen);
  s->options_count = 0;
}

/* Returns the number of these options, or DONE_MAX_OPTIONS. */
static unsigned find_options (const done_set *s, uint32_t options) {
  unsigned i;
  for (i = 0; i < s->options_count; i++)
    if (s->options[i] == options)
      return i;
  return DONE_MAX_OPTIONS;
}

/* Keeps 40 bits of a row's hash, to which all of its bits contribute. */
static void write_row (unsigned char *slot, uint64_t row) {
  int i;
  row = as_key(row);
  for (i = 0; i < MARK_AT - ROW_AT; i++)
    slot[ROW_AT + i] = (unsigned char)((row >> (8 * i)) & 0xff);
}

int done_set_add (done_set *s, uint64_t key, uint64_t row, uint32_t options) {
  unsigned char fresh[DONE_WIDTH];
  unsigned char *slot = find(&s->done, key);
  unsigned number;
  if (slot == NULL && make_room(&s->done) != 0)
    return -1;
  number = find_options(s, options);
  if (number == DONE_MAX_OPTIONS && s->options_count < DONE_MAX_OPTIONS) {
    number = s->options_count++;
    s->options[number] = options;
  }
  if (slot != NULL) {
    write_row(slot, row);
    slot[MARK_AT] = (unsigned char)((slot[MARK_AT] & MET) | number);
    return 0;
  }
  memcpy(fresh, &key, sizeof key);
  write_row(fresh, row);
  fresh[MARK_AT] = (unsigned char)number;
  insert(&s->done, fresh);
  return 1;
}

done_state done_set_state (const done_set *s, uint64_t key, uint64_t row,
                           uint32_t options) {
  unsigned char wanted[DONE_WIDTH];
  const unsigned char *slot = find(&s->done, key);
  unsigned number;
  if (slot == NULL)
    return DONE_NOT;
  write_row(wanted, row);
  if (memcmp(slot + ROW_AT, wanted + ROW_AT, MARK_AT - ROW_AT) != 0)
    return DONE_ROW_CHANGED;
  number = slot[MARK_AT] & ~MET;
  if (number == DONE_MAX_OPTIONS || number != find_options(s, options))
    return DONE_OPTIONS_CHANGED;
  return DONE_SAME;
}

int done_set_repeats (done_set *s, uint64_t key) {
  unsigned char fresh[SEEN_WIDTH];
  unsigned char *slot = find(&s->done, key);
  if (slot != NULL) {
    int met = (slot[MARK_AT] & MET) != 0 || find(&s->seen, key) != NULL;
    slot[MARK_AT] = (unsigned char)(slot[MARK_AT] | MET);
    return met;
  }
  if (find(&s->seen, key) != NULL)
    return 1;
  if (make_room(&s->seen) != 0)
    return -1;
  memcpy(fresh, &key, sizeof key);
  insert(&s->seen, fresh);
  return 0;
}

size_t done_set_bytes (const done_set *s) {
  return s->done.capacity * s->done.width + s->seen.capacity * s->seen.width;
}
