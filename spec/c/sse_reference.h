/*
** sse_reference.h - a plain implementation of the event stream rules
** SPDX-License-Identifier: MIT
** Reads a whole input by WHATWG HTML section 9.2.6; src/sse.c is compared with
** it. The result is one text: [type/data/id] for each event, then <data> for
** the event that the input leaves unfinished, then ! if an event exceeded the
** limit (nothing after it counts).
*/

#ifndef PREDIBASE_SSE_REFERENCE_H
#define PREDIBASE_SSE_REFERENCE_H

#include <stdlib.h>
#include <string.h>

/* A text that grows. Aborts if there is no memory. */
typedef struct text {
  char *s;
  size_t len, cap;
} text;

static inline void put (text *t, const char *s, size_t n) {
  if (t->len + n > t->cap || t->s == NULL) {
    t->cap = (t->len + n) * 2 + 64;
    t->s = realloc(t->s, t->cap);
    if (t->s == NULL)
      abort();
  }
  if (n > 0)
    memcpy(t->s + t->len, s, n);
  t->len += n;
}

static inline void set (text *t, const char *s, size_t n) {
  t->len = 0;
  put(t, s, n);
}

static inline void put_event (text *out, const char *type, size_t type_len,
                              const char *data, size_t data_len,
                              const char *id, size_t id_len) {
  put(out, "[", 1);
  put(out, type, type_len);
  put(out, "/", 1);
  put(out, data, data_len);
  put(out, "/", 1);
  put(out, id, id_len);
  put(out, "]", 1);
}

static inline int is (const char *s, size_t n, const char *word) {
  return n == strlen(word) && memcmp(s, word, n) == 0;
}

static inline void reference (const char *s, size_t n, size_t max,
                              text *out) {
  text data = { 0 }, type = { 0 }, id = { 0 };
  size_t i = 0;
  int too_big = 0;
  if (n >= 3 && memcmp(s, "\xEF\xBB\xBF", 3) == 0)
    i = 3;
  while (i < n && !too_big) {
    size_t start = i, name, value, len, line = 0, seen;
    int ended;
    while (i < n && s[i] != '\r' && s[i] != '\n')
      i++;
    len = i - start;
    ended = i < n;
    if (ended)
      i += (s[i] == '\r' && i + 1 < n && s[i + 1] == '\n') ? 2 : 1;
    /* the line has len bytes from s[start] on: split it */
    for (name = 0; name < len && s[start + name] != ':'; name++)
      ;
    value = name;
    if (value < len)
      value++;
    if (value < len && s[start + value] == ' ')
      value++;
    s += start;
    if (!ended && name == len)
      ;  /* the field name is incomplete */
    else if (len == 0) {
      if (data.len > 0)
        put_event(out, type.s, type.len, data.s, data.len - 1, id.s, id.len);
      data.len = type.len = 0;
    }
    else if (is(s, name, "data")) {
      put(&data, s + value, len - value);
      put(&data, "\n", 1);
    }
    else if (is(s, name, "event") || is(s, name, "id"))
      line = len - value;
    /* the line end after the last data is not part of the event */
    seen = data.len - (data.len > 0);
    too_big = seen + type.len + id.len + line > max;
    if (ended && is(s, name, "event"))
      set(&type, s + value, len - value);
    else if (ended && is(s, name, "id")
             && memchr(s + value, '\0', len - value) == NULL)
      set(&id, s + value, len - value);
    s -= start;
  }
  if (too_big)
    put(out, "!", 1);
  else if (data.len > 0) {
    put(out, "<", 1);
    put(out, data.s, data.len - 1);
    put(out, ">", 1);
  }
  free(data.s);
  free(type.s);
  free(id.s);
}

#endif
