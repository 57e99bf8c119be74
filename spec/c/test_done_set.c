/* links: done_set.c buf.c */
/*
** test_done_set.c - tests of done_set.c
** SPDX-License-Identifier: MIT
** Random operations are compared with a list that is searched.
*/

#include "done_set.h"

#include "alloc.h"
#include "tap.h"

#define MANY 500

typedef struct row {
  uint64_t key, hash;
  uint32_t options;
  int added, met;
} row;

/* A fixed seed: the same numbers in each run. */
static unsigned random_next (void) {
  static unsigned state = 12345;
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

static void hashes (void) {
  ok(done_hash("", 0) == UINT64_C(0xcbf29ce484222325), "the hash of nothing");
  ok(done_hash("a", 1) == UINT64_C(0xaf63dc4c8601ec8c), "the hash of a");
  ok(done_hash("foobar", 6) == UINT64_C(0x85944171f73967e8),
     "the hash of foobar");
  ok(done_line_key(0) != 0 && done_line_key(1) != done_line_key(2),
     "no key is 0");
}

static void simple (void) {
  done_set s;
  uint64_t a = done_id_key("a", 1), b = done_line_key(7);
  alloc_start(0, 0);
  ok(done_set_init(&s, 0) == 0 && alloc_calls == 0,
     "an empty set needs no memory");
  ok(done_set_state(&s, a, 1, 2) == DONE_NOT, "an empty set has no row");
  ok(done_set_add(&s, a, 1, 2) == 1, "a row is added");
  ok(done_set_state(&s, a, 1, 2) == DONE_SAME, "the same row is done");
  ok(done_set_state(&s, a, 3, 2) == DONE_ROW_CHANGED, "other bytes");
  ok(done_set_state(&s, a, 1, 3) == DONE_OPTIONS_CHANGED, "other options");
  ok(done_set_state(&s, a, 3, 3) == DONE_ROW_CHANGED, "both are others");
  ok(done_set_state(&s, b, 1, 2) == DONE_NOT, "another row is not done");
  ok(done_set_add(&s, a, 3, 3) == 0 && s.done.count == 1, "a row is replaced");
  ok(done_set_state(&s, a, 3, 3) == DONE_SAME, "the last one counts");
  ok(done_set_repeats(&s, a) == 0 && done_set_repeats(&s, a) == 1,
     "a done row is met twice");
  ok(done_set_state(&s, a, 3, 3) == DONE_SAME, "it is still done");
  ok(done_set_repeats(&s, b) == 0 && done_set_repeats(&s, b) == 1,
     "another row is met twice");
  ok(done_set_state(&s, b, 3, 3) == DONE_NOT, "it is still not done");
  done_set_free(&s);
  ok(alloc_live == 0, "nothing leaks");
}

static void many_options (void) {
  done_set s;
  uint32_t i;
  int right = 1;
  alloc_start(0, 0);
  done_set_init(&s, 0);
  for (i = 0; i < 2 * DONE_MAX_OPTIONS; i++)
    done_set_add(&s, done_line_key(i), i, i + 1000);
  for (i = 0; i < 2 * DONE_MAX_OPTIONS; i++) {
    done_state wanted = i < DONE_MAX_OPTIONS ? DONE_SAME : DONE_OPTIONS_CHANGED;
    right = right && done_set_state(&s, done_line_key(i), i, i + 1000) == wanted
            && done_set_state(&s, done_line_key(i), i, 999)
               == DONE_OPTIONS_CHANGED;
  }
  ok(right, "rows with too many different options never count as done");
  done_set_free(&s);
}

static void random_operations (size_t expected) {
  static row rows[MANY];
  done_set s;
  int i, right = 1;
  memset(rows, 0, sizeof rows);
  alloc_start(0, 0);
  done_set_init(&s, expected);
  for (i = 0; i < MANY; i++)
    rows[i].key = i % 2 ? done_line_key(random_next())
                        : (uint64_t)random_next() + 1;  /* all in one place */
  for (i = 0; i < 20 * MANY; i++) {
    row *r = &rows[random_next() % MANY];
    uint64_t hash = random_next() % 3;
    uint32_t options = random_next() % 3;
    done_state state = done_set_state(&s, r->key, hash, options), wanted;
    wanted = !r->added ? DONE_NOT
             : r->hash != hash ? DONE_ROW_CHANGED
             : r->options != options ? DONE_OPTIONS_CHANGED : DONE_SAME;
    right = right && state == wanted;
    if (random_next() % 4 == 0) {
      right = right && done_set_add(&s, r->key, hash, options) == !r->added;
      r->added = 1;
      r->hash = hash;
      r->options = options;
    }
    else if (random_next() % 8 == 0) {
      right = right && done_set_repeats(&s, r->key) == r->met;
      r->met = 1;
    }
  }
  ok(right, "random operations agree with a list");
  done_set_free(&s);
  ok(alloc_live == 0, "nothing leaks");
}

static void sizes (void) {
  done_set s;
  size_t n;
  uint64_t i;
  int right = 1;
  for (n = 64; n < 30000; n = n * 3 / 2) {
    alloc_start(0, 0);
    done_set_init(&s, n);
    for (i = 0; i < n; i++)
      done_set_add(&s, done_line_key(i), i, 1);
    for (i = 0; i < n; i++)
      done_set_repeats(&s, done_line_key(i));
    right = right && alloc_calls == 1 && alloc_peak <= 16 * n
            && alloc_live == done_set_bytes(&s);
    done_set_free(&s);
  }
  ok(right, "one allocation of 16 bytes for each row that was announced");
}

static void no_memory (void) {
  done_set s;
  int refused = 0, right = 1;
  uint64_t i;
  alloc_start(1, 1);
  ok(done_set_init(&s, 100) == -1 && done_set_bytes(&s) == 0,
     "no memory for the first allocation");
  ok(done_set_init(&s, SIZE_MAX) == -1, "more rows than a set can have");
  alloc_start(4, 1);
  done_set_init(&s, 10);
  for (i = 0; i < 100; i++) {
    int added = done_set_add(&s, done_line_key(i), i, 1);
    refused += added < 0;
    right = right && (done_set_state(&s, done_line_key(i), i, 1) == DONE_SAME)
                     == (added > 0);
  }
  for (i = 1000; i < 1100; i++)
    refused += done_set_repeats(&s, done_line_key(i)) < 0;
  ok(right && refused > 100, "without memory a set keeps what it has");
  for (i = 0; i < s.done.count; i++)
    right = right && done_set_state(&s, done_line_key(i), i, 1) == DONE_SAME;
  ok(right, "all of it can be found");
  done_set_free(&s);
  ok(alloc_live == 0, "nothing leaks");
}

int main (void) {
  hashes();
  simple();
  many_options();
  random_operations(0);
  random_operations(MANY);
  sizes();
  no_memory();
  return done();
}
