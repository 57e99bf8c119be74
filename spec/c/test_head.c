/* links: head.c buf.c */
/*
** test_head.c - tests of head.c
** SPDX-License-Identifier: MIT
** Status, fields, interim responses, trailers, malformed lines, limits, refused
** memory.
*/

#include "head.h"

#include "alloc.h"
#include "tap.h"

static int line (head *h, const char *s) {
  return head_line(h, s, strlen(s));
}

/* Feeds these lines, given without line ends, to a new head. */
static int lines (head *h, const char *const *list) {
  int rc = HEAD_OK;
  head_init(h);
  for (; *list != NULL && rc == HEAD_OK; list++) {
    char text[512];
    snprintf(text, sizeof text, "%s\r\n", *list);
    rc = line(h, text);
  }
  return rc;
}

static int is (const head *h, const char *name, const char *value) {
  const char *got = head_get(h, name);
  if (value == NULL || got == NULL) return value == got;
  return strcmp(got, value) == 0;
}

static void status (void) {
  static const struct { const char *line; int status; } cases[] = {
    { "HTTP/1.1 200 OK\r\n", 200 }, { "HTTP/1.1 200\r\n", 200 },
    { "HTTP/1.1 200 \r\n", 200 }, { "HTTP/2 503 \r\n", 503 },
    { "HTTP/2 429\n", 429 }, { "HTTP/1.0 404 Not Found", 404 },
    { "HTTP/1.1 999 x\r\n", 999 }, { "HTTP/1.1 OK\r\n", 0 },
    { "HTTP/1.1 20\r\n", 0 }, { "HTTP/1.1\r\n", 0 }, { "HTTP/\r\n", 0 },
    { "HTTP/1.1 2x0 OK\r\n", 0 }, { "HTTP/1.1 \r\n", 0 },
    { "HTTP/1.1 -20 OK\r\n", 0 }
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    head h;
    char name[80];
    head_init(&h);
    snprintf(name, sizeof name, "status of %.*s",
             (int)strcspn(cases[i].line, "\r\n"), cases[i].line);
    ok(line(&h, cases[i].line) == HEAD_OK && h.status == cases[i].status,
       name);
    head_free(&h);
  }
}

static void plain (void) {
  static const char *const text[] = {
    "HTTP/1.1 200 OK", "Content-Type: text/event-stream",
    "X-Model-ID:\t a b \t", "EMPTY:", "Also-Empty:   ", "Colons: a:b: c",
    "X-Twice: one", "x-twice: two", NULL
  };
  head h;
  ok(lines(&h, text) == HEAD_OK && !h.complete,
     "without its blank line a head is not complete");
  ok(head_line(&h, "\r\n", 2) == HEAD_OK && h.complete,
     "the blank line completes it");
  ok(h.fields == 7 && is(&h, "content-type", "text/event-stream"),
     "names are found in lower case");
  ok(is(&h, "Content-Type", NULL), "but not in another case");
  ok(is(&h, "x-model-id", "a b"), "blanks around a value are not part of it");
  ok(is(&h, "empty", "") && is(&h, "also-empty", ""), "a value may be empty");
  ok(is(&h, "colons", "a:b: c"), "the first colon ends the name");
  ok(is(&h, "x-twice", "one"), "of several the first is found");
  ok(is(&h, "x-model", NULL) && is(&h, "", NULL) && is(&h, "a b", NULL),
     "a part of a name or a value is not found");
  head_free(&h);
  ok(h.status == 0 && h.fields == 0 && is(&h, "empty", NULL),
     "nothing is left of a freed head");
  head_free(&h);
  ok(h.text.data == NULL, "a head can be freed twice");
}

static void several (void) {
  static const char *const interim[] = {
    "HTTP/1.1 103 Early Hints", "link: </a>", "x-b: early", "", NULL
  };
  head h;
  ok(lines(&h, interim) == HEAD_OK && !h.complete && h.status == 103,
     "an interim response does not complete the head");
  line(&h, "HTTP/1.1 100 Continue\r\n");
  line(&h, "\r\n");
  line(&h, "HTTP/1.1 200 OK\r\n");
  ok(is(&h, "link", NULL), "its fields are dropped");
  line(&h, "x-a: 1\r\n");
  line(&h, "\r\n");
  ok(h.complete && h.status == 200 && h.fields == 1 && is(&h, "x-a", "1"),
     "the final response counts");
  line(&h, "x-trailer: 2\r\n");
  line(&h, "x-a: 2\r\n");
  line(&h, "\r\n");
  ok(h.complete && h.fields == 1 && is(&h, "x-trailer", NULL) &&
     is(&h, "x-a", "1"), "trailers change nothing");
  line(&h, "HTTP/1.1 407 Proxy Authentication Required\r\n");
  ok(!h.complete && h.fields == 0 && h.status == 407,
     "a further status line starts a new head");
  head_free(&h);
}

/* Fields that define the end of the body and may contradict each other. */
static void framing (void) {
  static const struct { const char *const text[5]; int ambiguous; } cases[] = {
    { { "HTTP/1.1 200 OK", NULL }, 0 },
    { { "HTTP/1.1 200 OK", "Content-Length: 5", NULL }, 0 },
    { { "HTTP/1.1 200 OK", "Content-Length: 5", "content-length: 5", NULL },
      0 },
    { { "HTTP/1.1 200 OK", "Transfer-Encoding: chunked", NULL }, 0 },
    { { "HTTP/1.1 200 OK", "Transfer-Encoding: chunked",
        "transfer-encoding: chunked", NULL }, 0 },
    { { "HTTP/1.1 200 OK", "Content-Length: 5", "content-length: 6", NULL },
      1 },
    { { "HTTP/1.1 200 OK", "Content-Length: 5", "content-length: 5",
        "Content-Length: 50", NULL }, 1 },
    { { "HTTP/1.1 200 OK", "Content-Length: 5, 6", NULL }, 1 },
    { { "HTTP/1.1 200 OK", "Content-Length: +5", NULL }, 1 },
    { { "HTTP/1.1 200 OK", "Content-Length:", NULL }, 1 },
    { { "HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Content-Length: 5",
        NULL }, 1 },
    { { "HTTP/1.1 200 OK", "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked", NULL }, 1 }
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    head h;
    char name[80];
    snprintf(name, sizeof name, "head %d %s about where its body ends",
             (int)i, cases[i].ambiguous ? "contradicts itself" : "is clear");
    ok(lines(&h, cases[i].text) == HEAD_OK &&
       head_is_ambiguous(&h) == cases[i].ambiguous, name);
    head_free(&h);
  }
}

static void lengths (void) {
  static const struct { const char *const text[5]; const char *problem; }
  cases[] = {
    { { "HTTP/1.1 200 OK", NULL }, NULL },
    { { "HTTP/1.1 200 OK", "Content-Length: 5", NULL }, NULL },
    { { "HTTP/1.1 200 OK", "Content-Length: 5", "content-length: 005", NULL },
      NULL },
    { { "HTTP/1.1 200 OK", "Content-Length: 5 ,5", NULL }, NULL },
    { { "HTTP/1.1 200 OK", "Content-Length: 0", NULL }, NULL },
    { { "HTTP/1.1 200 OK", "Content-Length: 999999999999999", NULL }, NULL },
    { { "HTTP/1.1 200 OK", "Content-Length: x", "Transfer-Encoding: chunked",
        NULL }, NULL },
    { { "HTTP/1.1 200 OK", "Content-Length: 5", "content-length: 6", NULL },
      "two different" },
    { { "HTTP/1.1 200 OK", "Content-Length: 5, 50", NULL }, "two different" },
    { { "HTTP/1.1 200 OK", "Content-Length: 1000000000000000", NULL },
      "too large" },
    { { "HTTP/1.1 200 OK", "Content-Length: -5", NULL }, "not a number" },
    { { "HTTP/1.1 200 OK", "Content-Length: +5", NULL }, "not a number" },
    { { "HTTP/1.1 200 OK", "Content-Length: 0x5", NULL }, "not a number" },
    { { "HTTP/1.1 200 OK", "Content-Length: 5x", NULL }, "not a number" },
    { { "HTTP/1.1 200 OK", "Content-Length: 5,", NULL }, "not a number" },
    { { "HTTP/1.1 200 OK", "Content-Length:", NULL }, "not a number" }
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    head h;
    char name[80];
    const char *want = cases[i].problem, *found;
    snprintf(name, sizeof name, "the Content-Length of head %d: %s", (int)i,
             want != NULL ? want : "no problem");
    lines(&h, cases[i].text);
    found = head_length_problem(&h);
    ok(want == NULL ? found == NULL
                    : found != NULL && strstr(found, want) != NULL, name);
    head_free(&h);
  }
}

static void accidents (void) {
  static const char nul[] = "x-n\0l: a\0b\r\n";
  static const char *const text[] = {
    "HTTP/1.1 200 OK", "no colon here", ": no name", "x-long: one", " folded",
    "\tfolded: too", "x-last: 1\r", "HTTP", "HTTP:/", NULL
  };
  head h;
  ok(lines(&h, text) == HEAD_OK && h.fields == 3,
     "a line without a field is skipped");
  ok(is(&h, "x-long", "one"), "a folded line is not part of a value");
  ok(is(&h, "x-last", "1"), "a second carriage return is a line end, too");
  ok(is(&h, "http", "/"), "a field may be called HTTP");
  ok(head_line(&h, nul, sizeof nul - 1) == HEAD_OK && is(&h, "x-n l", "a b"),
     "a zero byte becomes a space");
  ok(head_line(&h, "x", 0) == HEAD_OK && h.complete,
     "a line of no bytes is a blank line");
  head_free(&h);
  line(&h, "\r\n");
  ok(!h.complete, "a blank line without a status completes nothing");
  line(&h, "a: b\r\n");
  ok(is(&h, "a", "b"), "fields before a status line are kept");
  line(&h, "HTTP/1.1 200 OK\r\n");
  ok(is(&h, "a", NULL), "a status line removes them");
  line(&h, "bytes: \x80\xff\x01\r\n");
  ok(is(&h, "bytes", "\x80\xff\x01"), "other bytes are kept as they are");
  head_free(&h);
}

/* Makes a field whose name and value use n bytes with their zero bytes. */
static int field_of (head *h, size_t n) {
  static char text[HEAD_MAX_BYTES + 64];
  memset(text, 'v', n + 1);
  memcpy(text, "a:", 2);
  memcpy(text + n, "\r\n", 2);
  return head_line(h, text, n + 2);
}

static void limits (void) {
  head h;
  int i, good = 1;
  head_init(&h);
  line(&h, "HTTP/1.1 200 OK\r\n");
  for (i = 0; i < HEAD_MAX_FIELDS; i++) good &= (line(&h, "a: b\r\n") == 0);
  ok(good && h.fields == HEAD_MAX_FIELDS, "128 fields are accepted");
  ok(line(&h, "a: b\r\n") == HEAD_TOOBIG, "one more is too many");
  ok(line(&h, "no field\r\n") == HEAD_OK, "unless it is not a field");
  line(&h, "HTTP/1.1 200 OK\r\n");
  ok(line(&h, "a: b\r\n") == HEAD_OK, "a new head starts counting at 0");
  head_free(&h);
  /* "a", NUL, value, NUL: one byte more than "a:" and the value */
  ok(field_of(&h, HEAD_MAX_BYTES - 1) == HEAD_OK &&
     h.text.len == HEAD_MAX_BYTES, "so many bytes are taken");
  ok(line(&h, "a:\r\n") == HEAD_TOOBIG, "one byte more is too large");
  ok(h.text.len == HEAD_MAX_BYTES && h.fields == 1,
     "a refused line changes nothing");
  head_free(&h);
  ok(field_of(&h, HEAD_MAX_BYTES) == HEAD_TOOBIG && h.fields == 0,
     "a single field can be too large");
  head_free(&h);
}

static int take (head *h) {
  static const char *const text[] = {
    "HTTP/1.1 103 Early Hints", "link: </a>", "", "HTTP/1.1 200 OK",
    "content-type: text/event-stream", "x-a: 1", "x-b: 2", "", NULL
  };
  char long_line[300];
  int rc = lines(h, text);
  if (rc != HEAD_OK) return rc;
  line(h, "HTTP/1.1 200 OK\r\n");
  memset(long_line, 'x', sizeof long_line);
  long_line[1] = ':';
  return head_line(h, long_line, sizeof long_line);
}

static void no_memory (void) {
  long n, total;
  int on, good = 1;
  head h;
  alloc_start(0, 0);
  good &= (take(&h) == HEAD_OK);
  head_free(&h);
  total = alloc_calls;
  ok(good && total > 0 && alloc_live == 0, "a head frees its memory");
  for (on = 0; on <= 1; on++)
    for (n = 1; n <= total; n++) {
      size_t fields;
      alloc_start(n, on);
      good &= (take(&h) == HEAD_NOMEM);
      fields = (size_t)h.fields;
      good &= (fields == 0 || h.text.data[h.text.len - 1] == '\0');
      good &= is(&h, "nothing", NULL);
      alloc_fail_at = 0;
      line(&h, "HTTP/1.1 200 OK\r\n");
      good &= (line(&h, "x-c: 3\r\n") == HEAD_OK && is(&h, "x-c", "3"));
      head_free(&h);
      good &= (alloc_live == 0);
    }
  ok(good, "refused memory is reported and leaves a valid head");
  mem_set_allocator(NULL);
}

static void codings (void) {
  static const struct { const char *value; int coded; } cases[] = {
    { "", 0 }, { "identity", 0 }, { "Identity", 0 }, { "none", 0 },
    { "identity, IDENTITY", 0 }, { "utf-8", 0 }, { "UTF8", 0 },
    { "us-ascii", 0 }, { "ISO-8859-15", 0 }, { "windows-1252", 0 },
    { " , ", 0 }, { "gzip", 1 }, { "x-gzip", 1 }, { "br", 1 }, { "zstd", 1 },
    { "deflate", 1 }, { "identity, gzip", 1 }, { "gzip,none", 1 },
    { "utf-", 1 }, { "iso-8859-", 1 }, { "utf-8x", 1 }, { "unheard-of", 1 },
    { "a-name-that-is-longer-than-any-coding-has", 1 }
  };
  size_t i;
  head h;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char name[80], field[80];
    head_init(&h);
    line(&h, "HTTP/1.1 200 OK\r\n");
    snprintf(field, sizeof field, "Content-Encoding: %s\r\n", cases[i].value);
    snprintf(name, sizeof name, "\"%s\" is %s coding", cases[i].value,
             cases[i].coded ? "a" : "no");
    ok(line(&h, field) == HEAD_OK && head_is_coded(&h) == cases[i].coded,
       name);
    head_free(&h);
  }
  head_init(&h);
  ok(!head_is_coded(&h), "without a head there is no coding");
  line(&h, "HTTP/1.1 200 OK\r\n");
  line(&h, "content-encoding: identity\r\n");
  ok(!head_is_coded(&h), "several fields without a coding name none");
  line(&h, "content-encoding: gzip\r\n");
  ok(head_is_coded(&h), "a later field may name a coding");
  head_free(&h);
}

static void transfer_codings (void) {
  static const struct { const char *value; int coded; } cases[] = {
    { "chunked", 0 }, { "Chunked", 0 }, { "identity", 0 }, { "gzip", 1 },
    { "gzip, chunked", 1 }, { "deflate", 1 }, { "chunked, chunked", 1 },
    { "", 1 }, { "chunke", 1 }, { "chunkedx", 1 }
  };
  size_t i;
  head h;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char name[80], field[80];
    head_init(&h);
    line(&h, "HTTP/1.1 200 OK\r\n");
    snprintf(field, sizeof field, "Transfer-Encoding: %s\r\n", cases[i].value);
    snprintf(name, sizeof name, "\"%s\" is %s transfer coding to refuse",
             cases[i].value, cases[i].coded ? "a" : "no");
    ok(line(&h, field) == HEAD_OK &&
       head_is_transfer_coded(&h) == cases[i].coded, name);
    head_free(&h);
  }
  head_init(&h);
  ok(!head_is_transfer_coded(&h), "without a head there is none");
  line(&h, "HTTP/1.1 200 OK\r\n");
  line(&h, "transfer-encoding: chunked\r\n");
  line(&h, "transfer-encoding: chunked\r\n");
  ok(!head_is_transfer_coded(&h), "chunked may be said twice");
  line(&h, "transfer-encoding: gzip\r\n");
  ok(head_is_transfer_coded(&h), "a later field may name another one");
  head_free(&h);
}

int main (void) {
  codings();
  transfer_codings();
  status();
  plain();
  several();
  framing();
  lengths();
  accidents();
  limits();
  no_memory();
  return done();
}
