/* links: sse.c buf.c */
/*
** fuzz_sse.c - libFuzzer target for src/sse.c
** SPDX-License-Identifier: MIT
** A stream fed in any pieces, as a whole, and byte by byte gives the same
** events as the reference, also at the size limit.
*/

#include <stdint.h>

#include "alloc.h"
#include "sse_run.h"

#define NO_LIMIT ((size_t)-1)

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n);

/* Each piece is a block of its own, so that the sanitizer sees reads beyond
** it. */
static void feed_copy (sse *p, const char *s, size_t n) {
  char *copy = malloc(n > 0 ? n : 1);
  if (copy == NULL)
    abort();
  memcpy(copy, s, n);
  sse_feed(p, copy, n);
  free(copy);
}

/*
** Feeds pieces of the given lengths, in turn; the whole input if there are
** none. Pops 'most' events after each.
*/
static void run (const char *s, size_t n, size_t max, const uint8_t *lengths,
                 size_t k, size_t most, text *out) {
  size_t i = 0, turn = 0;
  sse p;
  out->len = 0;
  sse_init(&p, max);
  while (i < n) {
    size_t slice = (k > 0) ? lengths[turn++ % k] : n;
    if (k > 0 && turn % k == 0 && slice == 0)
      slice = 1;  /* else zero lengths would never end the loop */
    if (slice > n - i)
      slice = n - i;
    feed_copy(&p, s + i, slice);
    drain(&p, out, most);
    i += slice;
  }
  drain_end(&p, out);
  sse_free(&p);
}

static void compare (const text *a, const text *b) {
  if (!same(a, b) || alloc_live != 0)
    abort();
}

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n) {
  static const uint8_t one[] = { 1 };
  text want = { 0 }, out = { 0 };
  const uint8_t *lengths = bytes + 2;
  const char *s;
  size_t max, k;
  if (n < 2)
    return 0;
  max = (bytes[0] == 0) ? NO_LIMIT : bytes[0];
  k = bytes[1] % 16;
  if (n - 2 < k)
    return 0;
  s = (const char *)(lengths + k);
  n -= 2 + k;
  alloc_start(0, 0);
  reference(s, n, max, &want);
  run(s, n, max, NULL, 0, NO_LIMIT, &out);
  compare(&out, &want);
  run(s, n, max, one, 1, 1, &out);
  compare(&out, &want);
  run(s, n, max, lengths, k, NO_LIMIT, &out);
  compare(&out, &want);
  run(s, n, max, lengths, k, 0, &out);
  compare(&out, &want);
  free(want.s);
  free(out.s);
  return 0;
}
