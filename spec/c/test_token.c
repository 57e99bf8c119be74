/* links: token.c */
/*
** test_token.c - tests of token.c
** SPDX-License-Identifier: MIT
** Accepted events, events left to a JSON parser, and events cut at each place.
*/

#include "token.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static const char plain[] =
    "{\"token\":{\"id\":1369,\"text\":\" test\",\"logprob\":-0.34,"
    "\"special\":false,\"skipped\":true},\"generated_text\":null,"
    "\"details\":null}";

/* Reads a copy of exactly n bytes, so that sanitizers see reads beyond them. */
static int read_copy (token *t, const char *s, size_t n) {
  char *copy = malloc(n > 0 ? n : 1);
  int rc;
  if (copy == NULL) abort();
  memcpy(copy, s, n);
  rc = token_read(t, copy, n);
  free(copy);
  return rc;
}

static int reads (token *t, const char *s) {
  return read_copy(t, s, strlen(s));
}

static int text_is (const token *t, const char *s, size_t n) {
  return t->len == n && memcmp(t->text, s, n) == 0;
}

static void fields (void) {
  token t;
  ok(reads(&t, plain), "a token event is plain");
  ok(t.id == 1369 && text_is(&t, " test", 5), "id and text");
  ok(t.has_logprob && t.logprob == -0.34, "logprob");
  ok(t.special == 0 && t.skipped == 1, "special and skipped");
  ok(reads(&t, "{\"token\":{\"text\":\"\",\"id\":0}}") && t.id == 0 &&
         t.len == 0 && !t.has_logprob && t.special == TOKEN_ABSENT &&
         t.skipped == TOKEN_ABSENT, "only id and text, in any order");
  ok(reads(&t, "{\"token\":{\"id\":1,\"text\":\"a\",\"logprob\":null,"
               "\"alternative_tokens\":null}}") && !t.has_logprob,
     "null for a field means that it is absent");
  ok(reads(&t, " {\t\"token\": {\n\"id\": 7 , \"text\": \"a\" } ,\r\n"
               " \"details\": null } ") && t.id == 7, "white space");
  ok(reads(&t, "{\"token\":{\"id\":2147483647,\"text\":\"\"}}") &&
         t.id == 2147483647, "the largest id of an int");
}

static void texts (void) {
  static const char bytes[] = "\"\\/\b\f\n\r\t\303\251\377";
  char event[TOKEN_MAX_TEXT + 64];
  token t;
  size_t n;
  ok(reads(&t, "{\"token\":{\"id\":1,\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t"
               "\303\251\377\"}}") && text_is(&t, bytes, sizeof bytes - 1),
     "escapes of one letter, and non-ASCII bytes");
  for (n = TOKEN_MAX_TEXT; n <= TOKEN_MAX_TEXT + 1; n++) {
    int len = snprintf(event, sizeof event, "{\"token\":{\"id\":1,\"text\":\"");
    memset(event + len, 'x', n);
    strcpy(event + len + n, "\"}}");
    if (n == TOKEN_MAX_TEXT)
      ok(reads(&t, event) && t.len == n, "a text of the maximum length");
    else
      ok(!reads(&t, event), "a longer text is not plain");
  }
}

static void numbers (void) {
  static const char *const good[] = {
    "0", "-0", "-1", "0.0", "-0.0", "-0.51220703", "-1e-05", "1E+3",
    "-3.4028235e+22", "9007199254740992", "0.00000001", "123456.789",
    "-0.00000000001234567", "1e22"
  };
  static const char *const others[] = {
    "", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x10", "NaN",
    "Infinity", "1e400", "1e23", "9007199254740993", "1.2345678901234567890",
    "\"1\"", "true", "[]", "1 2", "- 1", "1e1000"
  };
  char event[128], name[64];
  token t;
  size_t i;
  for (i = 0; i < sizeof good / sizeof good[0]; i++) {
    double want = strtod(good[i], NULL);
    snprintf(event, sizeof event,
             "{\"token\":{\"id\":1,\"text\":\"\",\"logprob\":%s}}", good[i]);
    snprintf(name, sizeof name, "%s is what strtod makes of it", good[i]);
    ok(reads(&t, event) && t.has_logprob &&
           memcmp(&t.logprob, &want, sizeof want) == 0, name);
  }
  for (i = 0; i < sizeof others / sizeof others[0]; i++) {
    snprintf(event, sizeof event,
             "{\"token\":{\"id\":1,\"text\":\"\",\"logprob\":%s}}", others[i]);
    snprintf(name, sizeof name, "\"%s\" is not read here", others[i]);
    ok(!reads(&t, event), name);
  }
}

static void not_plain (void) {
  static const struct { const char *event, *name; } cases[] = {
    { "", "nothing" }, { "{}", "an empty object" }, { "[DONE]", "[DONE]" },
    { "null", "null" }, { "{\"token\":null}", "a token that is null" },
    { "{\"token\":{\"id\":1}}", "a token without text" },
    { "{\"token\":{\"text\":\"\"}}", "a token without id" },
    { "{\"token\":{\"id\":-1,\"text\":\"\"}}", "a negative id" },
    { "{\"token\":{\"id\":1.0,\"text\":\"\"}}", "an id with a fraction" },
    { "{\"token\":{\"id\":1e3,\"text\":\"\"}}", "an id with an exponent" },
    { "{\"token\":{\"id\":01,\"text\":\"\"}}", "an id with a zero in front" },
    { "{\"token\":{\"id\":2147483648,\"text\":\"\"}}", "an id too large" },
    { "{\"token\":{\"id\":12345678901,\"text\":\"\"}}", "a much larger id" },
    { "{\"token\":{\"id\":1,\"id\":1,\"text\":\"\"}}", "a field twice" },
    { "{\"token\":{\"id\":1,\"text\":\"\",\"x\":1}}", "an unknown field" },
    { "{\"token\":{\"id\":1,\"text\":\"\"},\"x\":1}", "and in the event" },
    { "{\"token\":{\"id\":1,\"text\":\"\"},\"error\":null}", "error" },
    { "{\"token\":{\"id\":1,\"text\":\"\",\"special\":null}}",
      "special that is null" },
    { "{\"token\":{\"id\":1,\"text\":\"\",\"special\":falsey}}", "falsey" },
    { "{\"token\":{\"id\":1,\"text\":\"\"},\"generated_text\":\"\"}",
      "the closing event" },
    { "{\"token\":{\"id\":1,\"text\":\"\"},\"details\":{}}", "details" },
    { "{\"token\":{\"id\":1,\"text\":\"\",\"alternative_tokens\":[]}}",
      "alternatives" },
    { "{\"token\":{\"id\":1,\"text\":\"\\u00e9\"}}", "an escaped character" },
    { "{\"token\":{\"id\":1,\"text\":\"\\x\"}}", "an escape that is none" },
    { "{\"token\":{\"id\":1,\"text\":\"\n\"}}", "a raw control character" },
    { "{\"token\":{\"id\":1,\"text\":\"\"},}", "a comma too many" },
    { "{\"token\":{\"id\":1,\"text\":\"\"}} x", "something behind it" },
    { "{\"token\":{\"id\":1 \"text\":\"\"}}", "no comma" },
    { "{\"token\":{\"id\":,\"text\":\"\"}}", "no value" },
    { "{\"token\":{\"id\" :1,\"text\":\"\"}}", "a space before a colon" }
  };
  token t;
  size_t i;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char name[80];
    snprintf(name, sizeof name, "not plain: %s", cases[i].name);
    ok(!reads(&t, cases[i].event), name);
  }
}

/* A part of an event is not a token, and reading it stays within it. */
static void cuts (void) {
  token t;
  size_t n, taken = 0;
  char zero[sizeof plain];
  for (n = 0; n < sizeof plain - 1; n++)
    taken += (size_t)read_copy(&t, plain, n);
  ok(taken == 0, "an event that is cut anywhere is not plain");
  taken = 0;
  for (n = 0; n < sizeof plain - 1; n++) {
    memcpy(zero, plain, sizeof zero);
    zero[n] = '\0';
    taken += (size_t)read_copy(&t, zero, sizeof plain - 1);
  }
  ok(taken == 0, "an event with a zero byte anywhere is not plain");
}

int main (void) {
  fields();
  texts();
  numbers();
  not_plain();
  cuts();
  return done();
}
