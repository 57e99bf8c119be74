/* links: sse.c buf.c */
/*
** test_sse.c - tests of sse.c
** SPDX-License-Identifier: MIT
** Each case is fed as a whole, byte by byte and split at every place, and
** compared with the expected text and with the reference; random streams
** follow.
*/

#include "alloc.h"
#include "sse_run.h"
#include "tap.h"

#define NO_LIMIT ((size_t)-1)

typedef struct stream_case {
  const char *name;
  const char *in;
  size_t in_len;
  const char *out;
  size_t out_len;
} stream_case;

#define CASE(name, in, out) \
  { name, in, sizeof(in) - 1, out, sizeof(out) - 1 }

static const stream_case cases[] = {
  CASE("no bytes, no event", "", ""),
  CASE("LF ends lines", "data: a\n\n", "[/a/]"),
  CASE("CR ends lines", "data: a\r\r", "[/a/]"),
  CASE("CRLF ends lines", "data: a\r\n\r\n", "[/a/]"),
  CASE("line ends can be mixed", "data: a\rdata: b\ndata: c\r\n\r\r\n",
       "[/a\nb\nc/]"),
  CASE("LF CR is two line ends", "data: a\n\rdata: b\n\r", "[/a/][/b/]"),
  CASE("CR CR LF is two line ends", "data: a\r\r\ndata: b\r\r\n",
       "[/a/][/b/]"),
  CASE("a byte order mark is skipped", "\xEF\xBB\xBF" "data: a\n\n",
       "[/a/]"),
  CASE("a second byte order mark is part of a name",
       "\xEF\xBB\xBF\xEF\xBB\xBF" "data: a\n\n", ""),
  CASE("a byte order mark later is part of a name",
       "\n\xEF\xBB\xBF" "data: a\n\ndata: b\n\n", "[/b/]"),
  CASE("half a byte order mark is part of a name",
       "\xEF\xBB" "data: a\ndata: b\n\n", "[/b/]"),
  CASE("one byte of a mark and a line end is a line",
       "\xEF\ndata: b\n\n", "[/b/]"),
  CASE("a byte order mark alone is no line", "\xEF\xBB\xBF\ndata:a\n\n",
       "[/a/]"),
  CASE("one space behind the colon does not count", "data:  a \n\n",
       "[/ a /]"),
  CASE("no space behind the colon is needed", "data:a\n\n", "[/a/]"),
  CASE("a tab is not a space", "data:\ta\n\n", "[/\ta/]"),
  CASE("a space before the colon is part of the name",
       "data : a\ndata:b\n\n", "[/b/]"),
  CASE("a value may hold colons", "data:a:b: c\n\n", "[/a:b: c/]"),
  CASE("data lines are joined by LF", "data: a\ndata:\ndata: b\n\n",
       "[/a\n\nb/]"),
  CASE("a data line without colon is an empty one", "data\n\n", "[//]"),
  CASE("an empty data line makes an event without data", "data:\n\n",
       "[//]"),
  CASE("two empty data lines are one line end", "data\ndata\n\n", "[/\n/]"),
  CASE("three empty data lines are two line ends", "data:\ndata: \ndata\n\n",
       "[/\n\n/]"),
  CASE("a blank line without data makes no event", "\n\n\ndata: a\n\n\n\n",
       "[/a/]"),
  CASE("a blank line without data resets the type",
       "event: x\n\ndata: a\n\n", "[/a/]"),
  CASE("comments are skipped", ": hi\n:\ndata: a\n: data: b\n:data:c\n\n",
       "[/a/]"),
  CASE("a keep-alive makes no event", ":\n\n:\n\ndata: a\n\n:\n\n", "[/a/]"),
  CASE("a comment does not end an event", "data: a\n:\ndata: b\n\n",
       "[/a\nb/]"),
  CASE("unknown fields are skipped",
       "foo: 1\ndata: a\nretry: 10\nbar\nlongername: data\n\n", "[/a/]"),
  CASE("names are matched whole",
       "dat: a\ndatas: a\nDATA: a\nda\n data: a\nevents: a\nids: a\ni: a\n"
       "eventid: a\ndata: z\n\n", "[/z/]"),
  CASE("a type belongs to its event", "event: x\ndata: a\n\ndata: b\n\n",
       "[x/a/][/b/]"),
  CASE("a type may come last", "data: a\nevent: x\n\n", "[x/a/]"),
  CASE("the last type wins", "event: x\nevent: yy\ndata: a\n\n", "[yy/a/]"),
  CASE("an empty type is no type", "event: x\nevent\ndata: a\n\n", "[/a/]"),
  CASE("a type keeps further spaces", "event:  x \ndata: a\n\n",
       "[ x /a/]"),
  CASE("an ID stays", "id: 7\ndata: a\n\ndata: b\n\n", "[/a/7][/b/7]"),
  CASE("an ID may come without data", "id: 7\n\ndata: b\n\n", "[/b/7]"),
  CASE("an ID can be changed", "id: 7\ndata: a\n\nid: 88\ndata: b\n\n",
       "[/a/7][/b/88]"),
  CASE("the last ID wins", "id: 1\nid: 2\ndata: b\n\n", "[/b/2]"),
  CASE("an empty ID resets it", "id: 7\ndata: a\n\nid\ndata: b\n\n",
       "[/a/7][/b/]"),
  CASE("an ID with NUL is ignored", "id: 7\nid: 8\0" "8\ndata: a\n\n",
       "[/a/7]"),
  CASE("data may hold NUL", "data: a\0b\0\n\n", "[/a\0b\0/]"),
  CASE("a type may hold NUL", "event: x\0\ndata: a\n\n", "[x\0/a/]"),
  CASE("a name with NUL is unknown", "data\0: a\n\0\n\ndata: b\n\n",
       "[/b/]"),
  CASE("bytes that are not UTF-8 pass", "data: \xFF\xC0\x80\xED\xA0\n\n",
       "[/\xFF\xC0\x80\xED\xA0/]"),
  CASE("a cut UTF-8 character is followed by a line end",
       "data: \xE2\x82\ndata: \xF0\n\n", "[/\xE2\x82\n\xF0/]"),
  CASE("U+2028, form feed and U+0085 end no line",
       "data: a\xE2\x80\xA8" "b\x0C" "c\xC2\x85" "d\v\n\n",
       "[/a\xE2\x80\xA8" "b\x0C" "c\xC2\x85" "d\v/]"),
  CASE("an emoji comes whole", "data: {\"t\":\"\xF0\x9F\x98\x80\"}\n\n",
       "[/{\"t\":\"\xF0\x9F\x98\x80\"}/]"),
  CASE("an event without blank line is unfinished", "data: a\n", "<a>"),
  CASE("a data line without end is unfinished", "data: a\ndata: b",
       "<a\nb>"),
  CASE("an unfinished line is data only with its colon",
       "data: a\ndata", "<a>"),
  CASE("an unfinished empty line is a line", "data: a\ndata:", "<a\n>"),
  CASE("other unfinished lines do not count", "data: a\nevent: x", "<a>"),
  CASE("nothing is unfinished behind a blank line",
       "data: a\n\nevent: x\nid: 1\n", "[/a/]"),
  CASE("unfinished data may be empty", "data:", "<>"),
  CASE("a CR at the end is a line end", "data: a\r\n\r", "[/a/]"),
};

#undef CASE

/* Feeds three pieces, cut at a and b (a <= b); pops between them or at the
** end. */
static void run_cut (const guard *g, const stream_case *c, size_t a, size_t b,
                     int late, text *out) {
  sse p;
  size_t most = late ? 0 : (size_t)-1;
  out->len = 0;
  sse_init(&p, NO_LIMIT);
  feed(&p, g, c->in, a);
  drain(&p, out, most);
  feed(&p, g, c->in + a, b - a);
  drain(&p, out, most);
  feed(&p, g, c->in + b, c->in_len - b);
  drain_end(&p, out);
  sse_free(&p);
}

static void run_bytes (const guard *g, const stream_case *c, int late,
                       text *out) {
  sse p;
  size_t i;
  out->len = 0;
  sse_init(&p, NO_LIMIT);
  for (i = 0; i < c->in_len; i++) {
    feed(&p, g, c->in + i, 1);
    drain(&p, out, late ? 0 : (size_t)-1);
  }
  drain_end(&p, out);
  sse_free(&p);
}

static void one_case (const guard *g, const stream_case *c) {
  text want = { 0 }, ref = { 0 }, out = { 0 };
  size_t a, b;
  int late, good;
  put(&want, c->out, c->out_len);
  reference(c->in, c->in_len, NO_LIMIT, &ref);
  good = same(&ref, &want);
  for (late = 0; late <= 1; late++) {
    run_bytes(g, c, late, &out);
    good &= same(&out, &want);
    for (a = 0; a <= c->in_len; a++) {
      for (b = a; b <= c->in_len; b++) {  /* b at the end: one cut */
        run_cut(g, c, a, b, late, &out);
        good &= same(&out, &want);
      }
    }
  }
  if (!ok(good, c->name)) {
    run_cut(g, c, 0, 0, 0, &out);
    printf("# wanted %.*s\n# reference %.*s\n# got %.*s\n", (int)want.len,
           want.s, (int)ref.len, ref.s, (int)out.len, out.s);
  }
  free(want.s);
  free(ref.s);
  free(out.s);
}

/* A fixed seed: the same numbers in each run. */
static unsigned random_next (void) {
  static unsigned state = 2026;
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

/* Makes a random stream of pieces with and without meaning for the parser. */
static void random_stream (text *s) {
  static const char *const pieces[] = {
    "data", "data:", "data: ", "event:", "event: e", "id:", "id: 1", "\n",
    "\r", "\r\n", "\n\n", ":", " ", "x", "retry: 5", "\xEF\xBB\xBF", "\xEF",
    "foo: bar", "\xE2\x82\xAC", "data: {\"a\":1}\n\n", "d", "id"
  };
  size_t n = random_next() % 40;
  s->len = 0;
  while (n-- > 0) {
    unsigned r = random_next() % (sizeof pieces / sizeof *pieces + 1);
    if (r == sizeof pieces / sizeof *pieces)
      put(s, "", 1);  /* NUL */
    else
      put(s, pieces[r], strlen(pieces[r]));
  }
}

static void random_streams (const guard *g) {
  text s = { 0 }, want = { 0 }, out = { 0 };
  int round, good = 1;
  for (round = 0; round < 50000 && good; round++) {
    size_t max = (random_next() % 2) ? NO_LIMIT : random_next() % 30;
    size_t i = 0;
    sse p;
    random_stream(&s);
    want.len = out.len = 0;
    reference(s.s, s.len, max, &want);
    sse_init(&p, max);
    while (i < s.len) {
      size_t n = 1 + random_next() % 12;
      if (n > s.len - i)
        n = s.len - i;
      feed(&p, g, s.s + i, n);
      drain(&p, &out, random_next() % 4);
      i += n;
    }
    drain_end(&p, &out);
    sse_free(&p);
    good = same(&out, &want) && alloc_live == 0;
    if (!good)
      printf("# wanted %.*s\n# got %.*s\n", (int)want.len, want.s,
             (int)out.len, out.s);
  }
  ok(good, "50,000 random streams, cuts and limits agree with the reference");
  free(s.s);
  free(want.s);
  free(out.s);
}

int main (void) {
  guard g;
  size_t i;
  guard_start(&g, 4096);
  alloc_start(0, 0);
  for (i = 0; i < sizeof cases / sizeof *cases; i++)
    one_case(&g, &cases[i]);
  ok(alloc_live == 0, "no case leaves memory behind");
  random_streams(&g);
  return done();
}
