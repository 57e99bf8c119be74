/* links: text_filter.c splitter.c stop_match.c buf.c */
/*
** fuzz_text_filter.c - libFuzzer target for text_filter.c and what it uses
** SPDX-License-Identifier: MIT
** The input has sequences, marks and a text. The text in pieces gives what the
** whole text does; a token passes only where nothing begins or ends.
*/

#include "text_filter.h"

#include <stdint.h>
#include <stdlib.h>

#include "filter_reference.h"

#define MOST 4  /* sequences */

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n);

typedef struct input {
  const uint8_t *bytes;
  size_t n;
} input;

static unsigned byte (input *in) {
  if (in->n == 0) return 0;
  in->n--;
  return *in->bytes++;
}

static span word (input *in, size_t most) {
  span w;
  w.n = byte(in) % (most + 1);
  if (w.n > in->n) w.n = in->n;
  w.s = (const char *)in->bytes;
  in->bytes += w.n;
  in->n -= w.n;
  return w;
}

static void append (buf *b, const char *s, size_t n) {
  if (buf_append(b, s, n) != 0) abort();
}

static void expect (const buf *b, span first, span second) {
  if (b->len != first.n + second.n) abort();
  if (first.n > 0 && memcmp(b->data, first.s, first.n) != 0) abort();
  if (second.n > 0 && memcmp(b->data + first.n, second.s, second.n) != 0)
    abort();
}

/* Feeds the text in pieces of the sizes that 'cuts' tells, byte by byte as an
** option, and through a filter where the token passes. */
static void run (splitter *p, stop_match *m, span text, unsigned cuts,
                 buf *shown, buf *thoughts, int *ended) {
  text_filter *f = text_filter_new(p, m);
  buf part = {NULL, 0, 0};
  if (f == NULL) abort();
  *ended = 0;
  while (text.n > 0 && !*ended) {
    token t = {0, 1, 0, 0, TOKEN_ABSENT, 0, {0}};
    size_t used;
    t.len = 1 + cuts % 5;
    cuts = cuts * 1103515245u + 12345u;
    if (t.len > text.n) t.len = text.n;
    memcpy(t.text, text.s, t.len);
    text = reference_rest(text, t.len);
    if (text_filter_passes(f, &t)) {
      if (text_filter_take(f, &t, 1) != 0) abort();
      append(shown, f->shown.data, f->shown.len);
      append(thoughts, f->thoughts.data, f->thoughts.len);
      continue;
    }
    buf_clear(&part);
    if (p == NULL) append(&part, t.text, t.len);
    else if (splitter_feed(p, t.text, t.len, &part, thoughts) != 0) abort();
    if (m == NULL) append(shown, part.data, part.len);
    else *ended = stop_match_feed(m, part.len > 0 ? part.data : "", part.len,
                                  shown, &used);
  }
  buf_free(&part);
  text_filter_free(f);
}

/* Ends the text. */
static void finish (splitter *p, stop_match *m, int ended, buf *shown,
                    buf *thoughts) {
  buf part = {NULL, 0, 0};
  size_t used;
  if (p != NULL && splitter_rest(p, &part, thoughts) != 0) abort();
  if (ended) buf_clear(&part);
  if (m == NULL) append(shown, part.data, part.len);
  else if (!ended) {
    ended = stop_match_feed(m, part.len > 0 ? part.data : "", part.len, shown,
                            &used);
    if (!ended) {
      const automaton *trimmed = stop_match_trimmed(m);
      size_t cut = trimmed != NULL ? trimmed->state : 0;
      if (cut > m->held.len) abort();
      append(shown, m->held.data, m->held.len - cut);
    }
  }
  buf_free(&part);
}

static void check (splitter *p, stop_match *m, const stop_sequence *list,
                   size_t count, span open, span close, int inside, span text,
                   unsigned cuts) {
  buf shown = {NULL, 0, 0}, thoughts = {NULL, 0, 0}, answer = {NULL, 0, 0};
  span before = text, after = reference_rest(text, text.n), thought = after;
  span whole;
  const stop_sequence *found = NULL;
  int ended;
  run(p, m, text, cuts, &shown, &thoughts, &ended);
  finish(p, m, ended, &shown, &thoughts);
  if (p != NULL)
    thought = reference_split(text, open, close, inside, &before, &after);
  append(&answer, before.s, before.n);
  append(&answer, after.s, after.n);
  whole.s = answer.len > 0 ? answer.data : "";
  whole.n = answer.len;
  if (m != NULL) whole = reference_stop(whole, list, count, &found);
  expect(&shown, whole, reference_rest(whole, whole.n));
  /* The reasoning is that of the text up to where the answer ended. */
  if (!ended) expect(&thoughts, thought, reference_rest(thought, thought.n));
  buf_free(&shown);
  buf_free(&thoughts);
  buf_free(&answer);
}

/* Takes white space and empty texts off a mark. */
static span mark_of (input *in, const char *otherwise) {
  span w = reference_trim(word(in, 6), 1, 1);
  if (w.n > 0) return w;
  w.s = otherwise;
  w.n = strlen(otherwise);
  return w;
}

/* Tells whether the end of the first is the beginning of the second. An opening
** mark that is repeated there is held back as the closing mark, and not
** removed at the end of the text. */
static int overlap (span first, span second) {
  size_t n;
  for (n = 1; n <= first.n && n <= second.n; n++)
    if (memcmp(first.s + first.n - n, second.s, n) == 0) return 1;
  return 0;
}

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n) {
  input in = {bytes, n};
  stop_sequence list[MOST];
  stop_match *m = NULL;
  splitter *p = NULL;
  unsigned what, cuts;
  size_t i, count = 0;
  span open, close, text;
  if (n < 2) return 0;
  what = byte(&in);
  cuts = byte(&in);
  for (i = 0; i < what % (MOST + 1); i++) {
    span w = word(&in, 4);
    if (w.n == 0) continue;
    list[count].s = w.s;
    list[count].len = w.n;
    list[count++].is_trim = (int)(what >> 4 & 1) && i % 2 == 0;
  }
  open = mark_of(&in, "<a>");
  close = mark_of(&in, "</a>");
  if ((what & 0x40) != 0 && overlap(open, close)) return 0;
  text.s = (const char *)in.bytes;
  text.n = in.n < SPLITTER_MAX_SPACE ? in.n : SPLITTER_MAX_SPACE;
  if (count > 0) m = stop_match_new(list, count);
  if ((what & 0x20) != 0 || count == 0)
    p = splitter_new(open.s, open.n, close.s, close.n, (what & 0x40) != 0);
  if ((count > 0 && m == NULL) || (p == NULL && m == NULL)) abort();
  check(p, m, list, count, open, close, (what & 0x40) != 0, text, cuts);
  splitter_release(p);
  stop_match_release(m);
  return 0;
}
