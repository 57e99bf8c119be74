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
         token_added(t) <= bytes_left(a) &&
         (a->filter == NULL || text_filter_passes(a->filter, t));
}

int answer_take (answer *a, const token *t, int collects) {
  text_filter *f = a->filter;
  size_t n = token_added(t);
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
         token_added(&t) <= bytes_left(a) - used) {
    memcpy(text + used, t.text, token_added(&t));
    used += token_added(&t);
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

/* Tells whether b may be the second byte of a character that begins with a. */
static int goes_on (unsigned a, unsigned b) {
  switch (a) {
    case 0xE0: return b >= 0xA0;  /* else overlong */
    case 0xED: return b < 0xA0;   /* else a surrogate */
    case 0xF0: return b >= 0x90;  /* else overlong */
    case 0xF4: return b < 0x90;   /* else beyond U+10FFFF */
    default: return 1;
  }
}

int answer_is_whole (const char *s, size_t n) {
  const unsigned char *end = (const unsigned char *)s + n;
  size_t back;
  for (back = 1; back <= 3 && back <= n; back++) {
    unsigned a = *(end - back);
    size_t size = a < 0xC2 ? 1 : a < 0xE0 ? 2 : a < 0xF0 ? 3 : a < 0xF5 ? 4 : 1;
    if ((a & 0xC0) == 0x80) continue;
    return size <= back || (back > 1 && !goes_on(a, *(end - back + 1)));
  }
  return 1;
}

void answer_free (answer *a) {
  buf_free(&a->text);
  text_filter_free(a->filter);
  a->filter = NULL;
}
