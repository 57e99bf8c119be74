/* links: buf.c */
/*
** test_buf.c - tests of buf.c: growth, refused memory, shrinking
** SPDX-License-Identifier: MIT
*/

#include <stdint.h>

#include "alloc.h"
#include "tap.h"

static void growth (void) {
  buf b = { 0 };
  size_t i;
  int good = 1;
  alloc_start(0, 0);
  ok(buf_append(&b, NULL, 0) == 0 && b.data == NULL,
     "appending nothing to nothing takes no memory");
  for (i = 0; i < 100000; i++) {
    char c = (char)(i % 251);
    good &= (buf_append(&b, &c, 1) == 0);
  }
  for (i = 0; i < 100000; i++)
    good &= (b.data[i] == (char)(i % 251));
  ok(good && b.len == 100000, "100,000 single bytes stay in order");
  ok(alloc_calls < 20, "single bytes do not mean single allocations");
  buf_consume(&b, 99990);
  ok(b.len == 10 && b.data[0] == (char)(99990 % 251),
     "consuming drops the first bytes");
  buf_consume(&b, 11);
  ok(b.len == 0, "consuming more than there is empties the buffer");
  ok(buf_append(&b, "abc", 3) == 0 && memcmp(b.data, "abc", 3) == 0,
     "an emptied buffer takes bytes again");
  buf_clear(&b);
  ok(b.len == 0 && b.cap > 0, "clearing keeps the memory");
  buf_free(&b);
  ok(b.data == NULL && b.cap == 0 && alloc_live == 0,
     "freeing gives everything back");
  buf_free(&b);
  ok(alloc_live == 0, "freeing twice does nothing");
}

static void reserve (void) {
  buf b = { 0 };
  alloc_start(0, 0);
  ok(buf_reserve(&b, 1000) == 0 && b.cap >= 1000 && b.len == 0,
     "reserving enlarges the block and adds no bytes");
  ok(buf_append(&b, "x", 1) == 0 && alloc_calls == 1,
     "bytes that fit need no further memory");
  ok(buf_reserve(&b, SIZE_MAX) == -1 && b.len == 1 && b.data[0] == 'x',
     "a size that overflows is refused");
  buf_free(&b);
}

static void refusal (void) {
  buf b = { 0 };
  alloc_start(2, 1);
  ok(buf_append(&b, "abc", 3) == 0, "the first block is there");
  ok(buf_append(&b, NULL, 0) == 0, "nothing can still be appended");
  ok(buf_reserve(&b, 5000) == -1, "no memory is reported");
  ok(b.len == 3 && memcmp(b.data, "abc", 3) == 0,
     "a refused append leaves the buffer as it was");
  buf_free(&b);
  ok(alloc_live == 0, "nothing leaks after a refusal");
}

static void shrinking (void) {
  buf b = { 0 };
  alloc_start(0, 0);
  buf_reserve(&b, 10000);
  buf_append(&b, "abcdef", 6);
  buf_shrink(&b, 20000);
  ok(b.cap == 10000, "shrinking never grows");
  buf_shrink(&b, 100);
  ok(b.cap == 100 && memcmp(b.data, "abcdef", 6) == 0,
     "shrinking keeps the bytes");
  buf_shrink(&b, 0);
  ok(b.cap == 6 && b.len == 6, "bytes in use are never cut off");
  alloc_fail_at = alloc_calls + 1;
  buf_consume(&b, 3);
  buf_shrink(&b, 0);
  ok(b.len == 3 && memcmp(b.data, "def", 3) == 0,
     "an allocator that refuses to shrink does no harm");
  buf_clear(&b);
  buf_shrink(&b, 0);
  ok(b.data == NULL && alloc_live == 0, "an empty buffer shrinks to nothing");
}

int main (void) {
  growth();
  reserve();
  refusal();
  shrinking();
  mem_set_allocator(NULL);
  return done();
}
