/*
** target.c - what the requests of a client to one endpoint have in common
** SPDX-License-Identifier: MIT
*/

#include <string.h>

#include "buf.h"
#include "target.h"

#define STRINGS 7

/* The places of all strings, to be copied and replaced in a loop. */
static void strings_of (target_options *o, const char **at[STRINGS]) {
  at[0] = &o->url;
  at[1] = &o->method;
  at[2] = &o->proxy;
  at[3] = &o->ca_file;
  at[4] = &o->client_cert;
  at[5] = &o->client_key;
  at[6] = &o->client_key_password;
}

static void free_headers (struct curl_slist *headers) {
  struct curl_slist *h;
  for (h = headers; h != NULL; h = h->next) mem_wipe(h->data, strlen(h->data));
  curl_slist_free_all(headers);
}

target *target_new (const target_options *o) {
  target *t = mem_realloc(NULL, sizeof *t);
  const char **at[STRINGS];
  size_t i, n = 1;  /* never nothing, which would be no memory */
  if (t == NULL) {
    free_headers(o->headers);
    return NULL;
  }
  t->o = *o;
  t->refs = 1;
  strings_of(&t->o, at);
  for (i = 0; i < STRINGS; i++)
    if (*at[i] != NULL) n += strlen(*at[i]) + 1;
  t->text_len = n;
  t->text = mem_realloc(NULL, n);
  if (t->text == NULL) {
    free_headers(o->headers);
    mem_realloc(t, 0);
    return NULL;
  }
  for (i = 0, n = 0; i < STRINGS; i++) {
    size_t len;
    if (*at[i] == NULL) continue;
    len = strlen(*at[i]) + 1;
    memcpy(t->text + n, *at[i], len);
    *at[i] = t->text + n;
    n += len;
  }
  return t;
}

target *target_keep (target *t) {
  t->refs++;
  return t;
}

void target_drop (target *t) {
  if (t == NULL || --t->refs > 0) return;
  free_headers(t->o.headers);
  mem_wipe(t->text, t->text_len);
  mem_realloc(t->text, 0);
  mem_realloc(t, 0);
}

int target_may_share (const target *t) {
  return t->o.http_version != 1 && curl_strnequal(t->o.url, "https:", 6);
}
