/*
** stop_match.c - finds stop sequences in text that arrives in pieces
** SPDX-License-Identifier: MIT
*/

#include "stop_match.h"

#include <stdint.h>
#include <string.h>

/* --- making --------------------------------------------------------------- */

static void fill_back (automaton *a) {
  size_t i, state = 0;
  a->back[0] = 0;
  for (i = 1; i < a->size; i++) {
    while (state > 0 && a->text[state] != a->text[i])
      state = a->back[state - 1];
    if (a->text[state] == a->text[i]) state++;
    a->back[i] = state;
  }
}

/* Initialises an automaton. Returns 0, or -1 if there is no memory. */
static int prepare (automaton *a, const stop_sequence *sequence) {
  size_t size = sequence->len + (sequence->is_trim ? 1 : 0);
  memset(a, 0, sizeof *a);
  if (size > SIZE_MAX / (sizeof *a->back + 1)) return -1;
  a->back = mem_realloc(NULL, size * (sizeof *a->back + 1));
  if (a->back == NULL) return -1;
  a->text = (char *)(a->back + size);
  a->size = size;
  a->is_trim = sequence->is_trim;
  memcpy(a->text, sequence->s, sequence->len);
  if (a->is_trim) a->text[size - 1] = '\n';
  fill_back(a);
  return 0;
}

stop_match *stop_match_new (const stop_sequence *list, size_t n) {
  stop_match *m;
  size_t longest = 0;
  if (n > (SIZE_MAX - sizeof *m) / sizeof *m->list) return NULL;
  m = mem_realloc(NULL, sizeof *m + n * sizeof *m->list);
  if (m == NULL) return NULL;
  memset(m, 0, sizeof *m);
  m->refs = 1;
  for (; m->count < n; m->count++) {
    automaton *a = &m->list[m->count];
    unsigned char first = (unsigned char)list[m->count].s[0];
    if (prepare(a, &list[m->count]) != 0) break;
    m->first[first / 8] |= (unsigned char)(1u << first % 8);
    if (a->size > longest) longest = a->size;
  }
  if (m->count < n || buf_reserve(&m->held, longest) != 0) {
    stop_match_release(m);
    return NULL;
  }
  return m;
}

stop_match *stop_match_hold (stop_match *m) {
  m->refs++;
  return m;
}

void stop_match_release (stop_match *m) {
  size_t i;
  if (m == NULL || --m->refs > 0) return;
  for (i = 0; i < m->count; i++) mem_realloc(m->list[i].back, 0);
  buf_free(&m->held);
  mem_realloc(m, 0);
}

/* --- reading -------------------------------------------------------------- */

static size_t step (automaton *a, char c) {
  size_t state = a->state;
  while (state > 0 && (state == a->size || a->text[state] != c))
    state = a->back[state - 1];
  if (a->text[state] == c) state++;
  return a->state = state;
}

static int may_begin (const stop_match *m, char c) {
  unsigned char b = (unsigned char)c;
  return m->first[b / 8] >> b % 8 & 1;
}

/* Reads bytes up to the end of the first sequence to stop at, which it stores
** in *hit, or all of them. Returns their number. */
static size_t scan (stop_match *m, const char *s, size_t n,
                    const automaton **hit) {
  size_t i = 0, k;
  *hit = NULL;
  while (i < n && *hit == NULL) {
    size_t most = 0;
    if (m->kept == 0) {
      while (i < n && !may_begin(m, s[i])) i++;
      if (i == n) break;
    }
    for (k = 0; k < m->count; k++) {
      automaton *a = &m->list[k];
      size_t state = step(a, s[i]);
      if (state > most) most = state;
      if (state == a->size && !a->is_trim &&
          (*hit == NULL || state > (*hit)->size))
        *hit = a;
    }
    m->kept = most;
    i++;
  }
  return i;
}

int stop_match_feed (stop_match *m, const char *s, size_t n, buf *out,
                     size_t *used) {
  size_t shown, of_held;
  const automaton *hit;
  *used = 0;
  if (m->stopped != NULL) return 1;
  if (n > SIZE_MAX - m->held.len || buf_reserve(out, m->held.len + n) != 0)
    return -1;
  *used = scan(m, s, n, &hit);
  m->stopped = hit;
  shown = m->held.len + *used - (hit != NULL ? hit->size : m->kept);
  of_held = shown < m->held.len ? shown : m->held.len;
  buf_append(out, m->held.data, of_held);  /* has memory, and so below */
  buf_append(out, s, shown - of_held);
  if (hit != NULL) {
    buf_clear(&m->held);
    return 1;
  }
  buf_consume(&m->held, of_held);
  buf_append(&m->held, s + (shown - of_held), n - (shown - of_held));
  return 0;
}

int stop_match_passes (stop_match *m, const char *s, size_t n, const char *more,
                       size_t more_n) {
  size_t i, kept = m->kept;
  const automaton *hit;
  if (m->stopped != NULL) return 0;
  for (i = 0; i < m->count; i++) m->list[i].saved = m->list[i].state;
  scan(m, s, n, &hit);
  if (hit == NULL) scan(m, more, more_n, &hit);
  for (i = 0; i < m->count; i++) m->list[i].state = m->list[i].saved;
  m->kept = kept;
  return hit == NULL;
}

const automaton *stop_match_trimmed (const stop_match *m) {
  const automaton *found = NULL;
  size_t i;
  for (i = 0; i < m->count && m->stopped == NULL; i++) {
    const automaton *a = &m->list[i];
    if (a->is_trim && a->state + 1 >= a->size &&
        (found == NULL || a->state > found->state))
      found = a;
  }
  return found;
}
