/*
** fuzz_server.c - sends exactly the bytes that a request asks for
** SPDX-License-Identifier: MIT
** usage: fuzz_server CERTIFICATE KEY
** The body of a request contains a script, "fuzz:" and then words that are
** separated by commas and end with a full stop:
**   s<hex>                     send these bytes
**   f<type>-<flags>-<n>-<hex>  send an HTTP/2 frame; the stream is n more than
**                              that of the request, or 0 if n is "c"
**   w<n>                       wait n milliseconds
**   k                          the answer is complete: read the next request
**   e                          close the connection (over TLS with its goodbye)
**   t                          close it without the goodbye of TLS
**   r                          reset the connection
**   h                          send nothing more until the client leaves
** A script runs as soon as it is complete, even if the body goes on. Over
** HTTP/2 the scripts of several streams run side by side.
** Prints three ports: without TLS, with TLS (HTTP/2 and HTTP/1.1), and with TLS
** and HTTP/2 windows that open late and in small steps. One thread for each
** connection, loopback only. Exits when its standard input is closed.
*/

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../bench/wire.h"

#define BACKLOG 1024
#define BODY_MAX (1 << 20)    /* of a script */
#define STREAMS 128           /* at once on one HTTP/2 connection */
#define STACK (2 << 20)       /* bytes of each thread */
#define PATIENCE_MS 30000     /* how long a connection may be silent */
#define KEPT_MS 1500          /* how long a kept connection waits */
#define FRAME_HEAD 9
#define NARROW_STEP 4000      /* bytes that a narrow window takes at once */

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY,
       WINDOW_UPDATE };

/* What a step of a script leads to. */
typedef enum { GO_ON, WAIT, DONE, KEEP, GONE } outcome;

typedef struct script {
  uint32_t stream; /* of HTTP/2; 0: this place is free */
  char *text;      /* the body so far; NULL: nothing has arrived */
  size_t len;
  const char *at;  /* the next word; NULL: the script is not complete */
  int64_t until;   /* when it goes on */
  int held;
} script;

typedef struct conn {
  int fd;
  SSL *tls;
  int narrow;
  script scripts[STREAMS];
} conn;

typedef struct listener {
  int fd, narrow;
  SSL_CTX *tls;
} listener;

/* --- bytes ---------------------------------------------------------------- */

static int put (conn *c, const void *bytes, size_t n) {
  const char *s = bytes;
  while (n > 0) {
    ssize_t sent = c->tls != NULL ? SSL_write(c->tls, s, (int)n)
                                  : send(c->fd, s, n, MSG_NOSIGNAL);
    if (sent <= 0) return -1;
    s += sent;
    n -= (size_t)sent;
  }
  return 0;
}

static int get (conn *c, void *bytes, size_t n) {
  ssize_t got = c->tls != NULL ? SSL_read(c->tls, bytes, (int)n)
                               : recv(c->fd, bytes, n, 0);
  return got <= 0 ? -1 : (int)got;
}

static int get_all (conn *c, void *bytes, size_t n) {
  char *s = bytes;
  while (n > 0) {
    int got = get(c, s, n);
    if (got < 0) return -1;
    s += got;
    n -= (size_t)got;
  }
  return 0;
}

/* Waits for bytes. Returns 1 if there are some, 0 if not, -1 on a failure. */
static int wait_for_bytes (conn *c, int64_t ms) {
  struct pollfd fd = {.fd = c->fd, .events = POLLIN};
  if (c->tls != NULL && SSL_pending(c->tls) > 0) return 1;
  if (ms < 0) ms = 0;
  if (ms > PATIENCE_MS) ms = PATIENCE_MS;
  return poll(&fd, 1, (int)ms);
}

static int frame (conn *c, int kind, int flags, uint32_t stream,
                  const void *payload, size_t n) {
  unsigned char head[FRAME_HEAD + 65536];
  if (n > 65536) return -1;
  head[0] = (unsigned char)(n >> 16);
  head[1] = (unsigned char)(n >> 8);
  head[2] = (unsigned char)n;
  head[3] = (unsigned char)kind;
  head[4] = (unsigned char)flags;
  head[5] = (unsigned char)(stream >> 24);
  head[6] = (unsigned char)(stream >> 16);
  head[7] = (unsigned char)(stream >> 8);
  head[8] = (unsigned char)stream;
  if (n > 0) memcpy(head + FRAME_HEAD, payload, n);
  return put(c, head, FRAME_HEAD + n);
}

static int64_t now_ms (void) {
  return wire_now() / 1000000;
}

/* --- scripts -------------------------------------------------------------- */

static int digit (char ch) {
  if (ch >= '0' && ch <= '9') return ch - '0';
  return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* Reads hexadecimal digits; *s then points behind them. */
static size_t unhex (const char **s, unsigned char *out, size_t max) {
  size_t n = 0;
  while (n < max && digit((*s)[0]) >= 0 && digit((*s)[1]) >= 0) {
    out[n++] = (unsigned char)(digit((*s)[0]) << 4 | digit((*s)[1]));
    *s += 2;
  }
  return n;
}

/* Adds bytes of a body to a script. Returns -1 if there are too many. */
static int add (script *s, const void *bytes, size_t n) {
  static const char mark[] = "fuzz:";
  char *grown, *begin;
  if (s->at != NULL) return 0;
  grown = s->len + n > BODY_MAX ? NULL : realloc(s->text, s->len + n + 1);
  if (grown == NULL) return -1;
  s->text = grown;
  memcpy(s->text + s->len, bytes, n);
  s->len += n;
  s->text[s->len] = '\0';
  begin = strstr(s->text, mark);
  if (begin != NULL && strchr(begin, '.') != NULL)
    s->at = begin + sizeof mark - 1;
  return 0;
}

static void forget (script *s) {
  free(s->text);
  memset(s, 0, sizeof *s);
}

static outcome send_frame (conn *c, const script *s, const char *word) {
  static __thread unsigned char payload[65536];
  char where[16];
  unsigned kind, flags;
  int used = 0;
  uint32_t stream = 0;
  size_t n;
  if (sscanf(word, "%u-%u-%15[0-9c]-%n", &kind, &flags, where, &used) < 3)
    return GONE;
  word += used;
  if (where[0] != 'c') stream = s->stream + (uint32_t)atol(where);
  n = unhex(&word, payload, sizeof payload);
  return frame(c, (int)kind, (int)flags, stream, payload, n) == 0 ? GO_ON
                                                                  : GONE;
}

static outcome send_bytes (conn *c, const char *word) {
  static __thread unsigned char bytes[BODY_MAX / 2];
  size_t n = unhex(&word, bytes, sizeof bytes);
  return put(c, bytes, n) == 0 ? GO_ON : GONE;
}

/* Closes a connection so that the client sees how it ended. */
static outcome hang_up (conn *c, char how) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  char rest[4096];
  if (how == 'r') setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  else {
    /* unread bytes would turn the end into a reset */
    if (c->tls != NULL && how == 'e') SSL_shutdown(c->tls);
    shutdown(c->fd, SHUT_WR);
    while (wait_for_bytes(c, 1000) > 0 && recv(c->fd, rest, sizeof rest, 0) > 0)
      ;
  }
  return GONE;
}

/* Runs the next word of a script. */
static outcome step (conn *c, script *s) {
  const char *word = s->at + 1;
  char kind = *s->at;
  size_t len = strcspn(s->at, ",.");
  s->at += len;
  if (*s->at == ',') s->at++;
  switch (kind) {
    case 's': return send_bytes(c, word);
    case 'f': return send_frame(c, s, word);
    case 'w': s->until = now_ms() + atol(word); return WAIT;
    case 'k': return KEEP;
    case 'h': s->held = 1; return WAIT;
    case '.': return DONE;
    default: return hang_up(c, kind);
  }
}

/* Runs a script as far as it goes now. */
static outcome run (conn *c, script *s) {
  outcome got;
  if (s->at == NULL || s->held || s->until > now_ms()) return WAIT;
  do got = step(c, s); while (got == GO_ON);
  return got;
}

/* --- HTTP/1.1 ------------------------------------------------------------- */

/* Returns the length of the request whose first bytes are there, or 0. */
static size_t whole_length (const char *text, size_t n) {
  static const char field[] = "\r\ncontent-length:";
  const char *end = memmem(text, n, "\r\n\r\n", 4), *at;
  if (end == NULL) return 0;
  for (at = text; at < end; at++)
    if (strncasecmp(at, field, sizeof field - 1) == 0)
      return (size_t)(end - text) + 4 +
             (size_t)atol(at + sizeof field - 1);
  return (size_t)(end - text) + 4;
}

/* Runs one script to its end while the client may leave. */
static outcome run_alone (conn *c, script *s) {
  char rest[4096];
  for (;;) {
    outcome got = run(c, s);
    if (got != WAIT) return got;
    if (s->held) {
      int64_t began = now_ms();
      if (wait_for_bytes(c, PATIENCE_MS) <= 0) return GONE;
      if (get(c, rest, sizeof rest) < 0) return GONE;
      if (now_ms() - began > PATIENCE_MS) return GONE;
    }
    else usleep((useconds_t)(s->until - now_ms() > 0 ? s->until - now_ms() : 0)
                * 1000);
  }
}

static void serve_http1 (conn *c) {
  script *s = &c->scripts[0];
  char bytes[16384];
  int64_t patience;
  for (patience = PATIENCE_MS;; patience = KEPT_MS) {
    size_t seen = 0, whole = 0;
    outcome got;
    forget(s);
    while (s->at == NULL) {
      int n;
      if (wait_for_bytes(c, s->text == NULL ? patience : PATIENCE_MS) <= 0)
        return;
      n = get(c, bytes, sizeof bytes);
      if (n < 0 || add(s, bytes, (size_t)n) != 0) return;
      seen += (size_t)n;
      whole = whole_length(s->text, s->len);
    }
    got = run_alone(c, s);
    if (got != KEEP) return;
    while (seen < whole) {
      int n = get(c, bytes, whole - seen < sizeof bytes ? whole - seen
                                                        : sizeof bytes);
      if (n < 0) return;
      seen += (size_t)n;
    }
  }
}

/* --- HTTP/2 --------------------------------------------------------------- */

static script *script_of (conn *c, uint32_t stream, int make) {
  script *unused = NULL;
  int i;
  for (i = 0; i < STREAMS; i++) {
    if (c->scripts[i].stream == stream) return &c->scripts[i];
    if (c->scripts[i].stream == 0 && unused == NULL) unused = &c->scripts[i];
  }
  if (!make || unused == NULL) return NULL;
  unused->stream = stream;
  return unused;
}

static int open_window (conn *c, uint32_t stream, uint32_t by) {
  unsigned char size[4] = {(unsigned char)(by >> 24), (unsigned char)(by >> 16),
                           (unsigned char)(by >> 8), (unsigned char)by};
  return frame(c, WINDOW_UPDATE, 0, stream, size, sizeof size);
}

/* Takes the payload of a DATA frame. */
static int take_data (conn *c, uint32_t stream, int flags,
                      const unsigned char *s, size_t n) {
  script *into = script_of(c, stream, 0);
  uint32_t by = (uint32_t)n;
  size_t padding = 0;
  if (flags & 8) {
    if (n == 0 || (padding = s[0] + (size_t)1) > n) return -1;
    s++;
    n -= padding;
  }
  if (into != NULL && add(into, s, n) != 0) return -1;
  if (by > 0 && open_window(c, 0, by) != 0) return -1;
  return by > 0 && (flags & 1) == 0 ? open_window(c, stream, by) : 0;
}

static int take_frame (conn *c) {
  static __thread unsigned char payload[1 << 14];
  unsigned char head[FRAME_HEAD];
  uint32_t stream;
  size_t n;
  script *s;
  if (get_all(c, head, sizeof head) != 0) return -1;
  n = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
  stream = ((uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 |
            (uint32_t)head[7] << 8 | head[8]) & 0x7fffffff;
  if (n > sizeof payload || get_all(c, payload, n) != 0) return -1;
  switch (head[3]) {
    case SETTINGS: return head[4] & 1 ? 0 : frame(c, SETTINGS, 1, 0, NULL, 0);
    case PING: return head[4] & 1 ? 0 : frame(c, PING, 1, 0, payload, n);
    case HEADERS:
      if (script_of(c, stream, 1) == NULL) return -1;
      return c->narrow ? open_window(c, stream, NARROW_STEP) : 0;
    case DATA: return take_data(c, stream, head[4], payload, n);
    case RST_STREAM:
      s = script_of(c, stream, 0);
      if (s != NULL) forget(s);
      return 0;
    case GOAWAY: return -1;
    default: return 0;
  }
}

/* Runs all scripts. Returns -1 if the connection is gone, else for how many
** milliseconds none can go on. */
static int64_t run_all (conn *c) {
  int64_t now, least = PATIENCE_MS;
  int i;
  for (i = 0; i < STREAMS; i++) {
    script *s = &c->scripts[i];
    outcome got;
    if (s->stream == 0 || s->at == NULL) continue;
    got = run(c, s);
    if (got == GONE) return -1;
    if (got != WAIT) forget(s);
  }
  now = now_ms();
  for (i = 0; i < STREAMS; i++) {
    const script *s = &c->scripts[i];
    if (s->stream == 0 || s->at == NULL || s->held) continue;
    if (s->until - now < least) least = s->until > now ? s->until - now : 0;
  }
  return least;
}

static void serve_http2 (conn *c) {
  static const unsigned char narrow[] = {0, 4, 0, 0, 0, 0};
  char preface[24];
  if (get_all(c, preface, sizeof preface) != 0 ||
      frame(c, SETTINGS, 0, 0, narrow, c->narrow ? sizeof narrow : 0) != 0)
    return;
  for (;;) {
    int64_t ms = run_all(c);
    int ready;
    if (ms < 0) return;
    ready = wait_for_bytes(c, ms);
    if (ready < 0 || (ready == 0 && ms == PATIENCE_MS)) return;
    if (ready > 0 && take_frame(c) != 0) return;
  }
}

/* --- connections ---------------------------------------------------------- */

static int choose_protocol (SSL *tls, const unsigned char **out,
                            unsigned char *out_len, const unsigned char *in,
                            unsigned in_len, void *ud) {
  static const unsigned char offered[] = "\2h2\10http/1.1";
  (void)tls;
  (void)ud;
  return SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len,
                               offered, sizeof offered - 1, in, in_len) ==
    OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static void *serve (void *ud) {
  conn *c = ud;
  const unsigned char *protocol = NULL;
  unsigned len = 0;
  int i;
  if (c->tls == NULL) serve_http1(c);
  else if (SSL_accept(c->tls) == 1) {
    SSL_get0_alpn_selected(c->tls, &protocol, &len);
    if (len == 2) serve_http2(c);
    else serve_http1(c);
  }
  for (i = 0; i < STREAMS; i++) forget(&c->scripts[i]);
  SSL_free(c->tls);
  close(c->fd);
  free(c);
  return NULL;
}

static void begin (int fd, const listener *d, const pthread_attr_t *how) {
  struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
  conn *c = calloc(1, sizeof *c);
  pthread_t thread;
  int on = 1;
  if (c == NULL) wire_die("fuzz_server", "not enough memory");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  c->fd = fd;
  c->narrow = d->narrow;
  if (d->tls != NULL) {
    c->tls = SSL_new(d->tls);
    if (c->tls == NULL || SSL_set_fd(c->tls, fd) != 1)
      wire_die("fuzz_server", "no TLS connection can be made");
  }
  if (pthread_create(&thread, how, serve, c) != 0)
    wire_die("fuzz_server", "no thread can be started");
}

static void *attend (void *ud) {
  const listener *d = ud;
  pthread_attr_t how;
  pthread_attr_init(&how);
  pthread_attr_setstacksize(&how, STACK);
  pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
  for (;;) {
    int fd = accept(d->fd, NULL, NULL);
    if (fd >= 0) begin(fd, d, &how);
    else usleep(1000);
  }
  return NULL;
}

static SSL_CTX *certified (const char *certificate, const char *key) {
  SSL_CTX *made = SSL_CTX_new(TLS_server_method());
  if (made == NULL ||
      SSL_CTX_use_certificate_chain_file(made, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(made, key, SSL_FILETYPE_PEM) != 1)
    wire_die("fuzz_server", "the certificate cannot be used");
  SSL_CTX_set_alpn_select_cb(made, choose_protocol, NULL);
  return made;
}

int main (int argc, char **argv) {
  static listener listeners[3];
  pthread_t thread;
  char byte;
  size_t i;
  if (argc != 3)
    wire_die("fuzz_server", "usage: fuzz_server CERTIFICATE KEY");
  signal(SIGPIPE, SIG_IGN);
  wire_need_descriptors("fuzz_server", 1024);
  listeners[1].tls = listeners[2].tls = certified(argv[1], argv[2]);
  listeners[2].narrow = 1;
  for (i = 0; i < 3; i++) {
    listeners[i].fd = wire_listen(BACKLOG);
    if (pthread_create(&thread, NULL, attend, &listeners[i]) != 0)
      wire_die("fuzz_server", "no thread can be started");
  }
  while (read(0, &byte, 1) > 0)
    ;
  return 0;
}
