/*
** easy_setup.c - what libcurl is told about one exchange
** SPDX-License-Identifier: MIT
** Each option that differs from libcurl's default says why.
*/

#include <limits.h>

#include "resend.h"
#include "easy_setup.h"

/*
** A queue in front of a GPU may be silent for minutes; without probes a NAT
** forgets the connection. Seconds.
*/
#define KEEPALIVE_IDLE 60L
#define KEEPALIVE_INTERVAL 30L

/*
** Seconds after which an unused connection is not used again: gateways close
** theirs after a minute, and a request sent into a closing one is sent twice.
*/
#define CONNECTION_MAX_AGE 60L

/*
** libcurl keeps a buffer for what it receives as long as a transfer lasts,
** 16 KiB of which a stream of tokens of 200 bytes touches the first page or
** two. Bytes; large enough for whole records of a busy stream in one read, and
** no slower for them than the default was. Not where the connection may be
** shared: over HTTP/2, libcurl up to 8.0 forgets what is left of a frame that
** did not fit into two such buffers until the socket is readable again, which
** may be never, and it may keep the buffer beyond its transfer.
*/
#define STREAM_BUFFER 2048L

/* The options of one call are set in a row; the first refusal is kept. */
typedef struct setter {
  CURL *easy;
  const char *refused;
} setter;

static void check (setter *s, CURLcode code, const char *what) {
  if (code != CURLE_OK && s->refused == NULL)
    s->refused = (code == CURLE_OUT_OF_MEMORY) ? "not enough memory" : what;
}

static void set_long (setter *s, CURLoption option, long value,
                      const char *what) {
  check(s, curl_easy_setopt(s->easy, option, value), what);
}

static void set_text (setter *s, CURLoption option, const char *value,
                      const char *what) {
  if (value != NULL) check(s, curl_easy_setopt(s->easy, option, value), what);
}

static void set_protocols (setter *s) {
  /* libcurl also reads files and mail; a base URL must never get there */
#if LIBCURL_VERSION_NUM >= 0x075500
  set_text(s, CURLOPT_PROTOCOLS_STR, "http,https",
           "libcurl cannot be limited to http and https");
#else
  set_long(s, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS,
           "libcurl cannot be limited to http and https");
#endif
  /* a redirect would carry the prompt and the adapter token elsewhere */
  set_long(s, CURLOPT_FOLLOWLOCATION, 0L, "redirects");
  set_long(s, CURLOPT_PATH_AS_IS, 1L, "path");
}

static void set_connection (setter *s, const target *t) {
  const target_options *o = &t->o;
  /* no signals and no alarm in somebody else's process */
  set_long(s, CURLOPT_NOSIGNAL, 1L, "signals");
#if LIBCURL_VERSION_NUM >= 0x075700
  /* a hanging name look-up must not hold up the caller: do not join its
     thread; an older library at run time knows no such option */
  (void)curl_easy_setopt(s->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  /* refused while the handle of a transfer that was cut off has one still */
  if (o->events && !target_may_share(t))
    (void)curl_easy_setopt(s->easy, CURLOPT_BUFFERSIZE, STREAM_BUFFER);
  set_long(s, CURLOPT_TCP_KEEPALIVE, 1L, "keep-alive");
  set_long(s, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE, "keep-alive");
  set_long(s, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL, "keep-alive");
  set_long(s, CURLOPT_MAXAGE_CONN, CONNECTION_MAX_AGE, "connection age");
  if (o->http_version != 0)  /* else the best that this libcurl speaks */
    set_long(s, CURLOPT_HTTP_VERSION,
             o->http_version == 1 ? (long)CURL_HTTP_VERSION_1_1
                                  : (long)CURL_HTTP_VERSION_2TLS,
             "http_version = \"2\", but this libcurl speaks no HTTP/2");
  set_text(s, CURLOPT_PROXY, o->proxy, "the proxy was refused");
  /* the head of a proxy's CONNECT answer is not the server's */
  set_long(s, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L, "proxy");
}

static void set_tls (setter *s, const target_options *o) {
  set_long(s, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2,
           "TLS 1.2 is not supported");
  set_long(s, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2,
           "TLS 1.2 is not supported");
  set_long(s, CURLOPT_SSL_VERIFYPEER, o->verify ? 1L : 0L, "verify");
  set_long(s, CURLOPT_SSL_VERIFYHOST, o->verify ? 2L : 0L, "verify");
  set_text(s, CURLOPT_CAINFO, o->ca_file, "ca_file was refused");
  /* whose proxy is spoken to over TLS has it under the same authority */
  set_text(s, CURLOPT_PROXY_CAINFO, o->ca_file, "ca_file was refused");
  set_text(s, CURLOPT_SSLCERT, o->client_cert, "client_cert was refused");
  set_text(s, CURLOPT_SSLKEY, o->client_key, "client_key was refused");
  /* without a password OpenSSL would ask for one on the terminal */
  if (o->client_cert != NULL)
    set_text(s, CURLOPT_KEYPASSWD,
             o->client_key_password != NULL ? o->client_key_password : "",
             "client_key_password was refused");
}

static void set_sockets (setter *s, sockets *set) {
  check(s, curl_easy_setopt(s->easy, CURLOPT_OPENSOCKETFUNCTION, sockets_open),
        "sockets");
  check(s, curl_easy_setopt(s->easy, CURLOPT_OPENSOCKETDATA, set), "sockets");
  check(s, curl_easy_setopt(s->easy, CURLOPT_CLOSESOCKETFUNCTION,
                            sockets_close), "sockets");
  check(s, curl_easy_setopt(s->easy, CURLOPT_CLOSESOCKETDATA, set), "sockets");
#if LIBCURL_VERSION_NUM >= 0x075000
  if (curl_easy_setopt(s->easy, CURLOPT_PREREQFUNCTION, resend_before_request)
      == CURLE_OK) return;
#endif
  /* without it, a kept connection cannot be looked at before its use */
  set_long(s, CURLOPT_FORBID_REUSE, 1L, "connection reuse");
}

const char *easy_setup_target (CURL *easy, const target *t, sockets *set,
                          easy_setup_sink on_header, easy_setup_sink on_body) {
  setter s;
  const target_options *o = &t->o;
  s.easy = easy;
  s.refused = NULL;
  set_text(&s, CURLOPT_URL, o->url, "the URL was refused");
  set_text(&s, CURLOPT_CUSTOMREQUEST, o->method, "the method was refused");
  set_protocols(&s);
  set_connection(&s, t);
  set_sockets(&s, set);
  set_tls(&s, o);
  check(&s, curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header), "head");
  check(&s, curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body), "body");
  return s.refused;
}

const char *easy_setup_request (CURL *easy, exchange *x,
                           const exchange_options *o) {
  setter s;
  int64_t connect = o->clocks.connect;
  s.easy = easy;
  s.refused = NULL;
  set_long(&s, CURLOPT_CONNECTTIMEOUT_MS,
           connect < INT_MAX ? (long)connect : INT_MAX,
           "the connect timeout was refused");
  check(&s, curl_easy_setopt(easy, CURLOPT_HTTPHEADER,
                             x->header.data != NULL ? &x->header
                                                    : x->header.next),
        "the headers were refused");
  if (o->body_len > 0) {
    /* a size, because a body may hold NUL; not copied, we own it */
    check(&s, curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)o->body_len), "body");
    check(&s, curl_easy_setopt(easy, CURLOPT_POSTFIELDS, x->request), "body");
  }
  else
    set_long(&s, CURLOPT_HTTPGET, 1L, "GET");
  check(&s, curl_easy_setopt(easy, CURLOPT_HEADERDATA, x), "head");
  check(&s, curl_easy_setopt(easy, CURLOPT_WRITEDATA, x), "body");
  check(&s, curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->failure.text),
        "errors");
  check(&s, curl_easy_setopt(easy, CURLOPT_PRIVATE, x), "private");
#if LIBCURL_VERSION_NUM >= 0x075000
  (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, x);
#endif
  return s.refused;
}

/* Resetting a pointer cannot fail. */
void easy_setup_clear (CURL *easy) {
  (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
#if LIBCURL_VERSION_NUM >= 0x075000
  (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, NULL);
#endif
}
