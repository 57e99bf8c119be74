/*
** splitter.c - separates reasoning from an answer that arrives in pieces
** SPDX-License-Identifier: MIT
*/

#include "splitter.h"

#include <stdint.h>
#include <string.h>

static int is_space (char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Returns how many bytes of white space the text begins with. */
static size_t leading (const char *s, size_t n) {
  size_t i = 0;
  while (i < n && is_space(s[i])) i++;
  return i;
}

/* Returns the length of the text without the white space at its end. */
static size_t inked (const char *s, size_t n) {
  while (n > 0 && is_space(s[n - 1])) n--;
  return n;
}

/* --- making --------------------------------------------------------------- */

static stop_match *look_for (const char *mark, size_t n) {
  stop_sequence one;
  one.s = mark;
  one.len = n;
  one.is_trim = 0;
  return stop_match_new(&one, 1);
}

splitter *splitter_new (const char *open, size_t open_len, const char *close,
                        size_t close_len, int begins_inside) {
  splitter *p = mem_realloc(NULL, sizeof *p);
  if (p == NULL) return NULL;
  memset(p, 0, sizeof *p);
  p->refs = 1;
  p->state = begins_inside ? SPLITTER_INSIDE : SPLITTER_BEFORE;
  p->has_lead = begins_inside;
  p->open = look_for(open, open_len);
  p->close = look_for(close, close_len);
  if (p->open == NULL || p->close == NULL ||
      buf_append(&p->mark, open, open_len) != 0) {
    splitter_release(p);
    return NULL;
  }
  return p;
}

splitter *splitter_hold (splitter *p) {
  p->refs++;
  return p;
}

void splitter_release (splitter *p) {
  if (p == NULL || --p->refs > 0) return;
  stop_match_release(p->open);
  stop_match_release(p->close);
  buf_free(&p->mark);
  buf_free(&p->space);
  buf_free(&p->lead);
  buf_free(&p->piece);
  buf_free(&p->work);
  buf_free(&p->answer);
  buf_free(&p->reasoning);
  mem_realloc(p, 0);
}

/* --- reading -------------------------------------------------------------- */

size_t splitter_held (const splitter *p) {
  return p->open->held.len + p->close->held.len + p->space.len + p->lead.len;
}

/* Allocates all memory that reading n bytes may need. */
static int reserve (splitter *p, size_t n, buf *answer, buf *thoughts) {
  size_t most = splitter_held(p);
  if (n > SIZE_MAX - most) return -1;
  most += n;
  buf_clear(&p->piece);
  buf_clear(&p->work);
  return buf_reserve(&p->space, most) != 0 ||
         buf_reserve(&p->lead, most) != 0 ||
         buf_reserve(&p->piece, most) != 0 ||
         buf_reserve(&p->work, most) != 0 ||
         buf_reserve(answer, most) != 0 || buf_reserve(thoughts, most) != 0
         ? -1 : 0;
}

/* The functions below only append what 'reserve' has allocated memory for. */

static void set (buf *b, const char *s, size_t n) {
  buf_clear(b);
  buf_append(b, s, n);
}

/* Appends the text of p->piece, which is in front of the opening mark. White
** space at its beginning is held back, because the mark may follow. */
static void show_before (splitter *p, buf *answer) {
  buf *piece = &p->piece;
  if (p->begun_before) {
    buf_append(answer, piece->data, piece->len);
    return;
  }
  buf_append(&p->space, piece->data, piece->len);
  if (leading(p->space.data, p->space.len) < p->space.len ||
      p->space.len > SPLITTER_MAX_SPACE) {
    p->begun_before = 1;
    buf_append(answer, p->space.data, p->space.len);
    buf_clear(&p->space);
  }
}

/* Removes an opening mark that the text of *s repeats. Returns 0 if that cannot
** be told yet. */
static int skip_lead (splitter *p, const char **s, size_t *n) {
  const buf *mark = &p->mark;
  size_t skipped = leading(*s, *n);
  *s += skipped;
  *n -= skipped;
  if (*n < mark->len && (*n == 0 || memcmp(mark->data, *s, *n) == 0)) {
    set(&p->lead, *s, *n);
    return 0;
  }
  p->has_lead = 0;
  buf_clear(&p->lead);
  if (*n >= mark->len && memcmp(mark->data, *s, mark->len) == 0) {
    *s += mark->len;
    *n -= mark->len;
  }
  return 1;
}

/* Appends the text of p->piece, which is reasoning, without the white space at
** its end. */
static void show_reasoning (splitter *p, buf *thoughts) {
  buf *work = &p->work;
  const buf *before = p->has_lead ? &p->lead : &p->space;
  const char *s;
  size_t n, shown;
  set(work, before->data, before->len);
  buf_append(work, p->piece.data, p->piece.len);
  s = work->data;
  n = work->len;
  if (p->has_lead && !skip_lead(p, &s, &n)) return;
  if (!p->begun) {
    size_t skipped = leading(s, n);
    s += skipped;
    n -= skipped;
  }
  if (n == 0) return;
  p->begun = 1;
  shown = inked(s, n);
  if (n - shown > SPLITTER_MAX_SPACE) shown = n - SPLITTER_MAX_SPACE;
  buf_append(thoughts, s, shown);
  set(&p->space, s + shown, n - shown);
}

/* Ends the reasoning. What was held back was no repeated opening mark. */
static void leave (splitter *p, buf *thoughts) {
  if (p->has_lead) {
    p->has_lead = 0;
    set(&p->piece, p->lead.data, p->lead.len);
    buf_clear(&p->lead);
    show_reasoning(p, thoughts);
  }
  buf_clear(&p->space);
  p->state = SPLITTER_GAP;
}

int splitter_feed (splitter *p, const char *s, size_t n, buf *answer,
                   buf *thoughts) {
  size_t used;
  int found;
  if (reserve(p, n, answer, thoughts) != 0) return -1;
  if (p->state == SPLITTER_BEFORE) {
    found = stop_match_feed(p->open, s, n, &p->piece, &used);
    show_before(p, answer);
    if (!found) return 0;
    s += used;
    n -= used;
    buf_clear(&p->space);
    buf_clear(&p->piece);
    p->state = SPLITTER_INSIDE;
  }
  if (p->state == SPLITTER_INSIDE) {
    found = stop_match_feed(p->close, s, n, &p->piece, &used);
    show_reasoning(p, thoughts);
    if (!found) return 0;
    leave(p, thoughts);
    s += used;
    n -= used;
  }
  if (p->state == SPLITTER_GAP) {
    size_t skipped = leading(s, n);
    s += skipped;
    n -= skipped;
    if (n > 0) p->state = SPLITTER_ANSWER;
  }
  buf_append(answer, s, n);
  return 0;
}

int splitter_rest (const splitter *p, buf *answer, buf *thoughts) {
  const buf *held = &p->close->held;
  size_t n;
  if (p->state == SPLITTER_BEFORE)
    return buf_append(answer, p->space.data, p->space.len) != 0 ||
           buf_append(answer, p->open->held.data, p->open->held.len) != 0
           ? -1 : 0;
  if (p->state != SPLITTER_INSIDE) return 0;
  n = inked(held->data, held->len);
  if (n > 0)
    return buf_append(thoughts, p->space.data, p->space.len) != 0 ||
           buf_append(thoughts, p->lead.data, p->lead.len) != 0 ||
           buf_append(thoughts, held->data, n) != 0 ? -1 : 0;
  n = inked(p->lead.data, p->lead.len);
  if (n == 0) return 0;
  return buf_append(thoughts, p->space.data, p->space.len) != 0 ||
         buf_append(thoughts, p->lead.data, n) != 0 ? -1 : 0;
}

/* --- the parts ------------------------------------------------------------ */

int splitter_reserve_parts (splitter *p, size_t n) {
  if (!p->keeps) return 0;
  return buf_reserve(&p->answer, n) != 0 || buf_reserve(&p->reasoning, n) != 0
         ? -1 : 0;
}

int splitter_keep (splitter *p, const char *answer, size_t answer_n,
                   const char *thoughts, size_t thoughts_n) {
  if (!p->keeps) return 0;
  if (buf_reserve(&p->answer, answer_n) != 0 ||
      buf_reserve(&p->reasoning, thoughts_n) != 0)
    return -1;
  buf_append(&p->answer, answer, answer_n);
  buf_append(&p->reasoning, thoughts, thoughts_n);
  return 0;
}
