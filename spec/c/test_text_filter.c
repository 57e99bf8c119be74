/* links: text_filter.c splitter.c stop_match.c buf.c */
/*
** test_text_filter.c - tests of text_filter.c, splitter.c and stop_match.c
** SPDX-License-Identifier: MIT
** The same texts at every cut, compared with filter_reference.h; and all of it
** without memory.
*/

#include "text_filter.h"

#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "filter_reference.h"
#include "tap.h"

typedef struct sample {
  const char *text;
  const char *stop, *trim;  /* NULL: none */
  int splits, inside;
} sample;

static const sample samples[] = {
  {"Hello END more", "END", NULL, 0, 0},
  {"EEENDEND", "END", NULL, 0, 0},
  {"aabaabaaab!", "aabaaab", NULL, 0, 0},
  {"done END\n", NULL, "END", 0, 0},
  {"done END\n\n", NULL, "END", 0, 0},
  {"say STOP</s>", "STOP", "</s>", 0, 0},
  {" \n <think>a</think> b ", NULL, NULL, 1, 0},
  {"Well. <think>a</think>\nb", "b", NULL, 1, 0},
  {"<think>a\n b \n", NULL, NULL, 1, 0},
  {"  <thi", "x", NULL, 1, 0},
  {"no marks, END", "END", "marks", 1, 0},
  {"<<think>a<</think>b", NULL, "b", 1, 0},
  {"\n<think> END\n</think>yes END", "END", NULL, 1, 1},
  {"a </thi", NULL, NULL, 1, 1},
  {"<thinker>x</think>y", NULL, "y", 1, 1},
  {"\n\n</think>\n\nYes.\n", NULL, "Yes.", 1, 1},
};

#define SAMPLES (sizeof samples / sizeof samples[0])

static span span_of (const char *s) {
  span made;
  made.s = s;
  made.n = strlen(s);
  return made;
}

static size_t list_of (const sample *one, stop_sequence *list) {
  size_t n = 0;
  if (one->stop != NULL) {
    list[n].s = one->stop;
    list[n].len = strlen(one->stop);
    list[n++].is_trim = 0;
  }
  if (one->trim != NULL) {
    list[n].s = one->trim;
    list[n].len = strlen(one->trim);
    list[n++].is_trim = 1;
  }
  return n;
}

/* The texts of a run, and what read them. */
typedef struct run {
  splitter *p;
  stop_match *m;
  text_filter *f;
  buf shown, thoughts, part;
  int ended;
  int passed;  /* tokens that went through the filter */
} run;

static int start (run *r, const sample *one) {
  stop_sequence list[2];
  size_t n = list_of(one, list);
  memset(r, 0, sizeof *r);
  if (n > 0 && (r->m = stop_match_new(list, n)) == NULL) return -1;
  if (one->splits &&
      (r->p = splitter_new("<think>", 7, "</think>", 8, one->inside)) == NULL)
    return -1;
  if (r->p != NULL) r->p->keeps = 1;
  r->f = text_filter_new(r->p, r->m);
  return r->f != NULL ? 0 : -1;
}

static void stop (run *r) {
  text_filter_free(r->f);
  splitter_release(r->p);
  stop_match_release(r->m);
  buf_free(&r->shown);
  buf_free(&r->thoughts);
  buf_free(&r->part);
}

/* Feeds one token as a stream does. Tries again what had no memory. Returns how
** often that happened. */
static int feed (run *r, const char *s, size_t n) {
  token t = {0, 1, 0, 0, TOKEN_ABSENT, 0, {0}};
  size_t used;
  int refused = 0;
  t.len = n;
  memcpy(t.text, s, n);
  if (r->ended) return 0;
  if (text_filter_passes(r->f, &t)) {
    while (text_filter_take(r->f, &t, 1) != 0) refused++;
    while (buf_append(&r->shown, r->f->shown.data, r->f->shown.len) != 0)
      refused++;
    while (buf_append(&r->thoughts, r->f->thoughts.data,
                      r->f->thoughts.len) != 0)
      refused++;
    r->passed++;
    return refused;
  }
  buf_clear(&r->part);
  if (r->p != NULL) {
    while (splitter_feed(r->p, s, n, &r->part, &r->thoughts) != 0) refused++;
    s = r->part.len > 0 ? r->part.data : "";
    n = r->part.len;
  }
  if (r->m == NULL)
    while (buf_append(&r->shown, s, n) != 0) refused++;
  else {
    while ((r->ended = stop_match_feed(r->m, s, n, &r->shown, &used)) < 0)
      refused++;
  }
  return refused;
}

static int finish (run *r) {
  size_t used;
  if (r->ended) return 0;
  buf_clear(&r->part);
  if (r->p != NULL && splitter_rest(r->p, &r->part, &r->thoughts) != 0)
    return -1;
  if (r->m == NULL)
    return buf_append(&r->shown, r->part.data, r->part.len);
  r->ended = stop_match_feed(r->m, r->part.len > 0 ? r->part.data : "",
                             r->part.len, &r->shown, &used);
  if (r->ended == 0) {
    const automaton *trimmed = stop_match_trimmed(r->m);
    size_t cut = trimmed != NULL ? trimmed->state : 0;
    return buf_append(&r->shown, r->m->held.data, r->m->held.len - cut);
  }
  return r->ended < 0 ? -1 : 0;
}

static int is_text (const buf *b, const char *s, size_t n) {
  return b->len == n && (n == 0 || memcmp(b->data, s, n) == 0);
}

/* Tells whether the run gave what the whole text does. */
static int is_right (const run *r, const sample *one) {
  stop_sequence list[2];
  size_t n = list_of(one, list);
  const stop_sequence *found;
  span text = span_of(one->text), before = text, after = span_of("");
  span thoughts = after, whole;
  char answer[64];
  if (one->splits)
    thoughts = reference_split(text, span_of("<think>"), span_of("</think>"),
                               one->inside, &before, &after);
  memcpy(answer, before.s, before.n);
  memcpy(answer + before.n, after.s, after.n);
  whole.s = answer;
  whole.n = before.n + after.n;
  whole = reference_stop(whole, list, n, &found);
  return is_text(&r->shown, whole.s, whole.n) &&
         (r->ended || is_text(&r->thoughts, thoughts.s, thoughts.n));
}

static void every_cut (void) {
  size_t k, first, second;
  int good = 1, passed = 0;
  for (k = 0; k < SAMPLES; k++) {
    const char *text = samples[k].text;
    size_t n = strlen(text);
    for (first = 0; first <= n; first++)
      for (second = first; second <= n; second++) {
        run r;
        if (start(&r, &samples[k]) != 0) abort();
        feed(&r, text, first);
        feed(&r, text + first, second - first);
        feed(&r, text + second, n - second);
        if (finish(&r) != 0 || !is_right(&r, &samples[k])) {
          printf("# \"%s\" cut at %zu and %zu\n", text, first, second);
          good = 0;
        }
        passed += r.passed;
        stop(&r);
      }
  }
  ok(good, "texts cut anywhere in three give what the whole text does");
  ok(passed > 1000, "most of these tokens pass the filter");
}

/* Feeds each byte, with memory running out once, or from one place on until
** the text is over. */
static int without (const sample *one, long at) {
  size_t i, n = strlen(one->text);
  int refused = 0, good;
  run r;
  alloc_start(at, 0);
  if (start(&r, one) != 0) {
    stop(&r);
    return alloc_live == 0 ? 1 : -1;
  }
  for (i = 0; i < n; i++) refused += feed(&r, one->text + i, 1);
  alloc_fail_at = 0;
  good = finish(&r) == 0 && is_right(&r, one);
  if (r.p != NULL && good)
    good = r.p->reasoning.len <= r.thoughts.len &&
           r.p->answer.len <= r.shown.len;
  stop(&r);
  if (!good || alloc_live != 0) return -1;
  return refused;
}

static void no_memory (void) {
  size_t k;
  int good = 1;
  long requests = 0;
  for (k = 0; k < SAMPLES; k++) {
    int refused;
    long at = 1;
    do {
      refused = without(&samples[k], at++);
      if (refused < 0) good = 0;
      requests++;
    } while (refused > 0);
  }
  mem_set_allocator(NULL);
  printf("# %ld requests refused\n", requests);
  ok(good && requests > 100, "without memory nothing changes or leaks");
}

static void special_tokens (void) {
  token t = {0, 1, 0, 1, TOKEN_ABSENT, 3, "END"};
  run r;
  if (start(&r, &samples[0]) != 0) abort();
  ok(text_filter_passes(r.f, &t) && text_filter_take(r.f, &t, 1) == 0 &&
     r.f->shown.len == 0 && r.f->is_last,
     "a special token has no text, so it ends nothing");
  t.special = 0;
  ok(!text_filter_passes(r.f, &t),
     "a token that is a stop sequence does not pass");
  stop(&r);
  if (start(&r, &samples[7]) != 0) abort();
  t.special = 1;
  ok(!text_filter_passes(r.f, &t),
     "with reasoning no special token passes, as it may be a mark");
  stop(&r);
}

static void collects (void) {
  token t = {0, 1, 0, 0, TOKEN_ABSENT, 4, "a EN"};
  run r;
  if (start(&r, &samples[0]) != 0) abort();
  text_filter_take(r.f, &t, 1);
  text_filter_take(r.f, &t, 0);
  text_filter_take(r.f, &t, 1);
  ok(is_text(&r.f->collected, "a ENa ", 6),
     "only what is asked for is collected");
  ok(is_text(&r.f->shown, "ENa ", 4) && is_text(&r.m->held, "EN", 2),
     "the beginning of a sequence is held back");
  stop(&r);
}

int main (void) {
  every_cut();
  special_tokens();
  collects();
  no_memory();
  return done();
}
