/*
** answer.c - the text of a stream, as its tokens are read
** SPDX-License-Identifier: MIT
*/

#include "answer.h"

#include <string.h>

void answer_init (answer *a, size_t limit, int kept) {
  memset(a, 0, sizeof *a);
  a->limit = limit;
  a->kept = kept;
}

/* Returns how many bytes of text may still come. */
static size_t bytes_left (const answer *a) {
  return a->size < a->limit ? a->limit - a->size : 0;
}

int answer_peek (const answer *a, const sse *p, token *t) {
  sse_event ev;
  return sse_peek(p, &ev) && token_read(t, ev.data, ev.data_len) &&
         answer_len(t) <= bytes_left(a);
}

size_t answer_gather (const answer *a, const sse *p, char *text, size_t size,
                      size_t *len) {
  sse_event ev;
  token t;
  size_t n = 0, used = 0;
  int more = sse_peek(p, &ev);
  while (more && size - used >= sizeof t.text &&
         token_read(&t, ev.data, ev.data_len) &&
         answer_len(&t) <= bytes_left(a) - used) {
    memcpy(text + used, t.text, answer_len(&t));
    used += answer_len(&t);
    n++;
    more = sse_peek_on(p, &ev);
  }
  *len = used;
  return n;
}

int answer_add (answer *a, const char *s, size_t n, size_t tokens) {
  if (a->kept && buf_append(&a->text, s, n) != 0)
    return -1;
  a->tokens += tokens;
  a->size += n;
  return 0;
}

void answer_free (answer *a) {
  buf_free(&a->text);
}
