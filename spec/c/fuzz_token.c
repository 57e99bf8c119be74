/* links: token.c */
/*
** fuzz_token.c - libFuzzer target for src/token.c
** SPDX-License-Identifier: MIT
** The reader never reads beyond the event, accepts nothing but objects, and
** returns only values within the documented ranges.
*/

#include "token.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n) {
  char *copy = malloc(n + 1);
  token t;
  if (copy == NULL) return 0;
  if (n > 0) memcpy(copy, bytes, n);
  if (token_read(&t, copy, n)) {
    token again;
    if (t.id < 0 || t.len > sizeof t.text || n < 2) abort();
    if (t.has_logprob && !isfinite(t.logprob)) abort();
    if (t.special < TOKEN_ABSENT || t.special > 1) abort();
    if (t.skipped < TOKEN_ABSENT || t.skipped > 1) abort();
    copy[n] = ' ';  /* white space after the object changes nothing */
    if (!token_read(&again, copy, n + 1) || again.id != t.id ||
        again.len != t.len || memcmp(again.text, t.text, t.len) != 0)
      abort();
    copy[n] = '}';
    if (token_read(&again, copy, n + 1)) abort();
  }
  free(copy);
  return 0;
}
