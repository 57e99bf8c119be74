/*
** wire_log.c - what was sent and received, for callers who want to see it
** SPDX-License-Identifier: MIT
*/

#include <string.h>

#include "wire_log.h"

void wire_log_add (buf *log, char kind, int64_t now, const char *s, size_t n) {
  wire_log_record r;
  memset(&r, 0, sizeof r);  /* also the bytes between its fields */
  r.time = now;
  r.size = n;
  r.kind = kind;
  if (buf_reserve(log, sizeof r + n) != 0) return;
  (void)buf_append(log, &r, sizeof r);
  (void)buf_append(log, s, n);
}

int wire_log_read (const char *data, size_t len, size_t *at,
                   wire_log_record *r, const char **s) {
  if (len - *at < sizeof *r) return 0;
  memcpy(r, data + *at, sizeof *r);
  *s = data + *at + sizeof *r;
  *at += sizeof *r + r->size;
  return 1;
}

char wire_log_kind (curl_infotype type) {
  switch (type) {
    case CURLINFO_TEXT: return WIRE_LOG_TEXT;
    case CURLINFO_HEADER_OUT: return WIRE_LOG_SENT;
    case CURLINFO_HEADER_IN: return WIRE_LOG_HEAD;
    default: return 0;
  }
}

void wire_log_clear (buf *log) {
  mem_wipe(log->data, log->len);
  buf_clear(log);
}
