/* links: wire_log.c buf.c */
/* SPDX-License-Identifier: MIT */
/* Tests of the log of what was sent and received. */

#include <string.h>

#include "tap.h"
#include "wire_log.h"

int main (void) {
  buf log = { NULL, 0, 0 };
  wire_log_record r;
  const char *s;
  size_t at = 0;
  ok(!wire_log_read(log.data, log.len, &at, &r, &s), "an empty log");
  wire_log_add(&log, WIRE_LOG_TEXT, 5, "one", 3);
  wire_log_add(&log, WIRE_LOG_DATA, 6, "", 0);
  wire_log_add(&log, WIRE_LOG_HEAD, 7, "a\0b", 3);
  ok(wire_log_read(log.data, log.len, &at, &r, &s) && r.kind == WIRE_LOG_TEXT &&
     r.time == 5 && r.size == 3 && memcmp(s, "one", 3) == 0, "the first");
  ok(wire_log_read(log.data, log.len, &at, &r, &s) && r.kind == WIRE_LOG_DATA &&
     r.size == 0, "one without bytes");
  ok(wire_log_read(log.data, log.len, &at, &r, &s) && r.size == 3 &&
     memcmp(s, "a\0b", 3) == 0, "one with a zero byte");
  ok(!wire_log_read(log.data, log.len, &at, &r, &s), "the end");
  s = log.data;
  wire_log_clear(&log);
  at = 0;
  ok(!wire_log_read(log.data, log.len, &at, &r, &s), "a cleared log is empty");
  ok(wire_log_kind(CURLINFO_TEXT) == WIRE_LOG_TEXT &&
     wire_log_kind(CURLINFO_DATA_IN) == 0 &&
     wire_log_kind(CURLINFO_SSL_DATA_OUT) == 0, "what is kept");
  buf_free(&log);
  return done();
}
