/* links: sse.c buf.c */
/*
** test_sse_limits.c - tests of sse.c: limits and memory
** SPDX-License-Identifier: MIT
*/

#include "alloc.h"
#include "sse_run.h"
#include "tap.h"

#define NO_LIMIT ((size_t)-1)

/* The most bytes that a parser may keep while nothing is queued. */
#define IDLE 5000

static int feed_text (sse *p, const char *s) {
  return sse_feed(p, s, strlen(s));
}

/* Feeds n bytes c in pieces of 'slice' bytes. */
static int feed_run (sse *p, char c, size_t n, size_t slice) {
  char bytes[1000];
  int status = SSE_OK;
  memset(bytes, c, sizeof bytes);
  while (n > 0 && status == SSE_OK) {
    size_t now = (n < slice) ? n : slice;
    status = sse_feed(p, bytes, now);
    n -= now;
  }
  return status;
}

static void limit (void) {
  static const struct {
    const char *name, *fits, *over;  /* the last byte of 'over' is too many */
  } pairs[] = {
    { "the limit is exact for data", "data:12345678\n\n",
      "data: 123456789" },
    { "the limit counts line ends in the data", "data:123\ndata:4567\n\n",
      "data:123\ndata:45678" },
    { "the limit counts a line end alone", "data\ndata:123456\ndata:",
      "data\ndata:123456\ndata:\ndata:" },
    { "the limit counts the type", "event:1234\ndata:1234\n\n",
      "event:1234\ndata:12345" },
    { "the limit counts an unfinished type", "event:12345678",
      "event:123456789" },
    { "the limit counts the ID", "id:1234\ndata:1234\n\n",
      "id:1234\n\ndata:12345" },
    { "the limit counts an unfinished ID", "id:1234\n\nid:1234",
      "id:1234\n\nid:12345" },
    { "the limit counts each event separately", "data:1234567\n\ndata:1234567",
      "data:1234567\n\ndata:123456789" },
    { "a type that was used counts no more",
      "event:1234567\ndata\n\ndata:12345678\n\n",
      "event:1234567\ndata\n\ndata:123456789" }
  };
  size_t i;
  for (i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    const char *s;
    int good = 1;
    sse p;
    sse_init(&p, 8);
    good &= (feed_text(&p, pairs[i].fits) == SSE_OK);
    sse_free(&p);
    good &= (feed_text(&p, pairs[i].over) == SSE_TOOBIG);
    sse_free(&p);
    for (s = pairs[i].fits; *s != '\0'; s++)
      good &= (sse_feed(&p, s, 1) == SSE_OK);
    sse_free(&p);
    for (s = pairs[i].over; *s != '\0'; s++)  /* fails at the last byte */
      good &= (sse_feed(&p, s, 1) == (s[1] ? SSE_OK : SSE_TOOBIG));
    sse_free(&p);
    ok(good, pairs[i].name);
  }
}

static void sticky (void) {
  sse p;
  sse_event ev;
  alloc_start(0, 0);
  sse_init(&p, 8);
  ok(feed_text(&p, "data: one\n\ndata: two\n\ndata: 123456789\n\ndata: x\n\n")
     == SSE_TOOBIG, "an event over the limit is an error");
  ok(sse_count(&p) == 2, "events before it stay");
  ok(feed_text(&p, "data: y\n\n") == SSE_TOOBIG && sse_count(&p) == 2,
     "the error is sticky");
  ok(sse_feed(&p, NULL, 0) == SSE_TOOBIG, "even without bytes");
  ok(sse_peek(&p, &ev) && ev.data_len == 3 && memcmp(ev.data, "one", 3) == 0,
     "events before it can be read");
  sse_pop(&p);
  ok(sse_peek(&p, &ev) && memcmp(ev.data, "two", 3) == 0, "in order");
  sse_pop(&p);
  ok(!sse_peek(&p, &ev) && !sse_finish(&p, &ev), "and nothing after them");
  sse_free(&p);
  ok(alloc_live == 0, "nothing leaks after an error");
  sse_init(&p, 0);
  ok(feed_text(&p, ":x\nfoo:bar\ndata:\n\n") == SSE_OK && sse_count(&p) == 1,
     "with limit 0 only empty events pass");
  ok(feed_text(&p, "data:a") == SSE_TOOBIG, "with limit 0 a byte is too much");
  sse_free(&p);
}

static void not_buffered (void) {
  sse p;
  alloc_start(0, 0);
  sse_init(&p, 100);
  ok(sizeof p < 256, "an idle parser is small");
  feed_text(&p, ":");
  feed_run(&p, 'x', 1000000, 999);
  feed_text(&p, "\nunknown: ");
  feed_run(&p, 'x', 1000000, 7);
  feed_text(&p, "\n");
  feed_run(&p, 'd', 1000000, 1);
  feed_text(&p, "\n\n");
  ok(alloc_calls == 0, "comments and unknown fields need no memory");
  ok(feed_text(&p, "data: a\n\n") == SSE_OK && sse_count(&p) == 1,
     "and do not count for the limit");
  sse_free(&p);
}

static void large (void) {
  static const size_t slices[] = { 1, 3, 1000 };
  size_t i, k, n = 4 * 1024 * 1024;
  for (k = 0; k < sizeof slices / sizeof *slices; k++) {
    sse p;
    sse_event ev;
    int good = 1;
    alloc_start(0, 0);
    sse_init(&p, n);
    feed_text(&p, "data: ");
    feed_run(&p, 'x', n, slices[k]);
    feed_text(&p, "\n\ndata: next");
    good = sse_peek(&p, &ev) && ev.data_len == n;
    for (i = 0; good && i < n; i++)
      good &= (ev.data[i] == 'x');
    good &= (alloc_calls < 40);
    good &= (alloc_peak < 4 * n);
    sse_pop(&p);
    good &= (alloc_live <= IDLE);
    good &= sse_finish(&p, &ev) && ev.data_len == 4
            && memcmp(ev.data, "next", 4) == 0;
    sse_free(&p);
    good &= (alloc_live == 0);
    ok(good, k == 0 ? "4 MiB byte by byte, few allocations, freed"
                    : "4 MiB in slices, few allocations, given back");
  }
}

static void large_others (void) {
  sse p;
  alloc_start(0, 0);
  sse_init(&p, NO_LIMIT);
  feed_text(&p, "event:");
  feed_run(&p, 'x', 1000000, 1000);
  feed_text(&p, "\nevent:y\n\n");
  ok(alloc_live <= IDLE, "the memory of a large type is freed");
  feed_text(&p, "id:");
  feed_run(&p, 'x', 1000000, 1000);
  feed_text(&p, "\nid\n");
  ok(alloc_live <= IDLE, "the memory of a large ID is freed");
  feed_text(&p, "data:");
  feed_run(&p, 'x', 1000000, 1000);
  p.max_event = 5;
  feed_text(&p, "x");
  ok(alloc_live <= IDLE, "the memory of a refused event is freed");
  sse_free(&p);
  ok(alloc_live == 0, "nothing leaks");
}

static void backlog (void) {
  sse p;
  sse_event ev;
  size_t i, before;
  int good = 1;
  alloc_start(0, 0);
  sse_init(&p, NO_LIMIT);
  ok(sse_queued(&p) == 0 && sse_count(&p) == 0, "nothing is queued at first");
  feed_text(&p, "data: unfinished");
  ok(sse_queued(&p) == 0, "an unfinished event is not queued");
  feed_text(&p, "\n\n");
  ok(sse_queued(&p) >= 10 && sse_count(&p) == 1, "a complete event is");
  sse_pop(&p);
  sse_pop(&p);
  ok(sse_queued(&p) == 0 && sse_count(&p) == 0, "popping takes it out");
  feed_text(&p, "data: ");
  feed_run(&p, 'x', 2000000, 1000);
  feed_text(&p, "\n\n");
  for (i = 0; i < 100; i++)
    feed_text(&p, "event: t\ndata: small\n\n");
  before = sse_queued(&p);
  sse_pop(&p);
  ok(before - sse_queued(&p) >= 2000000, "queued bytes follow what is popped");
  ok(alloc_live < 100000, "a large event is freed before small ones");
  for (i = 0; i < 100; i++) {
    good &= sse_peek(&p, &ev) && ev.data_len == 5 && ev.type_len == 1
            && memcmp(ev.data, "smallt", 6) == 0;
    sse_pop(&p);
  }
  ok(good && sse_count(&p) == 0, "the small ones are complete");
  /* the reader always leaves one event in the queue */
  feed_text(&p, "data: 0\n\n");
  for (i = 0; i < 100000; i++) {
    feed_text(&p, "data: 0123456789\n\n");
    sse_pop(&p);
  }
  ok(alloc_live <= IDLE, "a reader that lags by one event costs no memory");
  sse_free(&p);
  ok(alloc_live == 0, "nothing leaks");
}

static void shared_id (void) {
  sse p;
  sse_event ev;
  size_t i;
  int good = 1;
  alloc_start(0, 0);
  sse_init(&p, NO_LIMIT);
  feed_text(&p, "id:");
  feed_run(&p, 'i', 100000, 1000);
  feed_text(&p, "\n");
  for (i = 0; i < 1000; i++)
    feed_text(&p, "data\n\n");
  ok(alloc_live < 300000, "events with a long ID share it");
  ok(sse_queued(&p) >= 100000, "a shared ID counts as queued");
  feed_text(&p, "id:2\ndata:a\n\nid\ndata:b\n\n");
  for (i = 0; i < 1000; i++) {
    good &= sse_peek(&p, &ev) && ev.id_len == 100000 && ev.id[99999] == 'i';
    sse_pop(&p);
  }
  ok(good, "each event has its ID");
  ok(sse_peek(&p, &ev) && ev.id_len == 1 && ev.id[0] == '2',
     "a new ID is that of the events after it");
  ok(alloc_live < 50000, "the memory of an unused ID is freed");
  sse_pop(&p);
  ok(sse_peek(&p, &ev) && ev.id_len == 0, "an ID may become empty");
  sse_free(&p);
  ok(alloc_live == 0, "nothing leaks with events queued");
}

/*
** Feeds the same stream with the n-th allocation refused, for each n up to the
** number of allocations: the events before are right, nothing leaks.
*/
static int with_failures (const text *s, const text *want, size_t slice,
                          int on) {
  text out = { 0 };
  long n;
  int status = SSE_NOMEM;
  for (n = 1; status != SSE_OK; n++) {
    size_t i;
    sse p;
    sse_event ev;
    out.len = 0;
    alloc_start(n, on);
    sse_init(&p, NO_LIMIT);
    for (i = 0; i < s->len; i += slice) {
      size_t now = (s->len - i < slice) ? s->len - i : slice;
      status = sse_feed(&p, s->s + i, now);
      drain(&p, &out, i % 3);
      if (status != SSE_OK)
        break;
    }
    drain(&p, &out, (size_t)-1);
    if (status == SSE_NOMEM
        && (sse_feed(&p, "\n", 1) != SSE_NOMEM || sse_finish(&p, &ev)))
      break;  /* not sticky */
    sse_free(&p);
    if (alloc_live != 0 || out.len > want->len
        || (out.len > 0 && memcmp(out.s, want->s, out.len) != 0)
        || (status != SSE_OK && status != SSE_NOMEM))
      break;
    if (status == SSE_OK && !on && n <= alloc_calls)
      status = SSE_NOMEM;  /* a refusal without effect: continue */
  }
  free(out.s);
  alloc_start(0, 0);
  return status == SSE_OK && n > 3;
}

static void no_memory (void) {
  text s = { 0 }, want = { 0 };
  size_t i, slice;
  int once = 1, on = 1;
  for (i = 0; i < 50; i++) {
    put(&s, "id: ", 4);
    put(&s, "0123456789", 1 + i % 10);
    put(&s, "\nevent: token\ndata: {\"token\":", 28);
    while (s.len % 900 != 0)
      put(&s, "x", 1);
    put(&s, "\ndata: }\n\n: keep-alive\n\n", 25);
  }
  reference(s.s, s.len, NO_LIMIT, &want);
  for (slice = 1; slice < s.len * 2; slice = slice * 7 + 1) {
    once &= with_failures(&s, &want, slice, 0);
    on &= with_failures(&s, &want, slice, 1);
  }
  ok(once, "one refusal: no crash, no leak, no wrong event");
  ok(on, "no memory from then on: no crash, no leak, no wrong event");
  free(s.s);
  free(want.s);
}

int main (void) {
  limit();
  sticky();
  not_buffered();
  large();
  large_others();
  backlog();
  shared_id();
  no_memory();
  mem_set_allocator(NULL);
  return done();
}
