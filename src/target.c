/*
** target.c - what the requests of a client to one endpoint have in common
** SPDX-License-Identifier: MIT
*/

#include <string.h>

#include "buf.h"
#include "target.h"

#define STRINGS 7

/* Collects pointers to all strings, so that loops can copy and replace them. */
static void strings_of (target_options *o, const char **at[STRINGS]) {
  at[0] = &o->url;
  at[1] = &o->method;
  at[2] = &o->proxy;
  at[3] = &o->ca_file;
  at[4] = &o->client_cert;
  at[5] = &o->client_key;
  at[6] = &o->client_key_password;
}

/* Wipes the memory first: the API token is in a header. */
static void free_headers (struct curl_slist *headers) {
  struct curl_slist *h;
  for (h = headers; h != NULL; h = h->next) mem_wipe(h->data, strlen(h->data));
  curl_slist_free_all(headers);
}

/*
** Makes libcurl's list of header lines. "Expect:" makes libcurl send a large
** body at once, without waiting for "100 Continue". Returns NULL if memory ran
** out.
*/
static struct curl_slist *header_list (const char *lines, size_t len) {
  struct curl_slist *list = curl_slist_append(NULL, "Expect:");
  size_t at = 0;
  while (list != NULL && at < len) {
    struct curl_slist *longer = curl_slist_append(list, lines + at);
    if (longer == NULL) free_headers(list);
    list = longer;
    at += strlen(lines + at) + 1;
  }
  return list;
}

/* Copies the strings to t->text. Returns 0, or -1 if memory ran out. */
static int copy_strings (target *t) {
  const char **at[STRINGS];
  size_t i, n = 1;  /* at least 1: mem_realloc would return NULL for 0 */
  strings_of(&t->o, at);
  for (i = 0; i < STRINGS; i++)
    if (*at[i] != NULL) n += strlen(*at[i]) + 1;
  t->text = mem_realloc(NULL, n);
  if (t->text == NULL) return -1;
  t->text_len = n;
  for (i = 0, n = 0; i < STRINGS; i++) {
    size_t len;
    if (*at[i] == NULL) continue;
    len = strlen(*at[i]) + 1;
    memcpy(t->text + n, *at[i], len);
    *at[i] = t->text + n;
    n += len;
  }
  return 0;
}

target *target_new (const target_options *o) {
  target *t = mem_realloc(NULL, sizeof *t);
  if (t == NULL) return NULL;
  memset(t, 0, sizeof *t);
  t->o = *o;
  t->o.headers = NULL;
  t->o.headers_len = 0;
  t->refs = 1;
  t->headers = header_list(o->headers, o->headers_len);
  if (t->headers == NULL || copy_strings(t) != 0) {
    target_drop(t);
    return NULL;
  }
  return t;
}

target *target_keep (target *t) {
  t->refs++;
  return t;
}

void target_drop (target *t) {
  if (t == NULL || --t->refs > 0) return;
  free_headers(t->headers);
  mem_wipe(t->text, t->text_len);
  mem_realloc(t->text, 0);
  mem_realloc(t, 0);
}

int target_may_share (const target *t) {
  return t->o.http_version != 1 && curl_strnequal(t->o.url, "https:", 6);
}
