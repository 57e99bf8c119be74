/*
** wire_log.h - what was sent and received, for callers who want to see it
** SPDX-License-Identifier: MIT
** A log is a queue of records, which libcurl's callbacks fill and the owner of
** the exchange empties. It contains secrets: predibase.call.wire_records
** removes them before anything is shown.
*/

#ifndef PREDIBASE_WIRE_LOG_H
#define PREDIBASE_WIRE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "libcurl.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

#define WIRE_LOG_TEXT 't'      /* what libcurl says about the connection */
#define WIRE_LOG_SENT 's'      /* the head of a request, perhaps to a proxy */
#define WIRE_LOG_HEAD 'h'      /* a line of the head of a response */
#define WIRE_LOG_DATA 'd'      /* bytes of the body of a response */

/* In front of the bytes of each record. */
typedef struct wire_log_record {
  int64_t time;  /* on clock_ms */
  size_t size;   /* of the bytes that follow */
  char kind;
} wire_log_record;

/*
** Adds a record. Without memory for it, the record is left out, because logging
** must not make a request fail.
*/
void wire_log_add (buf *log, char kind, int64_t now, const char *s, size_t n);

/*
** Reads the record at *at and moves *at behind it. Returns 1; or 0 at the end
** of the 'len' bytes at 'data', which wire_log_add has written.
*/
int wire_log_read (const char *data, size_t len, size_t *at,
                   wire_log_record *r, const char **s);

/* Returns the kind of what libcurl's debug callback reports, or 0 for what is
** not kept: the bodies, which are taken from elsewhere, and TLS records. */
char wire_log_kind (curl_infotype type);

/* Removes all records, and overwrites them first. */
void wire_log_clear (buf *log);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
