/*
** wire.c - the formats that the benchmark programs use between each other
** SPDX-License-Identifier: MIT
*/

#include "wire.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

/* Descriptors that are open in addition to the streams' sockets. */
#define OTHER_DESCRIPTORS 32

const char wire_last[] =
    "data:{\"token\":{\"id\":2,\"text\":\"</s>\",\"logprob\":-0.1,"
    "\"special\":true,\"skipped\":false,\"alternative_tokens\":null},"
    "\"generated_text\":\"\",\"details\":{\"finish_reason\":"
    "\"eos_token\",\"prompt_tokens\":3,\"generated_tokens\":1,"
    "\"seed\":null}}\n\n";

const char wire_stream_head[] =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    "transfer-encoding: chunked\r\n\r\n";

static const char last_delta[] =
    "data: {\"id\":\"null\",\"object\":\"chat.completion.chunk\","
    "\"created\":0,\"model\":\"water\",\"choices\":[{\"index\":0,\"delta\":"
    "{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

static const struct kind {
  const char *before, *after, *last;
} kinds[WIRE_KINDS] = {
  {TOKEN_BEFORE, TOKEN_AFTER, wire_last},
  {DELTA_BEFORE, DELTA_AFTER, last_delta},
};

size_t wire_token (char *out, int kind, const char *text) {
  const struct kind *k = &kinds[kind];
  return (size_t)sprintf(out, "%zx\r\n%s%s%s\r\n",
                         strlen(k->before) + strlen(text) + strlen(k->after),
                         k->before, text, k->after);
}

size_t wire_end (char *out, int kind) {
  const char *last = kinds[kind].last;
  return (size_t)sprintf(out, "%zx\r\n%s\r\n0\r\n\r\n", strlen(last), last);
}

int wire_kind (const char *request) {
  const char *path = strchr(request, ' ');
  size_t n = strcspn(path != NULL ? path + 1 : "", " ");
  static const char chat[] = "/chat/completions";
  if (n < sizeof chat - 1) return WIRE_LORAX;
  path += 1 + n - (sizeof chat - 1);
  return strncmp(path, chat, sizeof chat - 1) == 0 ? WIRE_CHAT : WIRE_LORAX;
}

int64_t wire_now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

double wire_cpu_us (void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void wire_die (const char *program, const char *why) {
  fprintf(stderr, "%s: %s\n", program, why);
  exit(1);
}

int wire_listen (int backlog) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0 ||
      listen(fd, backlog) != 0 ||
      getsockname(fd, (struct sockaddr *)&at, &size) != 0)
    wire_die("bench", "cannot listen on the loopback");
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

size_t wire_request (const char *text, size_t len) {
  static const char field[] = "\r\ncontent-length:";
  const char *end = memmem(text, len, "\r\n\r\n", 4), *at;
  size_t head;
  if (end == NULL) return 0;
  head = (size_t)(end - text) + 4;
  for (at = text; at < end; at++)
    if (strncasecmp(at, field, sizeof field - 1) == 0) {
      size_t whole = head + (size_t)atol(at + sizeof field - 1);
      return len >= whole ? whole : 0;
    }
  return head;
}

void wire_need_descriptors (const char *program, unsigned long wanted) {
  struct rlimit limit;
  wanted += OTHER_DESCRIPTORS;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= wanted)
    return;
  fprintf(stderr, "%s: needs %lu open files, the system allows %lu; raise "
                  "the limit (ulimit -Hn, as root) or ask for fewer streams\n",
          program, wanted, (unsigned long)limit.rlim_cur);
  exit(1);
}
