/*
** transfer_error.c - turns libcurl's error into the failure of an exchange
** SPDX-License-Identifier: MIT
*/

#include <stdio.h>
#include <string.h>

#include "transfer_error.h"

/* Returns how far the transfer got. */
static const char *phase_of (const exchange *x) {
  double t = 0;
  if (x->body_began) return "body";
  if (x->head.status != 0) return "head";
  if (curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME, &t) == CURLE_OK &&
      t > 0)
    return "head";  /* sent, without a response */
  if (curl_easy_getinfo(x->easy, CURLINFO_NAMELOOKUP_TIME, &t) == CURLE_OK &&
      t > 0)
    return "connect";
  return "resolve";
}

static int says (const exchange *x, const char *words) {
  return strstr(x->failure.text, words) != NULL;
}

/* Uses libcurl's text where one code has several reasons. If the text is
** unknown, the kind and phase of the code stay. */
static void refine_by_text (const exchange *x, CURLcode code,
                            const char **kind, const char **phase) {
  if (code == CURLE_SSL_CONNECT_ERROR) {
    /* the connection broke during the handshake, as when a server restarts */
    if (says(x, "SSL_ERROR_SYSCALL") || says(x, "Send failure") ||
        says(x, "reset by peer") || says(x, "unexpected eof") ||
        says(x, "non-properly terminated"))
      *kind = "connection";
    return;
  }
  if (code != CURLE_RECV_ERROR) return;
  if (says(x, "chunk") || says(x, "hexadecimal") || says(x, "header"))
    *kind = "protocol";
  /* TLS 1.3 reports a missing client certificate after the handshake */
  else if (x->head.status == 0 && says(x, "SSL") && says(x, " alert ")) {
    *kind = "tls";
    *phase = "tls";
  }
}

#if LIBCURL_VERSION_NUM >= 0x074900
/* Reads the error of a SOCKS proxy, which has no HTTP status. */
static void set_socks_error (exchange *x, const char **phase) {
  long error = 0;
  curl_easy_getinfo(x->easy, CURLINFO_PROXY_ERROR, &error);
  *phase = error == CURLPX_RESOLVE_HOST ? "resolve" : "proxy";
  switch (error) {
    case CURLPX_NO_AUTH:
    case CURLPX_USER_REJECTED:
    case CURLPX_LONG_USER:
    case CURLPX_LONG_PASSWD:
    case CURLPX_LONG_HOSTNAME:
    case CURLPX_REPLY_NOT_ALLOWED:
      x->failure.proxy_status = PROXY_REFUSES;
      break;
    default:
      break;
  }
}
#endif

static int is_bad_key (const exchange *x) {
  return x->to->o.client_cert != NULL && x->head.status == 0 &&
         says(x, "private key");
}

/* Up to 8.2, libcurl has this code for a header that it cannot store: a line
** without a colon, or a head that begins with a folded line. */
static int is_bad_line (const exchange *x, CURLcode code) {
  return code == CURLE_BAD_FUNCTION_ARGUMENT && x->head.status != 0 &&
         !x->body_began;
}

/* Maps libcurl's code to kind and phase. */
static void classify (exchange *x, CURLcode code, const char **kind,
                      const char **phase) {
  *phase = phase_of(x);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      *kind = "connection"; *phase = "resolve";
      break;
    case CURLE_COULDNT_CONNECT:
      *kind = "connection"; *phase = "connect";
      break;
#if LIBCURL_VERSION_NUM >= 0x074900
    case CURLE_PROXY:
      *kind = "connection";
      set_socks_error(x, phase);
      break;
#endif
    case CURLE_OPERATION_TIMEDOUT:  /* no other timeout of libcurl is set */
      *kind = "timeout"; *phase = "connect";
      x->failure.sent = 0;  /* only the proxy got bytes */
      break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_USE_SSL_FAILED:
      *kind = "tls"; *phase = "tls";
      break;
    case CURLE_BAD_FUNCTION_ARGUMENT:  /* 8.22, for an unusable key */
      *kind = is_bad_key(x) ? "tls" : "connection";
      if (is_bad_key(x)) *phase = "tls";
      if (is_bad_line(x, code)) *kind = "protocol";
      break;
    case CURLE_OUT_OF_MEMORY:  /* also a head line longer than 100 KiB */
      *kind = strcmp(*phase, "head") == 0 ? "protocol" : "memory";
      break;
#if LIBCURL_VERSION_NUM >= 0x080600
    case CURLE_TOO_LARGE:
#endif
    case CURLE_UNSUPPORTED_PROTOCOL:  /* also HTTP/0.9 and other protocols */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_URL_MALFORMAT:
      *kind = "protocol";
      break;
    default:
      *kind = "connection";
      break;
  }
  refine_by_text(x, code, kind, phase);
}

/* Recognises a proxy that refused CONNECT: the response is the proxy's, and the
** server received nothing. */
static void set_proxy_refusal (exchange *x, const char **kind,
                               const char **phase) {
  long status = 0;
  curl_easy_getinfo(x->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  if (x->head.status != 0 || status < 300) return;
  x->failure.proxy_status = (int)status;
  x->failure.sent = 0;
  *kind = "connection";
  *phase = "proxy";
}

/* Writes libcurl's text, and adds the name of the option that is wrong, or the
** system's reason. */
static void write_text (const exchange *x, CURLcode code, char *out,
                        size_t n) {
  char text[CURL_ERROR_SIZE];
  long os_error = 0;
  snprintf(text, sizeof text, "%.*s", CURL_ERROR_SIZE - 1,
           x->failure.text[0] != '\0' ? x->failure.text
                                      : curl_easy_strerror(code));
  if (code == CURLE_COULDNT_CONNECT)
    curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &os_error);
  if (os_error != 0)
    snprintf(out, n, "%s (%s)", text, strerror((int)os_error));
  else if (code == CURLE_OUT_OF_MEMORY)
    snprintf(out, n, "a line of the response head is longer than libcurl "
                     "accepts, or no memory is left");
  else if (is_bad_line(x, code))
    snprintf(out, n, "a line of the response head is not a header");
  else if (code == CURLE_BAD_CONTENT_ENCODING)
    snprintf(out, n, "the response has a transfer coding that was not "
                     "requested: %s", text);
  else if (code == CURLE_SSL_CACERT_BADFILE)
    snprintf(out, n, "ca_file or SSL_CERT_FILE cannot be used: %s", text);
#if LIBCURL_VERSION_NUM >= 0x080600
  else if (code == CURLE_TOO_LARGE && !x->body_began)
    snprintf(out, n, "a line of the response head is longer than libcurl "
                     "accepts");
#endif
  else if (code == CURLE_SSL_CERTPROBLEM ||
           (code == CURLE_BAD_FUNCTION_ARGUMENT && is_bad_key(x)))
    snprintf(out, n, "client_cert, client_key or client_key_password cannot "
                     "be used: %s", text);
  else
    snprintf(out, n, "%s", text);
}

int transfer_error_is_body_end (const exchange *x, CURLcode code) {
  return code == CURLE_RECV_ERROR && x->head.complete &&
         x->head.version == 1 && x->fault_kind == NULL &&
         head_get(&x->head, "content-length") == NULL &&
         head_get(&x->head, "transfer-encoding") == NULL &&
         (says(x, "unexpected eof") || says(x, "non-properly terminated") ||
          says(x, "close_notify"));
}

int transfer_error_is_coded_error (const exchange *x, CURLcode code) {
  return code == CURLE_BAD_CONTENT_ENCODING && x->head.status >= 300;
}

void transfer_error_set (exchange *x, CURLcode code) {
  const char *kind, *phase;
  char text[sizeof x->failure.text];
  long request_size = 0;
  curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &request_size);
  x->failure.sent = (request_size > 0);
  if (x->fault_kind != NULL) {
    exchange_fail(x, x->fault_kind, phase_of(x), x->fault_text);
    return;
  }
  classify(x, code, &kind, &phase);
  set_proxy_refusal(x, &kind, &phase);
  if (x->downgraded && x->head.status == 0) {
    exchange_fail(x, "connection", "head", "the server ended the HTTP/2 stream "
                  "before the request was sent, and gave no answer over "
                  "HTTP/1.1 either");
    return;
  }
  write_text(x, code, text, sizeof text);
  exchange_fail(x, kind, phase, text);
}
