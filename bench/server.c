/*
** server.c - the server of the benchmarks: the same bytes to everybody, fast
** SPDX-License-Identifier: MIT
** POST /N/generate_stream answers with N tokens, framed as LoRAX frames them,
** POST /N/generate with one JSON object. A thread a connection, loopback only.
** Prints its port; ends with its standard input.
*/

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 500 /* events in one write */

static const char token[] =
    "data:{\"token\":{\"id\":4521,\"text\":\" water\",\"logprob\":-0.51220703,"
    "\"special\":false,\"skipped\":false,\"alternative_tokens\":null},"
    "\"generated_text\":null,\"details\":null}\n\n";
static const char last[] =
    "data:{\"token\":{\"id\":2,\"text\":\"</s>\",\"logprob\":-0.1,"
    "\"special\":true,\"skipped\":false,\"alternative_tokens\":null},"
    "\"generated_text\":\"water\",\"details\":{\"finish_reason\":"
    "\"eos_token\",\"prompt_tokens\":3,\"generated_tokens\":1,"
    "\"seed\":null}}\n\n";
static const char whole[] =
    "{\"generated_text\":\"water\",\"details\":{\"finish_reason\":"
    "\"eos_token\",\"prompt_tokens\":3,\"generated_tokens\":1,\"prefill\":[],"
    "\"tokens\":[],\"seed\":null}}";

static char batch[BATCH * (sizeof token + 8)];
static size_t batch_len, one_len;

static int send_all (int fd, const char *s, size_t n) {
  while (n > 0) {
    ssize_t sent = send(fd, s, n, MSG_NOSIGNAL);
    if (sent <= 0) return -1;
    s += sent;
    n -= (size_t)sent;
  }
  return 0;
}

static int stream (int fd, long n) {
  char text[1024];
  int len = snprintf(text, sizeof text,
                     "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                     "transfer-encoding: chunked\r\n\r\n");
  if (send_all(fd, text, (size_t)len) != 0) return -1;
  for (; n >= BATCH; n -= BATCH)
    if (send_all(fd, batch, batch_len) != 0) return -1;
  if (send_all(fd, batch, (size_t)n * one_len) != 0) return -1;
  len = snprintf(text, sizeof text, "%zx\r\n%s\r\n0\r\n\r\n", strlen(last),
                 last);
  return send_all(fd, text, (size_t)len);
}

static int answer (int fd) {
  char text[1024];
  int len = snprintf(text, sizeof text,
                     "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                     "content-length: %zu\r\n\r\n%s", strlen(whole), whole);
  return send_all(fd, text, (size_t)len);
}

/* Reads one request; the number of tokens, or -1 at the end. */
static long read_request (int fd, char *text, size_t size, int *streaming) {
  size_t len = 0, body = 0;
  char *end, *field;
  for (;;) {
    ssize_t got = recv(fd, text + len, size - 1 - len, 0);
    if (got <= 0) return -1;
    len += (size_t)got;
    text[len] = '\0';
    end = strstr(text, "\r\n\r\n");
    if (end == NULL) continue;
    field = strcasestr(text, "\r\ncontent-length:");
    if (field != NULL) body = (size_t)atol(field + 17);
    if (len >= (size_t)(end + 4 - text) + body) break;
  }
  *streaming = strstr(text, "/generate_stream") != NULL;
  return atol(text + strlen("POST /"));
}

static void *serve (void *arg) {
  int fd = (int)(long)arg, on = 1, streaming = 0;
  static __thread char text[65536];
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (;;) {
    long n = read_request(fd, text, sizeof text, &streaming);
    if (n < 0 || (streaming ? stream(fd, n) : answer(fd)) != 0) break;
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

int main (void) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  pthread_t thread;
  int fd = socket(AF_INET, SOCK_STREAM, 0), i;
  for (i = 0; i < BATCH; i++) {
    one_len = (size_t)sprintf(batch + batch_len, "%zx\r\n%s\r\n",
                              strlen(token), token);
    batch_len += one_len;
  }
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, 64) != 0 ||
      getsockname(fd, (struct sockaddr *)&at, &size) != 0)
    return 1;
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  pthread_create(&thread, NULL, wait_for_end, NULL);
  for (;;) {
    int client = accept(fd, NULL, NULL);
    if (client < 0) continue;
    if (pthread_create(&thread, NULL, serve, (void *)(long)client) == 0)
      pthread_detach(thread);
  }
}
