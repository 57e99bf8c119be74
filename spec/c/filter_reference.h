/*
** filter_reference.h - stop sequences and reasoning in a whole text
** SPDX-License-Identifier: MIT
** The slow and simple way: each function searches the whole text. The tests
** compare what the streaming code makes of the same text in pieces.
*/

#ifndef PREDIBASE_FILTER_REFERENCE_H
#define PREDIBASE_FILTER_REFERENCE_H

#include <stddef.h>
#include <string.h>

#include "splitter.h"
#include "stop_match.h"

/* A part of a text. */
typedef struct span {
  const char *s;
  size_t n;
} span;

static inline int ends_with (const char *s, size_t n, const char *end,
                             size_t end_n) {
  return end_n <= n && memcmp(s + (n - end_n), end, end_n) == 0;
}

/* Returns what may be shown of the text, and the sequence that was found. */
static inline span reference_stop (span text, const stop_sequence *list,
                                   size_t count, const stop_sequence **found) {
  size_t last, i, cut = 0;
  *found = NULL;
  for (last = 1; last <= text.n; last++) {
    for (i = 0; i < count; i++)
      if (!list[i].is_trim && ends_with(text.s, last, list[i].s, list[i].len)
          && (*found == NULL || list[i].len > (*found)->len))
        *found = &list[i];
    if (*found != NULL) {
      text.n = last - (*found)->len;
      return text;
    }
  }
  for (i = 0; i < count; i++) {
    int line = text.n > 0 && text.s[text.n - 1] == '\n';
    if (!list[i].is_trim) continue;
    if (ends_with(text.s, text.n, list[i].s, list[i].len) &&
        list[i].len > cut) {
      cut = list[i].len;
      *found = &list[i];
    }
    if (line && ends_with(text.s, text.n - 1, list[i].s, list[i].len) &&
        list[i].len + 1 > cut) {
      cut = list[i].len + 1;
      *found = &list[i];
    }
  }
  text.n -= cut;
  return text;
}

static inline int reference_is_space (char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline span reference_trim (span t, int at_start, int at_end) {
  while (at_start && t.n > 0 && reference_is_space(t.s[0])) t.s++, t.n--;
  while (at_end && t.n > 0 && reference_is_space(t.s[t.n - 1])) t.n--;
  return t;
}

/* Returns the position of the mark, or the length of the text. */
static inline size_t reference_find (span t, span mark) {
  size_t i;
  for (i = 0; i + mark.n <= t.n; i++)
    if (memcmp(t.s + i, mark.s, mark.n) == 0) return i;
  return t.n;
}

/* Returns the rest of the text, from 'n' on. */
static inline span reference_rest (span t, size_t n) {
  t.s += n;
  t.n -= n;
  return t;
}

/*
** Separates the reasoning: the answer is *before and *after. For texts whose
** white space is shorter than what a splitter holds back, and marks that do not
** begin with white space.
*/
static inline span reference_split (span text, span open, span close,
                                    int inside, span *before, span *after) {
  span thoughts;
  size_t at;
  *before = *after = reference_rest(text, text.n);
  if (!inside) {
    at = reference_find(text, open);
    *before = text;
    before->n = at;
    if (at == text.n) return reference_rest(text, text.n);
    if (reference_trim(*before, 1, 0).n == 0) before->n = 0;
    text = reference_rest(text, at + open.n);
  }
  at = reference_find(text, close);
  thoughts = text;
  thoughts.n = at;
  if (at < text.n)
    *after = reference_trim(reference_rest(text, at + close.n), 1, 0);
  thoughts = reference_trim(thoughts, 1, 1);
  if (inside && thoughts.n >= open.n &&
      memcmp(thoughts.s, open.s, open.n) == 0)
    thoughts = reference_trim(reference_rest(thoughts, open.n), 1, 1);
  return thoughts;
}

#endif
