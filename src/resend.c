/*
** resend.c - limits and extends the automatic resending of requests
** SPDX-License-Identifier: MIT
*/

#include "resend.h"
#include "tls_pending.h"

#if LIBCURL_VERSION_NUM >= 0x075000

/*
** Returns 1 if the request was sent before, over a kept connection that then
** turned out to be closed, and libcurl has chosen another kept one. A server
** or gateway that ends one of them mostly ends all of them.
*/
static int is_kept_again (const exchange *x, long port) {
  long opened = 1;
  return x->begun == 1 && sockets_is_http1(x->sockets, port) &&
         curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &opened) ==
           CURLE_OK && opened == 0;
}

int resend_before_request (void *ud, char *remote_ip, char *local_ip,
                          int remote_port, int local_port) {
  exchange *x = ud;
  (void)remote_ip;
  (void)local_ip;
  (void)remote_port;
  if (x == NULL) return CURL_PREREQFUNC_ABORT;
  if (sockets_is_unusable(x->sockets, local_port) ||
      (sockets_is_http1(x->sockets, local_port) && tls_has_pending(x->easy)) ||
      is_kept_again(x, local_port)) {
    x->unusable = 1;
    return CURL_PREREQFUNC_ABORT;
  }
  if (x->begun >= RESEND_MAX_SENDS) {
    x->fault_kind = "connection";
    x->fault_text = "the server refused the request, or its connection ended "
                    "before an answer, twice in a row";
    return CURL_PREREQFUNC_ABORT;
  }
  x->begun++;
  return CURL_PREREQFUNC_OK;
}

#endif

/*
** Returns 1 if HTTP/2 failed before the whole request was sent, and without a
** response. (libcurl 7.88 loses a response that arrives together with the end
** of its stream.)
*/
static int is_early (const exchange *x, CURLcode code) {
  curl_off_t sent = 0;
  return (code == CURLE_HTTP2_STREAM || code == CURLE_HTTP2) &&
         x->fault_kind == NULL && x->head.status < 200 && !x->downgraded &&
         x->begun < RESEND_MAX_SENDS &&
         curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK
         && (size_t)sent < x->body_len;
}

int resend_wanted (exchange *x, CURLcode code) {
  CURLcode set;
  int unusable = x->unusable;
  x->unusable = 0;
  if (code == CURLE_OK || (!unusable && !is_early(x, code))) return 0;
  x->altered = 1;
  if (unusable)
    set = curl_easy_setopt(x->easy, CURLOPT_FRESH_CONNECT, 1L);
  else {
    x->downgraded = 1;
    set = curl_easy_setopt(x->easy, CURLOPT_HTTP_VERSION,
                           (long)CURL_HTTP_VERSION_1_1);
    /* else a later request would try to share this connection */
    if (set == CURLE_OK)
      set = curl_easy_setopt(x->easy, CURLOPT_FORBID_REUSE, 1L);
  }
  if (set != CURLE_OK) return 0;
  head_free(&x->head);
  x->failure.text[0] = '\0';
  return 1;
}
