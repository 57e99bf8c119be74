/*
** head.c - the head of an HTTP response: status and header fields
** SPDX-License-Identifier: MIT
** RFC 9112 sections 4 and 5; the caller has found the ends of the lines.
*/

#include <string.h>

#include "head.h"

void head_init (head *h) {
  memset(h, 0, sizeof *h);
}

void head_free (head *h) {
  buf_free(&h->text);
  head_init(h);
}

static int isdigit_ascii (char c) {
  return c >= '0' && c <= '9';
}

/* Returns the number after the first space, as in "HTTP/1.1 200 OK" and
** "HTTP/2 200"; 0 if there is none. */
static int status_of (const char *s, size_t n) {
  const char *sp = memchr(s, ' ', n);
  size_t left;
  if (sp == NULL) return 0;
  left = n - (size_t)(sp + 1 - s);
  if (left < 3) return 0;
  if (!isdigit_ascii(sp[1]) || !isdigit_ascii(sp[2]) || !isdigit_ascii(sp[3]))
    return 0;
  return (sp[1] - '0') * 100 + (sp[2] - '0') * 10 + (sp[3] - '0');
}

static int isblank_ascii (char c) {
  return c == ' ' || c == '\t';
}

/* Replaces zero bytes, which separate fields in head.text. libcurl refuses them
** already; this is for safety. */
static void denul (char *s, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    if (s[i] == '\0') s[i] = ' ';
}

static int add_field (head *h, const char *s, size_t n) {
  const char *colon = memchr(s, ':', n);
  const char *v, *end = s + n;
  size_t i, name_len, start = h->text.len;
  if (colon == NULL || colon == s || isblank_ascii(*s))
    return HEAD_OK;  /* not a field, or an obsolete folded line */
  name_len = (size_t)(colon - s);
  for (v = colon + 1; v < end && isblank_ascii(*v); v++) {}
  while (end > v && isblank_ascii(end[-1])) end--;
  if (h->fields >= HEAD_MAX_FIELDS ||
      start + name_len + (size_t)(end - v) + 2 > HEAD_MAX_BYTES)
    return HEAD_TOOBIG;
  if (buf_reserve(&h->text, name_len + (size_t)(end - v) + 2) != 0)
    return HEAD_NOMEM;
  buf_append(&h->text, s, name_len);  /* cannot fail: reserved */
  for (i = 0; i < name_len; i++)
    h->text.data[start + i] = head_lower_case(h->text.data[start + i]);
  denul(h->text.data + start, name_len);
  buf_append(&h->text, "", 1);
  buf_append(&h->text, v, (size_t)(end - v));
  denul(h->text.data + start + name_len + 1, (size_t)(end - v));
  buf_append(&h->text, "", 1);
  h->fields++;
  return HEAD_OK;
}

int head_line (head *h, const char *s, size_t n) {
  while (n > 0 && (s[n - 1] == '\r' || s[n - 1] == '\n')) n--;
  if (n >= 5 && memcmp(s, "HTTP/", 5) == 0) {
    buf_clear(&h->text);
    h->fields = 0;
    h->complete = 0;
    h->status = status_of(s, n);
    h->version = (n > 5 && isdigit_ascii(s[5])) ? s[5] - '0' : 0;
    return HEAD_OK;
  }
  if (h->complete) {  /* a trailer */
    h->trailers += n;
    return h->trailers > HEAD_MAX_BYTES ? HEAD_TOOBIG : HEAD_OK;
  }
  if (n == 0) {
    h->complete = (h->status >= 200);
    return HEAD_OK;
  }
  return add_field(h, s, n);
}

/* Returns the value of the next field of this name. 'at' is the value of the
** previous one, or NULL. */
static const char *next_value (const head *h, const char *name,
                               const char *at) {
  const char *end = h->text.data + h->text.len;
  if (h->text.len == 0) return NULL;
  at = at == NULL ? h->text.data : at + strlen(at) + 1;
  while (at < end) {
    const char *value = at + strlen(at) + 1;
    if (strcmp(at, name) == 0) return value;
    at = value + strlen(value) + 1;
  }
  return NULL;
}

const char *head_get (const head *h, const char *name) {
  return next_value(h, name, NULL);
}

static int begins (const char *s, size_t n, const char *with) {
  size_t len = strlen(with);
  return n >= len && memcmp(s, with, len) == 0;
}

/* Returns 1 for a lower-case word that is not the name of a coding. */
static int is_plain (const char *s, size_t n) {
  static const char *const whole[] = { "identity", "none", "us-ascii",
                                       "ascii" };
  static const char *const sets[] = { "utf-", "utf", "iso-8859-", "latin",
                                      "windows-125" };
  size_t i, at;
  for (i = 0; i < sizeof whole / sizeof whole[0]; i++)
    if (n == strlen(whole[i]) && begins(s, n, whole[i])) return 1;
  for (i = 0; i < sizeof sets / sizeof sets[0]; i++) {
    if (!begins(s, n, sets[i])) continue;
    at = strlen(sets[i]);
    if (at == n) continue;
    while (at < n && isdigit_ascii(s[at])) at++;
    if (at == n) return 1;
  }
  return 0;
}

/* Returns 1 if a comma-separated list contains a coding. */
static int names_coding (const char *value) {
  while (*value != '\0') {
    char word[16] = "";
    size_t i, n = strcspn(value, ", \t");
    size_t kept = n < sizeof word ? n : sizeof word;
    for (i = 0; i < kept; i++) word[i] = head_lower_case(value[i]);
    if (n > 0 && (n > kept || !is_plain(word, n))) return 1;
    value += n + strspn(value + n, ", \t");
  }
  return 0;
}

int head_is_coded (const head *h) {
  const char *value = NULL;
  while ((value = next_value(h, "content-encoding", value)) != NULL)
    if (names_coding(value)) return 1;
  return 0;
}

/* Returns 1 if 's' is this lower-case word, in any case. */
static int is_word (const char *s, const char *word) {
  while (*word != '\0')
    if (head_lower_case(*s++) != *word++) return 0;
  return *s == '\0';
}

int head_is_transfer_coded (const head *h) {
  const char *value = NULL;
  while ((value = next_value(h, "transfer-encoding", value)) != NULL)
    if (!is_word(value, "chunked") && !is_word(value, "identity")) return 1;
  return 0;
}

/* The longest length: every number of this many digits fits 64 bits. */
#define MAX_LENGTH_DIGITS 15

static int is_digits (const char *s, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    if (!isdigit_ascii(s[i])) return 0;
  return n > 0;
}

/* Compares the comma-separated lengths of a field with 'first', which is set by
** the first length of all fields. Returns NULL, or what is wrong. */
static const char *field_problem (const char *s, const char **first,
                                  size_t *first_n) {
  for (;;) {
    size_t n, whole;
    s += strspn(s, " \t");
    whole = n = strcspn(s, ",");
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
    if (!is_digits(s, n)) return "the Content-Length is not a number";
    while (n > 1 && *s == '0') {
      s++;
      n--;
      whole--;
    }
    if (n > MAX_LENGTH_DIGITS) return "the Content-Length is too large";
    if (*first == NULL) {
      *first = s;
      *first_n = n;
    }
    if (n != *first_n || memcmp(s, *first, n) != 0)
      return "there are two different Content-Lengths";
    s += whole;
    if (*s == '\0') return NULL;
    s++;
  }
}

const char *head_length_problem (const head *h) {
  const char *value = NULL, *first = NULL, *problem = NULL;
  size_t first_n = 0;
  if (head_get(h, "transfer-encoding") != NULL) return NULL;
  while (problem == NULL &&
         (value = next_value(h, "content-length", value)) != NULL)
    problem = field_problem(value, &first, &first_n);
  return problem;
}


/* Returns 1 if fields of this name have different values. */
static int differs (const head *h, const char *name) {
  const char *first = head_get(h, name);
  const char *other = first;
  while (other != NULL && (other = next_value(h, name, other)) != NULL)
    if (strcmp(other, first) != 0) return 1;
  return 0;
}

int head_is_ambiguous (const head *h) {
  const char *length = head_get(h, "content-length");
  return (length != NULL && !is_digits(length, strlen(length))) ||
         (length != NULL && head_get(h, "transfer-encoding") != NULL) ||
         differs(h, "content-length") || differs(h, "transfer-encoding");
}
