/*
** text_filter.c - which part of a stream's text may be shown, token by token
** SPDX-License-Identifier: MIT
*/

#include "text_filter.h"

#include <string.h>

text_filter *text_filter_new (splitter *p, stop_match *m) {
  text_filter *f = mem_realloc(NULL, sizeof *f);
  if (f == NULL) return NULL;
  memset(f, 0, sizeof *f);
  f->splitter = p != NULL ? splitter_hold(p) : NULL;
  f->matcher = m != NULL ? stop_match_hold(m) : NULL;
  return f;
}

void text_filter_free (text_filter *f) {
  if (f == NULL) return;
  splitter_release(f->splitter);
  stop_match_release(f->matcher);
  buf_free(&f->shown);
  buf_free(&f->thoughts);
  buf_free(&f->collected);
  buf_free(&f->part);
  mem_realloc(f, 0);
}

size_t text_filter_room (const text_filter *f, size_t n) {
  if (f->splitter != NULL) n += splitter_held(f->splitter);
  if (f->matcher != NULL) n += f->matcher->held.len;
  return n;
}

int text_filter_passes (text_filter *f, const token *t) {
  const splitter *p = f->splitter;
  stop_match *m = f->matcher;
  size_t n = token_added(t);
  if (p == NULL)
    return stop_match_passes(m, t->text, n, NULL, 0);
  if (t->special == 1) return 0;  /* it may be a mark */
  switch (p->state) {
    case SPLITTER_BEFORE:
      /* The matcher gets no more than what was held back, and the token. */
      return p->begun_before &&
             stop_match_passes(p->open, t->text, n, NULL, 0) &&
             (m == NULL || stop_match_passes(m, p->open->held.data,
                                             p->open->held.len, t->text, n));
    case SPLITTER_INSIDE:
      return !p->has_lead && stop_match_passes(p->close, t->text, n, NULL, 0);
    case SPLITTER_ANSWER:
      return m == NULL || stop_match_passes(m, t->text, n, NULL, 0);
    default:
      return 0;
  }
}

/* Allocates all memory that a token may need. */
static int reserve (text_filter *f, size_t n, int collects) {
  size_t most = text_filter_room(f, n);
  buf_clear(&f->part);
  buf_clear(&f->shown);
  buf_clear(&f->thoughts);
  f->is_last = 0;
  return buf_reserve(&f->part, most) != 0 ||
         buf_reserve(&f->shown, most) != 0 ||
         buf_reserve(&f->thoughts, most) != 0 ||
         (collects && buf_reserve(&f->collected, most) != 0) ||
         (f->splitter != NULL && splitter_reserve_parts(f->splitter, most) != 0)
         ? -1 : 0;
}

int text_filter_take (text_filter *f, const token *t, int collects) {
  buf *part = f->matcher != NULL ? &f->part : &f->shown;
  const char *s = t->text;
  size_t n = token_added(t), used;
  if (reserve(f, n, collects) != 0) return -1;
  if (f->splitter != NULL) {
    if (splitter_feed(f->splitter, s, n, part, &f->thoughts) != 0) return -1;
    s = part->data;
    n = part->len;
  }
  if (f->matcher != NULL)
    stop_match_feed(f->matcher, s, n, &f->shown, &used);
  if (f->splitter != NULL)
    splitter_keep(f->splitter, f->shown.data, f->shown.len, f->thoughts.data,
                  f->thoughts.len);
  if (collects) buf_append(&f->collected, f->shown.data, f->shown.len);
  f->is_last = 1;
  return 0;
}
