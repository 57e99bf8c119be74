/*
** easy_setup.c - sets the options of libcurl's easy handles
** SPDX-License-Identifier: MIT
** Each option that differs from libcurl's default says why.
*/

#include <limits.h>

#include "resend.h"
#include "easy_setup.h"

/*
** Seconds of silence before TCP keep-alive probes, and between them. A server
** may be silent for minutes while a request waits for a GPU; without probes a
** NAT router drops the connection.
*/
#define KEEPALIVE_IDLE 60L
#define KEEPALIVE_INTERVAL 30L

/*
** Seconds after which an unused connection is not used again. Gateways close
** connections after a minute, and a request sent at that moment has to be sent
** again.
*/
#define CONNECTION_MAX_AGE 60L

/*
** Size in bytes of libcurl's receive buffer for a stream. The buffer exists as
** long as the transfer. The default is 16 KiB, of which a stream of 200-byte
** events uses a fraction; reading busy streams is no slower with this size.
** Connections that may be shared keep the default: over HTTP/2, libcurl up to
** 8.0 ignores the rest of a frame larger than two buffers until the socket is
** readable again, which may be never, and may use the buffer after its
** transfer.
*/
#define STREAM_BUFFER 2048L

/* Sets options in a row and keeps the first refusal. */
typedef struct setter {
  CURL *easy;
  const char *refused;
} setter;

static void check (setter *s, CURLcode code, const char *text) {
  if (code != CURLE_OK && s->refused == NULL)
    s->refused = (code == CURLE_OUT_OF_MEMORY) ? "not enough memory" : text;
}

/* 'what' is a literal that completes "libcurl refused". */
#define SET(s, option, value, what) \
  check(s, curl_easy_setopt((s)->easy, option, value), "libcurl refused " what)

/* The same for a string; if it is NULL, libcurl's default stays. */
#define SET_TEXT(s, option, value, what) \
  do { if ((value) != NULL) SET(s, option, value, what); } while (0)

static void set_protocols (setter *s) {
  /* a base URL must not make libcurl read files or mail */
#if LIBCURL_VERSION_NUM >= 0x075500
  /* a libcurl without TLS does not know the second name */
  if (curl_easy_setopt(s->easy, CURLOPT_PROTOCOLS_STR, "http,https")
      != CURLE_OK)
    SET(s, CURLOPT_PROTOCOLS_STR, "http", "to use only http");
#else
  SET(s, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS),
      "to use only http and https");
#endif
  /* a redirect would send the prompt and the adapter token elsewhere */
  SET(s, CURLOPT_FOLLOWLOCATION, 0L, "to ignore redirects");
  SET(s, CURLOPT_PATH_AS_IS, 1L, "to leave the path as it is");
}

static void set_connection (setter *s, const target *t) {
  const target_options *o = &t->o;
  /* a library must not use the signals of the program */
  SET(s, CURLOPT_NOSIGNAL, 1L, "to use no signals");
#if LIBCURL_VERSION_NUM >= 0x075700
  /* do not wait for the thread of a name look-up that hangs; an older libcurl
     at run time does not know the option, so its refusal is ignored */
  (void)curl_easy_setopt(s->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  /* libcurl refuses this while a handle still has the buffer of a transfer
     that was cut off; the larger buffer does no harm */
  if (o->events && !target_may_share(t))
    (void)curl_easy_setopt(s->easy, CURLOPT_BUFFERSIZE, STREAM_BUFFER);
  SET(s, CURLOPT_TCP_KEEPALIVE, 1L, "TCP keep-alive");
  SET(s, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE, "TCP keep-alive");
  SET(s, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL, "TCP keep-alive");
  SET(s, CURLOPT_MAXAGE_CONN, CONNECTION_MAX_AGE, "the connection age");
  /* 0: the best version that this libcurl supports */
  if (o->http_version == 1)
    SET(s, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1, "HTTP/1.1");
  else if (o->http_version == 2)
    SET(s, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS,
        "http_version = \"2\": it was built without HTTP/2");
  SET_TEXT(s, CURLOPT_PROXY, o->proxy, "the proxy");
  /* a proxy's response to CONNECT must not look like the server's */
  SET(s, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L, "to hide a proxy's response");
}

static void set_tls (setter *s, const target_options *o) {
  const char *password = o->client_key_password;
  SET(s, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2, "TLS 1.2");
  SET(s, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2, "TLS 1.2");
  SET(s, CURLOPT_SSL_VERIFYPEER, o->verify ? 1L : 0L, "verify");
  SET(s, CURLOPT_SSL_VERIFYHOST, o->verify ? 2L : 0L, "verify");
  SET_TEXT(s, CURLOPT_CAINFO, o->ca_file, "ca_file");
  /* a proxy reached over TLS is expected to use the same CA */
  SET_TEXT(s, CURLOPT_PROXY_CAINFO, o->ca_file, "ca_file");
  SET_TEXT(s, CURLOPT_SSLCERT, o->client_cert, "client_cert");
  SET_TEXT(s, CURLOPT_SSLKEY, o->client_key, "client_key");
  /* without a password OpenSSL would prompt for one on the terminal */
  if (o->client_cert != NULL)
    SET(s, CURLOPT_KEYPASSWD, password != NULL ? password : "",
        "client_key_password");
}

static void set_sockets (setter *s, sockets *set) {
  SET(s, CURLOPT_OPENSOCKETFUNCTION, sockets_open, "a socket callback");
  SET(s, CURLOPT_OPENSOCKETDATA, set, "a socket callback");
  SET(s, CURLOPT_CLOSESOCKETFUNCTION, sockets_close, "a socket callback");
  SET(s, CURLOPT_CLOSESOCKETDATA, set, "a socket callback");
#if LIBCURL_VERSION_NUM >= 0x075000
  if (curl_easy_setopt(s->easy, CURLOPT_PREREQFUNCTION, resend_before_request)
      == CURLE_OK) return;
#endif
  /* without that callback, kept connections cannot be checked before use */
  SET(s, CURLOPT_FORBID_REUSE, 1L, "to close connections after use");
}

/* libcurl's debug callback. Its pointer is NULL between two requests. */
static int on_debug (CURL *easy, curl_infotype type, char *s, size_t n,
                     void *ud) {
  char kind = wire_log_kind(type);
  (void)easy;
  if (ud != NULL && kind != 0) exchange_log(ud, kind, s, n);
  return 0;
}

const char *easy_setup_target (CURL *easy, const target *t, sockets *set,
                               easy_setup_sink on_header,
                               easy_setup_sink on_body) {
  setter s = { easy, NULL };
  SET_TEXT(&s, CURLOPT_URL, t->o.url, "the URL");
  SET_TEXT(&s, CURLOPT_CUSTOMREQUEST, t->o.method, "the method");
  set_protocols(&s);
  set_connection(&s, t);
  set_sockets(&s, set);
  set_tls(&s, &t->o);
  SET(&s, CURLOPT_HEADERFUNCTION, on_header, "a header callback");
  SET(&s, CURLOPT_WRITEFUNCTION, on_body, "a body callback");
  if (t->o.log) {
    SET(&s, CURLOPT_DEBUGFUNCTION, on_debug, "a debug callback");
    SET(&s, CURLOPT_VERBOSE, 1L, "a debug callback");
  }
  return s.refused;
}

const char *easy_setup_request (CURL *easy, exchange *x,
                                const exchange_options *o) {
  setter s = { easy, NULL };
  int64_t connect = o->clocks.connect;
  SET(&s, CURLOPT_CONNECTTIMEOUT_MS,
      connect < INT_MAX ? (long)connect : INT_MAX, "the connect timeout");
  SET(&s, CURLOPT_HTTPHEADER,
      x->header.data != NULL ? &x->header : x->header.next, "the headers");
  if (o->body_len > 0) {
    /* with its size, because it may contain zero bytes; libcurl does not copy
       it, so it has to live as long as the transfer */
    SET(&s, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body_len, "the body");
    SET(&s, CURLOPT_POSTFIELDS, x->request, "the body");
  }
  else
    SET(&s, CURLOPT_HTTPGET, 1L, "a request without a body");
  SET(&s, CURLOPT_HEADERDATA, x, "a header callback");
  SET(&s, CURLOPT_WRITEDATA, x, "a body callback");
  SET(&s, CURLOPT_ERRORBUFFER, x->failure.text, "an error buffer");
  SET(&s, CURLOPT_PRIVATE, x, "a private pointer");
  SET(&s, CURLOPT_DEBUGDATA, x, "a debug callback");
#if LIBCURL_VERSION_NUM >= 0x075000
  (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, x);
#endif
  return s.refused;
}

/* Setting a pointer to NULL cannot fail. */
void easy_setup_clear (CURL *easy) {
  (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
  (void)curl_easy_setopt(easy, CURLOPT_DEBUGDATA, NULL);
#if LIBCURL_VERSION_NUM >= 0x075000
  (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, NULL);
#endif
}
