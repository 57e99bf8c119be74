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
         answer_len(t) <= bytes_left(a) &&
         (a->filter == NULL || text_filter_passes(a->filter, t));
}

int answer_take (answer *a, const token *t, int collects) {
  text_filter *f = a->filter;
  size_t n = answer_len(t);
  if (f == NULL) return answer_add(a, t->text, n, 1);
  if (a->kept && buf_reserve(&a->text, text_filter_room(f, n)) != 0) return -1;
  if (text_filter_take(f, t, collects) != 0) return -1;
  /* With a splitter, the text is that of both parts. */
  if (f->splitter != NULL) return answer_add(a, t->text, n, 1);
  return answer_add(a, f->shown.data, f->shown.len, 1);
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
  text_filter_free(a->filter);
  a->filter = NULL;
}
