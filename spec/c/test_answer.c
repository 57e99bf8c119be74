/* links: answer.c text_filter.c splitter.c stop_match.c token.c sse.c buf.c */
/*
** test_answer.c - tests of answer.c
** SPDX-License-Identifier: MIT
*/

#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "tap.h"

#define NO_LIMIT ((size_t)-1)
#define OTHER "data: {\"details\":{}}\n\n"

static sse parser;
static answer a;

static void begin (size_t limit, int kept) {
  sse_init(&parser, 65536);
  answer_init(&a, limit, kept);
}

static void end (void) {
  sse_free(&parser);
  answer_free(&a);
}

static void feed (const char *s) {
  if (sse_feed(&parser, s, strlen(s)) != SSE_OK) abort();
}

static void feed_token (const char *text, int special) {
  char event[512];
  snprintf(event, sizeof event,
           "data:{\"token\":{\"id\":1,\"text\":\"%s\",\"special\":%s}}\n\n",
           text, special ? "true" : "false");
  feed(event);
}

static int text_is (const char *s) {
  return a.text.len == strlen(s) &&
         (a.text.len == 0 || memcmp(a.text.data, s, a.text.len) == 0);
}

static int takes (const char *text) {
  token t;
  if (!answer_peek(&a, &parser, &t)) return 0;
  sse_pop(&parser);
  return answer_add(&a, t.text, token_added(&t), 1) == 0 &&
         t.len == strlen(text) && memcmp(t.text, text, t.len) == 0;
}

static void one_by_one (void) {
  token t;
  begin(NO_LIMIT, 1);
  ok(!answer_peek(&a, &parser, &t), "an empty queue has no token");
  feed_token("one", 0);
  feed_token("<s>", 1);
  feed_token("", 0);
  feed_token(" two", 0);
  feed(OTHER);
  ok(takes("one") && takes("<s>") && takes("") && takes(" two"),
     "plain tokens are read in their order");
  ok(a.tokens == 4 && a.size == 7 && text_is("one two"),
     "all are counted, and special ones add no text");
  ok(!answer_peek(&a, &parser, &t) && sse_count(&parser) == 1,
     "another event stays in the queue");
  end();
  ok(text_is("") && a.text.data == NULL, "freed, it has no text");
}

static void together (void) {
  char text[2 * TOKEN_MAX_TEXT];
  char large[TOKEN_MAX_TEXT + 1];
  size_t len = 99;
  begin(NO_LIMIT, 1);
  ok(answer_gather(&a, &parser, text, sizeof text, &len) == 0 && len == 0,
     "an empty queue has no texts");
  feed_token("one", 0);
  feed_token("<s>", 1);
  feed_token(" two", 0);
  feed(OTHER);
  feed_token(" three", 0);
  ok(answer_gather(&a, &parser, text, sizeof text, &len) == 3 && len == 7 &&
         memcmp(text, "one two", 7) == 0,
     "the texts of all plain tokens before another event");
  ok(sse_count(&parser) == 5 && a.tokens == 0, "nothing is taken by it");
  end();
  begin(NO_LIMIT, 1);
  memset(large, 'x', TOKEN_MAX_TEXT);
  large[TOKEN_MAX_TEXT] = '\0';
  feed_token("1", 0);
  feed_token(large, 0);
  feed_token(large, 0);
  ok(answer_gather(&a, &parser, text, sizeof text, &len) == 2 &&
         len == TOKEN_MAX_TEXT + 1, "no more than fit for certain");
  ok(answer_gather(&a, &parser, text, TOKEN_MAX_TEXT, &len) == 1 && len == 1,
     "the smallest place has one token");
  end();
}

static void limits (void) {
  char text[2 * TOKEN_MAX_TEXT];
  size_t len;
  token t;
  begin(6, 1);
  feed_token("one", 0);
  feed_token("<special>", 1);
  feed_token("two", 0);
  feed_token("x", 0);
  feed_token("", 0);
  ok(answer_gather(&a, &parser, text, sizeof text, &len) == 3 && len == 6,
     "texts up to the limit");
  ok(takes("one") && takes("<special>") && takes("two"),
     "tokens up to the limit");
  ok(!answer_peek(&a, &parser, &t), "but none beyond it");
  ok(answer_gather(&a, &parser, text, sizeof text, &len) == 0,
     "and no text beyond it");
  ok(answer_add(&a, "beyond", 6, 1) == 0 && text_is("onetwobeyond"),
     "the caller may add more");
  sse_pop(&parser);
  ok(takes(""), "then a token without text is still read");
  end();
}

static void forgetting (void) {
  begin(NO_LIMIT, 0);
  alloc_start(1, 1);
  ok(answer_add(&a, "some text", 9, 2) == 0 && a.tokens == 2 && a.size == 9 &&
         text_is(""), "a text that is not kept needs no memory");
  mem_set_allocator(NULL);
  end();
}

static void no_memory (void) {
  char piece[100];
  int i, clean = 1;
  long at;
  memset(piece, 'x', sizeof piece);
  for (at = 1; at < 12; at++) {
    size_t added = 0;
    alloc_start(at, 0);
    answer_init(&a, NO_LIMIT, 1);
    for (i = 0; i < 1000; i++) {
      size_t tokens = a.tokens;
      if (answer_add(&a, piece, sizeof piece, 1) == 0) added++;
      else clean &= a.tokens == tokens;
    }
    clean &= a.tokens == added && a.size == added * sizeof piece &&
             a.text.len == a.size;
    answer_free(&a);
    clean &= alloc_live == 0;
  }
  mem_set_allocator(NULL);
  ok(clean, "without memory nothing is added, and nothing lost or leaked");
}

int main (void) {
  one_by_one();
  together();
  limits();
  forgetting();
  no_memory();
  return done();
}
