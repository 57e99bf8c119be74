/*
** sse.c - incremental parser for event streams
** SPDX-License-Identifier: MIT
** The queue is one block of bytes: the records of complete events one after the
** other, then the record of the unfinished event. A record is a header, the
** data, the type. Values of 'data' lines are written directly into it, so each
** byte of data is copied once. Other values are collected in 'line', because
** they take effect at the end of their line.
**
**   0 .. head      popped, not yet reused
**   head .. tail   'count' complete records
**   tail .. len    if has_data: header (filled in by dispatch) and data of the
**                  unfinished event
*/

#include "sse.h"

#include <string.h>

/* Bytes that an empty queue, a type or a line keeps for the next event. */
#define SSE_KEEP 4096

/*
** Bytes that a queue with events keeps although most of them are unused. This
** is more than one read from a socket returns, so that a busy stream does not
** shrink and grow its queue all the time.
*/
#define SSE_KEEP_BUSY 65536

/* The position of the parser in a line. */
enum {
  AT_MARK,  /* before the first line: a byte order mark may follow */
  AT_NAME,  /* in the field name; at the start of the line if 'matched' is 0 */
  AT_SPACE,  /* after the colon, where one space is ignored */
  AT_VALUE,
  AT_REST  /* in a comment or an unknown field, which are ignored */
};

enum { F_NONE, F_DATA, F_EVENT, F_ID };

/*
** A last event ID. Events share it. If each event had a copy, a stream could
** fill the memory with one long ID and many tiny events.
*/
typedef struct sse_id {
  size_t refs;  /* one of the parser, one per queued event */
  size_t len;
  char bytes[];
} sse_id;

typedef struct record {
  size_t data_len, type_len;
  sse_id *id;  /* NULL: empty */
} record;

void sse_init (sse *p, size_t max_event) {
  memset(p, 0, sizeof *p);
  p->state = AT_MARK;
  p->max_event = max_event;
}

/* --- memory --------------------------------------------------------------- */

static void release_id (sse *p, sse_id *id) {
  if (id != NULL && --id->refs == 0) {
    p->ids -= id->len;
    mem_realloc(id, 0);
  }
}

/* Moves the used bytes to the start of the queue. */
static void compact (sse *p) {
  buf_consume(&p->queue, p->head);
  p->tail -= p->head;
  p->head = 0;
}

/*
** Allocates memory for n more bytes at the end of the queue. Used bytes are
** moved only if at least as many were popped, so that moving costs less than
** writing.
*/
static int reserve (sse *p, size_t n) {
  buf *q = &p->queue;
  if (n <= q->cap - q->len)
    return 0;
  if (p->head > 0 && p->head >= q->len - p->head)
    compact(p);
  return buf_reserve(q, n);
}

/* Frees memory if the queue uses little of what it has. */
static void settle (sse *p) {
  buf *q = &p->queue;
  size_t used = q->len - p->head;
  size_t keep = (p->count == 0) ? SSE_KEEP : SSE_KEEP_BUSY;
  if (used == 0)
    p->head = p->tail = q->len = 0;
  if (q->cap > keep && used <= q->cap / 4) {
    compact(p);
    buf_shrink(q, used * 2 > keep ? used * 2 : keep);
  }
}

static void reuse (buf *b) {
  if (b->cap > SSE_KEEP)
    buf_free(b);
  else
    buf_clear(b);
}

/* Sets the error that ends the parser, and drops the unfinished event. */
static int fail (sse *p, int status) {
  p->status = status;
  p->has_data = 0;
  p->queue.len = p->tail;
  buf_free(&p->type);
  buf_free(&p->line);
  settle(p);
  return status;
}

/* --- fields --------------------------------------------------------------- */

static size_t data_len (const sse *p) {
  return p->has_data ? p->queue.len - p->tail - sizeof(record) : 0;
}

/* Returns how many more bytes the event may have. */
static size_t left (const sse *p) {
  size_t used = data_len(p) + p->type.len + p->line.len
              + (p->id != NULL ? p->id->len : 0);
  return (used < p->max_event) ? p->max_event - used : 0;
}

static int add_data (sse *p, const char *s, size_t n) {
  if (n > left(p))
    return fail(p, SSE_TOOBIG);
  if (reserve(p, n) != 0)
    return fail(p, SSE_NOMEM);
  memcpy(p->queue.data + p->queue.len, s, n);
  p->queue.len += n;
  return SSE_OK;
}

/* Adds a part of the value of the current field. */
static int add_value (sse *p, const char *s, size_t n) {
  if (p->field == F_DATA)
    return add_data(p, s, n);
  if (n > left(p))
    return fail(p, SSE_TOOBIG);
  if (buf_append(&p->line, s, n) != 0)
    return fail(p, SSE_NOMEM);
  return SSE_OK;
}

/*
** Begins a 'data' line. The standard adds a line end after each line and
** removes the last one at dispatch; this adds one before each line except the
** first, with the same result. 'hint': bytes of data that will follow.
*/
static int begin_data (sse *p, size_t hint) {
  p->field = F_DATA;
  p->state = AT_SPACE;
  if (p->has_data)
    return add_data(p, "\n", 1);
  if (reserve(p, sizeof(record) + hint) != 0)
    return fail(p, SSE_NOMEM);
  p->queue.len += sizeof(record);
  p->has_data = 1;
  return SSE_OK;
}

/* Begins the value of the field whose name is complete. */
static int begin_value (sse *p) {
  const char *name = p->name;
  size_t n = p->matched;
  p->state = AT_SPACE;
  if (n == 4 && memcmp(name, "data", 4) == 0)
    return begin_data(p, 0);
  if (n == 5 && memcmp(name, "event", 5) == 0)
    p->field = F_EVENT;
  else if (n == 2 && memcmp(name, "id", 2) == 0)
    p->field = F_ID;
  else  /* a comment (empty name), 'retry', or an unknown field */
    p->state = AT_REST;
  return SSE_OK;
}

/* Makes the value of an 'id' line the last event ID. */
static int set_id (sse *p) {
  size_t n = p->line.len;
  sse_id *old = p->id, *id;
  if (n == 0) {
    release_id(p, old);
    p->id = NULL;
    return SSE_OK;
  }
  if (memchr(p->line.data, '\0', n) != NULL)
    return SSE_OK;  /* the standard ignores such a line */
  if (old != NULL && old->len == n && memcmp(old->bytes, p->line.data, n) == 0)
    return SSE_OK;
  id = mem_realloc(NULL, sizeof *id + n);
  if (id == NULL)
    return fail(p, SSE_NOMEM);
  id->refs = 1;
  id->len = n;
  memcpy(id->bytes, p->line.data, n);
  p->ids += n;
  p->id = id;
  release_id(p, old);
  return SSE_OK;
}

/* --- lines ---------------------------------------------------------------- */

/* Handles a blank line: the unfinished event, if any, is complete. */
static int dispatch (sse *p) {
  record r;
  if (!p->has_data) {
    reuse(&p->type);
    return SSE_OK;
  }
  r.data_len = data_len(p);
  r.type_len = p->type.len;
  r.id = p->id;
  if (r.type_len > 0) {
    if (reserve(p, r.type_len) != 0)
      return fail(p, SSE_NOMEM);
    memcpy(p->queue.data + p->queue.len, p->type.data, r.type_len);
    p->queue.len += r.type_len;
    reuse(&p->type);
  }
  memcpy(p->queue.data + p->tail, &r, sizeof r);
  if (r.id != NULL)
    r.id->refs++;
  p->tail = p->queue.len;
  p->count++;
  p->has_data = 0;
  return SSE_OK;
}

/*
** Reads n bytes of a line that contain no line end. Returns SSE_OK or an
** error.
*/
static int read_part (sse *p, const char *s, size_t n) {
  size_t i = 0;
  int status = SSE_OK;
  if (p->state == AT_NAME) {
    if (p->matched == 0 && n > 5 && memcmp(s, "data:", 5) == 0) {
      i = 5;  /* most lines */
      status = begin_data(p, n - i);
    }
    else {
      for (; i < n && p->state == AT_NAME; i++) {
        if (s[i] == ':')
          status = begin_value(p);
        else if (p->matched == sizeof p->name)
          p->state = AT_REST;
        else
          p->name[p->matched++] = s[i];
      }
    }
    if (status != SSE_OK)
      return status;
  }
  if (p->state == AT_SPACE && i < n) {
    if (s[i] == ' ')
      i++;
    p->state = AT_VALUE;
  }
  if (p->state == AT_VALUE && i < n)
    status = add_value(p, s + i, n - i);
  return status;
}

static int end_line (sse *p) {
  int status = SSE_OK;
  if (p->state == AT_NAME) {
    if (p->matched == 0)
      return dispatch(p);
    status = begin_value(p);  /* a line without a colon is a name */
  }
  if (status == SSE_OK) {
    if (p->field == F_EVENT) {
      buf old = p->type;
      p->type = p->line;
      p->line = old;
    }
    else if (p->field == F_ID)
      status = set_id(p);
  }
  reuse(&p->line);
  p->field = F_NONE;
  p->matched = 0;
  p->state = AT_NAME;
  return status;
}

/* Skips the byte order mark; the input may contain only a part of it. Returns
** the number of bytes that were used. */
static size_t read_mark (sse *p, const char *s, size_t n) {
  static const char mark[] = "\xEF\xBB\xBF";
  size_t i = 0;
  while (i < n && p->state == AT_MARK) {
    if (s[i] != mark[p->matched]) {
      /* the beginning of a mark is part of an unknown field name */
      p->state = (p->matched > 0) ? AT_REST : AT_NAME;
      p->matched = 0;
    }
    else {
      i++;
      p->matched++;
      if (mark[p->matched] == '\0') {
        p->state = AT_NAME;
        p->matched = 0;
      }
    }
  }
  return i;
}

/* Returns the offset of the first c from i on, or n. */
static size_t find (const char *s, size_t i, size_t n, int c) {
  const char *at = memchr(s + i, c, n - i);
  return (at != NULL) ? (size_t)(at - s) : n;
}

int sse_feed (sse *p, const char *s, size_t n) {
  size_t i, lf, cr;
  if (p->status != SSE_OK || n == 0)
    return p->status;
  i = (p->state == AT_MARK) ? read_mark(p, s, n) : 0;
  if (i == n)
    return SSE_OK;
  /* each byte is scanned once for LF and once for CR */
  lf = find(s, i, n, '\n');
  cr = find(s, i, n, '\r');
  while (i < n) {
    size_t end = (lf < cr) ? lf : cr;
    if (p->after_cr) {
      p->after_cr = 0;
      if (lf == i) {  /* second half of a CRLF */
        i++;
        lf = find(s, i, n, '\n');
        continue;
      }
    }
    if (read_part(p, s + i, end - i) != SSE_OK)
      return p->status;
    if (end == n)
      break;
    if (end_line(p) != SSE_OK)
      return p->status;
    i = end + 1;
    if (end == lf)
      lf = find(s, i, n, '\n');
    else {
      p->after_cr = 1;
      cr = find(s, i, n, '\r');
    }
  }
  return SSE_OK;
}

static void show (const char *s, sse_event *ev) {
  record r;
  memcpy(&r, s, sizeof r);
  ev->data = s + sizeof r;
  ev->data_len = r.data_len;
  ev->type = ev->data + r.data_len;
  ev->type_len = r.type_len;
  ev->id = (r.id != NULL) ? r.id->bytes : "";
  ev->id_len = (r.id != NULL) ? r.id->len : 0;
}

int sse_peek (const sse *p, sse_event *ev) {
  if (p->count == 0)
    return 0;
  show(p->queue.data + p->head, ev);
  return 1;
}

int sse_peek_on (const sse *p, sse_event *ev) {
  const char *s = ev->type + ev->type_len;
  if (s == p->queue.data + p->tail)
    return 0;
  show(s, ev);
  return 1;
}

void sse_pop (sse *p) {
  record r;
  if (p->count == 0)
    return;
  memcpy(&r, p->queue.data + p->head, sizeof r);
  release_id(p, r.id);
  p->head += sizeof r + r.data_len + r.type_len;
  p->count--;
  settle(p);
}

size_t sse_queued (const sse *p) {
  return (p->count > 0) ? p->tail - p->head + p->ids : 0;
}

size_t sse_count (const sse *p) {
  return p->count;
}

int sse_finish (const sse *p, sse_event *ev) {
  if (!p->has_data)
    return 0;
  ev->data = p->queue.data + p->tail + sizeof(record);
  ev->data_len = data_len(p);
  ev->type = (p->type.len > 0) ? p->type.data : "";
  ev->type_len = p->type.len;
  ev->id = (p->id != NULL) ? p->id->bytes : "";
  ev->id_len = (p->id != NULL) ? p->id->len : 0;
  return 1;
}

void sse_free (sse *p) {
  while (p->count > 0)
    sse_pop(p);
  release_id(p, p->id);
  buf_free(&p->queue);
  buf_free(&p->type);
  buf_free(&p->line);
  sse_init(p, p->max_event);
}
