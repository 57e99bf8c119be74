/*
** server.c - the benchmark server: sends the same bytes to all clients, fast
** SPDX-License-Identifier: MIT
** usage: server DIRECTORY
**        server --text N
** POST /N/generate_stream answers with N tokens, framed as LoRAX frames them,
** POST /N/generate with one JSON object; POST /N (the path of lorax-client)
** with the tokens or with an array of the object, as "stream" in the request
** says; POST /N/v1/chat/completions with chunks or with a chat completion, as
** "stream" says. One thread per connection, loopback only. Writes the first
** request of each kind to DIRECTORY/generate or DIRECTORY/generate_stream, so
** that other programs can send the same bytes.
** Prints its port; exits when its standard input is closed. With --text it
** only prints the text of N tokens, which readers compare with what they read.
*/

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

#define BATCH 500 /* events in one write */

static const char whole[] =
    "{\"generated_text\":\"water\",\"details\":{\"finish_reason\":"
    "\"eos_token\",\"prompt_tokens\":3,\"generated_tokens\":1,\"prefill\":[],"
    "\"tokens\":[],\"seed\":null}}";

static const char whole_chat[] =
    "{\"id\":\"null\",\"object\":\"chat.completion\",\"created\":0,"
    "\"model\":\"water\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
    "\"assistant\",\"content\":\"water\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":3,\"total_tokens\":4,"
    "\"completion_tokens\":1}}";

/* The tokens repeat: their texts, and how JSON writes those. */
static const struct {
  const char *text, *json;
} words[] = {
  {" Rain", NULL}, {" fell", NULL}, {" on", NULL}, {" the", NULL},
  {" roofs", NULL}, {",", NULL}, {" and", NULL}, {" nobody", NULL},
  {" in", NULL}, {" the", NULL}, {" caf\303\251", NULL}, {" looked", NULL},
  {" up", NULL}, {".", NULL}, {"\n", "\\n"}, {"\"", "\\\""},
  {"Late", NULL}, {",\"", ",\\\""}, {" it", NULL}, {" said.", NULL},
};
#define WORDS (sizeof words / sizeof *words)

/* Chunks of BATCH tokens of a kind, and where each begins. */
static struct {
  char bytes[BATCH * CHUNK_MAX];
  size_t begin[BATCH + 1];
} batches[WIRE_KINDS];

static const char *directory;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
static int written[2];

static void make_batch (int kind) {
  size_t i, at = 0;
  for (i = 0; i < BATCH; i++) {
    const char *json = words[i % WORDS].json, *text = words[i % WORDS].text;
    batches[kind].begin[i] = at;
    at += wire_token(batches[kind].bytes + at, kind, json ? json : text);
  }
  batches[kind].begin[BATCH] = at;
}

static void print_text (long n) {
  size_t i;
  for (i = 0; i < (size_t)n; i++)
    fputs(words[i % BATCH % WORDS].text, stdout);
}

static int send_all (int fd, const char *s, size_t n) {
  while (n > 0) {
    ssize_t sent = send(fd, s, n, MSG_NOSIGNAL);
    if (sent <= 0) return -1;
    s += sent;
    n -= (size_t)sent;
  }
  return 0;
}

static int stream (int fd, int kind, long n) {
  char end[WIRE_END_MAX];
  const char *bytes = batches[kind].bytes;
  const size_t *begin = batches[kind].begin;
  if (send_all(fd, wire_stream_head, strlen(wire_stream_head)) != 0) return -1;
  for (; n >= BATCH; n -= BATCH)
    if (send_all(fd, bytes, begin[BATCH]) != 0) return -1;
  if (send_all(fd, bytes, begin[n]) != 0) return -1;
  return send_all(fd, end, wire_end(end, kind));
}

static int answer (int fd, int kind, int in_array) {
  char text[1024];
  const char *object = kind == WIRE_CHAT ? whole_chat : whole;
  int len = snprintf(text, sizeof text,
                     "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                     "content-length: %zu\r\n\r\n%s%s%s",
                     strlen(object) + (in_array ? 2 : 0), in_array ? "[" : "",
                     object, in_array ? "]" : "");
  return send_all(fd, text, (size_t)len);
}

static void keep (const char *text, size_t len, int streaming) {
  char path[4096];
  FILE *f;
  if (directory == NULL) return;
  pthread_mutex_lock(&writing);
  if (!written[streaming]) {
    written[streaming] = 1;
    snprintf(path, sizeof path, "%s/%s", directory,
             streaming ? "generate_stream" : "generate");
    f = fopen(path, "w");
    if (f == NULL) wire_die("server", "cannot write into its directory");
    fwrite(text, 1, len, f);
    fclose(f);
  }
  pthread_mutex_unlock(&writing);
}

/*
** Reads one request; returns the number of tokens, or -1 at the end. Tells
** whether its path is /N alone.
*/
static long read_request (int fd, char *text, size_t size, int *kind,
                          int *streaming, int *bare) {
  size_t len = 0;
  char *end;
  long n;
  do {
    ssize_t got = recv(fd, text + len, size - 1 - len, 0);
    if (got <= 0) return -1;
    len += (size_t)got;
  } while (wire_request(text, len) == 0);
  text[len] = '\0';
  *streaming = strstr(text, "/generate_stream") != NULL ||
               strstr(text, "\"stream\": true") != NULL ||
               strstr(text, "\"stream\":true") != NULL;
  *kind = wire_kind(text);
  if (*kind == WIRE_LORAX) keep(text, len, *streaming);
  n = strtol(text + strlen("POST /"), &end, 10);
  *bare = *end != '/';
  return n;
}

static void *serve (void *arg) {
  int fd = (int)(long)arg, on = 1, kind = 0, streaming = 0, bare = 0;
  static __thread char text[65536];
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (;;) {
    long n = read_request(fd, text, sizeof text, &kind, &streaming, &bare);
    if (n < 0) break;
    if ((streaming ? stream(fd, kind, n)
                   : answer(fd, kind, bare && kind == WIRE_LORAX)) != 0)
      break;
  }
  close(fd);
  return NULL;
}

static void *wait_for_end (void *arg) {
  char byte;
  (void)arg;
  while (read(0, &byte, 1) > 0) continue;
  exit(0);
}

int main (int argc, char **argv) {
  pthread_t thread;
  int fd;
  if (argc == 3 && strcmp(argv[1], "--text") == 0) {
    print_text(atol(argv[2]));
    return 0;
  }
  if (argc > 1) directory = argv[1];
  make_batch(WIRE_LORAX);
  make_batch(WIRE_CHAT);
  fd = wire_listen(64);
  pthread_create(&thread, NULL, wait_for_end, NULL);
  for (;;) {
    int client = accept(fd, NULL, NULL);
    if (client < 0) continue;
    if (pthread_create(&thread, NULL, serve, (void *)(long)client) == 0)
      pthread_detach(thread);
  }
}
