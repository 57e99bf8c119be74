/*
** token.c - reads a LoRAX token event without a JSON parser
** SPDX-License-Identifier: MIT
** A stream has thousands of events of the same form. A general JSON parser
** needs most of a stream's CPU time for them: a table for the event, the nulls,
** numbers through strtod, checks of the result. So this form is read in one
** pass without allocation, and every other event is left to the general parser.
** The reader is strict: what it accepts is JSON (RFC 8259), and each value is
** the one that the general parser would return.
*/

#include "token.h"

#include <float.h>
#include <string.h>

/* The position of the reader; 's' never exceeds 'end'. */
typedef struct cursor {
  const char *s, *end;
} cursor;

static void skip_space (cursor *c) {
  while (c->s < c->end && (*c->s == ' ' || *c->s == '\n' || *c->s == '\t'
                           || *c->s == '\r'))
    c->s++;
}

/* Skips white space and returns the next byte, or 0 at the end. */
static inline char peek (cursor *c) {
  if (c->s < c->end && *c->s > ' ')
    return *c->s;  /* the usual case */
  skip_space(c);
  return (c->s < c->end) ? *c->s : '\0';
}

static inline int skip (cursor *c, char wanted) {
  if (peek(c) != wanted || c->s == c->end)
    return 0;
  c->s++;
  return 1;
}

static inline int is_next (cursor *c, const char *word, size_t n) {
  peek(c);
  if ((size_t)(c->end - c->s) < n || memcmp(c->s, word, n) != 0)
    return 0;
  c->s += n;
  return 1;
}

/* Compilers turn this into one or two comparisons. */
#define word(c,literal) is_next(c, literal, sizeof(literal) - 1)

/* A field name with its colon, without white space between them. */
#define field(c,name) word(c, "\"" name "\":")

/* Returns what a backslash and this character mean, or 0. */
static char escape (char c) {
  switch (c) {
    case '"': case '\\': case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return '\0';  /* also for 'u', which a server that writes UTF-8
                              needs only for control characters */
  }
}

static int read_text (cursor *c, token *t) {
  size_t n = 0;
  if (!skip(c, '"'))
    return 0;
  while (c->s < c->end) {
    char b = *c->s++;
    if (b == '"') {
      t->len = n;
      return 1;
    }
    if (b == '\\') {
      if (c->s == c->end || (b = escape(*c->s++)) == '\0')
        return 0;
    }
    else if ((unsigned char)b < 0x20)
      return 0;
    if (n == sizeof t->text)
      return 0;
    t->text[n++] = b;
  }
  return 0;
}

static int is_digit (const cursor *c) {
  return c->s < c->end && *c->s >= '0' && *c->s <= '9';
}

/*
** Reads digits and appends them to *v. Returns their number, at most most + 1.
** *v has space for 18 digits in total.
*/
static int digits (cursor *c, unsigned long long *v, int most) {
  int n = 0;
  while (is_digit(c) && n <= most) {
    *v = *v * 10 + (unsigned long long)(*c->s++ - '0');
    n++;
  }
  return n;
}

/* Reads a number of up to 31 bits, which any int can store. */
static int read_id (cursor *c, token *t) {
  unsigned long long v = 0;
  char first = peek(c);
  int n = digits(c, &v, 10);
  if (n == 0 || n > 10 || (n > 1 && first == '0') || v > 0x7fffffff)
    return 0;
  if (c->s < c->end && (*c->s == '.' || *c->s == 'e' || *c->s == 'E'))
    return 0;
  t->id = (int)v;
  return 1;
}

/* The powers of ten that a double represents exactly. */
static const double exact[] = {
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
  1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

#define MAX_POWER ((int)(sizeof exact / sizeof exact[0]) - 1)

/*
** Reads a number whose digits and whose power of ten are both exact in a
** double: then their product or quotient is rounded once, like the result of
** strtod (W. D. Clinger, "How to read floating point numbers accurately",
** 1990). Requires that the machine calculates with the precision of double.
*/
static int read_logprob (cursor *c, token *t) {
  unsigned long long v = 0;
  double d;
  int whole, negative = 0, power = 0;
  char first;
#if !defined(FLT_EVAL_METHOD) || FLT_EVAL_METHOD != 0
  return 0;
#endif
  if (peek(c) == '-') {
    negative = 1;
    c->s++;
  }
  first = (c->s < c->end) ? *c->s : '\0';
  whole = digits(c, &v, 18);
  if (whole == 0 || whole > 18 || (whole > 1 && first == '0'))
    return 0;
  if (c->s < c->end && *c->s == '.') {
    int n;
    c->s++;
    n = digits(c, &v, 18 - whole);
    if (n == 0 || n > 18 - whole)
      return 0;
    power = -n;
  }
  if (c->s < c->end && (*c->s == 'e' || *c->s == 'E')) {
    unsigned long long e = 0;
    int n, down = 0;
    c->s++;
    if (c->s < c->end && (*c->s == '-' || *c->s == '+'))
      down = (*c->s++ == '-');
    n = digits(c, &e, 3);
    if (n == 0 || n > 3)
      return 0;
    power += down ? -(int)e : (int)e;
  }
  if (v > (1ULL << 53) || power < -MAX_POWER || power > MAX_POWER)
    return 0;
  d = (double)v;
  d = (power < 0) ? d / exact[-power] : d * exact[power];
  t->logprob = negative ? -d : d;
  t->has_logprob = 1;
  return 1;
}

static int read_flag (cursor *c, int *flag) {
  if (word(c, "false"))
    *flag = 0;
  else if (word(c, "true"))
    *flag = 1;
  else
    return 0;
  return 1;
}

/* The fields that an object had; the same field twice is not plain. */
enum { ID = 1, TEXT = 2, LOGPROB = 4, SPECIAL = 8, SKIPPED = 16, OTHERS = 32 };
enum { TOKEN = 1, GENERATED_TEXT = 2, DETAILS = 4 };

static int first_time (int *seen, int field) {
  int fresh = (*seen & field) == 0;
  *seen |= field;
  return fresh;
}

static int read_token_field (cursor *c, token *t, int *seen) {
  if (field(c, "id"))
    return first_time(seen, ID) && read_id(c, t);
  if (field(c, "text"))
    return first_time(seen, TEXT) && read_text(c, t);
  if (field(c, "logprob"))
    return first_time(seen, LOGPROB) && (word(c, "null") || read_logprob(c, t));
  if (field(c, "special"))
    return first_time(seen, SPECIAL) && read_flag(c, &t->special);
  if (field(c, "skipped"))
    return first_time(seen, SKIPPED) && read_flag(c, &t->skipped);
  if (field(c, "alternative_tokens"))
    return first_time(seen, OTHERS) && word(c, "null");
  return 0;
}

static int read_token (cursor *c, token *t) {
  int seen = 0;
  if (!skip(c, '{'))
    return 0;
  do {
    if (!read_token_field(c, t, &seen))
      return 0;
  } while (skip(c, ','));
  return skip(c, '}') && (seen & ID) && (seen & TEXT);
}

static int read_event_field (cursor *c, token *t, int *seen) {
  if (field(c, "token"))
    return first_time(seen, TOKEN) && read_token(c, t);
  if (field(c, "generated_text"))
    return first_time(seen, GENERATED_TEXT) && word(c, "null");
  if (field(c, "details"))
    return first_time(seen, DETAILS) && word(c, "null");
  return 0;
}

int token_read (token *t, const char *s, size_t n) {
  cursor c;
  int seen = 0;
  c.s = s;
  c.end = s + n;
  t->has_logprob = 0;
  t->special = t->skipped = TOKEN_ABSENT;
  if (!skip(&c, '{'))
    return 0;
  do {
    if (!read_event_field(&c, t, &seen))
      return 0;
  } while (skip(&c, ','));
  if (!skip(&c, '}') || !(seen & TOKEN))
    return 0;
  skip_space(&c);
  return c.s == c.end;
}
