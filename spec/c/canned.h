/*
** canned.h - a child process that answers HTTP with fixed responses
** SPDX-License-Identifier: MIT
** For tests that count what the client's own process allocates and opens.
*/

#ifndef PREDIBASE_CANNED_H
#define PREDIBASE_CANNED_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#if !defined(MSG_NOSIGNAL)  /* macOS; canned_serve ignores the signal */
#define MSG_NOSIGNAL 0
#endif

/* Seconds after which the child ends, if the tests have not ended it. */
#define CANNED_LIFE 600

static pid_t canned_pid;

static inline void canned_write (int fd, const char *s) {
  size_t n = strlen(s);
  while (n > 0) {
    ssize_t done = send(fd, s, n, MSG_NOSIGNAL);
    if (done <= 0) return;
    s += done;
    n -= (size_t)done;
  }
}

static inline void canned_chunk (int fd, const char *event) {
  char intro[32];
  snprintf(intro, sizeof intro, "%zx\r\n", strlen(event));
  canned_write(fd, intro);
  canned_write(fd, event);
  canned_write(fd, "\r\n");
}

#define CANNED_TOKEN(id, text, final) \
  "data: {\"token\":{\"id\":" id ",\"text\":\"" text "\",\"logprob\":-0.5," \
  "\"special\":false,\"skipped\":false},\"generated_text\":" final "," \
  "\"details\":null}\n\n"

/* Number of events of 1 KiB: more than the client queues. */
#define CANNED_FLOOD 2048

static inline void canned_flood (int fd) {
  char event[1025];
  int i;
  for (i = 0; i < CANNED_FLOOD; i++) {
    memset(event, 'x', sizeof event);
    snprintf(event, 20, "data:%09d", i);
    event[14] = ' ';
    memcpy(event + 1022, "\n\n", 3);
    canned_chunk(fd, event);
  }
}

static inline void canned_answer (int fd, const char *path) {
  static const char text[] = "{\"generated_text\":\"one two three\"}";
  static const char wrong[] =
      "{\"error\":\"Input validation error: `top_p` must be > 0.0 and < 1.0\","
      "\"error_type\":\"validation\"}";
  char intro[256];
  if (strstr(path, "generate_stream") != NULL) {
    canned_write(fd, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                     "transfer-encoding: chunked\r\n\r\n");
    if (strstr(path, "/mute/") != NULL) return;
    if (strstr(path, "/flood/") != NULL) canned_flood(fd);
    canned_chunk(fd, CANNED_TOKEN("1", "one", "null"));
    if (strstr(path, "/hang/") != NULL) return;  /* until the client closes */
    canned_chunk(fd, ":\n\n");
    canned_chunk(fd, CANNED_TOKEN("2", " two", "null"));
    canned_chunk(fd, CANNED_TOKEN("3", " three", "\"one two three\""));
    canned_write(fd, "0\r\n\r\n");
  }
  else {
    const char *body = strstr(path, "/wrong/") != NULL ? wrong : text;
    snprintf(intro, sizeof intro,
             "HTTP/1.1 %s\r\ncontent-type: application/json\r\n"
             "content-length: %zu\r\nx-prompt-tokens: 4\r\n\r\n",
             body == wrong ? "422 Unprocessable Entity" : "200 OK",
             strlen(body));
    canned_write(fd, intro);
    canned_write(fd, body);
  }
}

/* Reads one request; returns 0 if the client has closed. */
static inline int canned_request (FILE *in, char *path, size_t size) {
  char line[8192];
  long length = 0;
  if (fgets(line, sizeof line, in) == NULL) return 0;
  snprintf(path, size, "%.*s", (int)size - 1, line);
  while (fgets(line, sizeof line, in) != NULL && line[0] != '\r')
    if (strncasecmp(line, "content-length:", 15) == 0)
      length = strtol(line + 15, NULL, 10);
  while (length-- > 0)
    if (fgetc(in) == EOF) return 0;
  return 1;
}

static inline void canned_serve (int listener) {
  alarm(CANNED_LIFE);
#if defined(__linux__)
  prctl(PR_SET_PDEATHSIG, SIGKILL);  /* if the tests crash */
#endif
  signal(SIGCHLD, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  for (;;) {
    char path[512];
    FILE *in;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) _exit(1);
    if (fork() != 0) {
      close(fd);
      continue;
    }
    /* small writes must not wait for an ACK of the client */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    in = fdopen(fd, "r");
    while (in != NULL && canned_request(in, path, sizeof path))
      canned_answer(fd, path);
    _exit(0);
  }
}

/* Starts the server on the loopback address and returns its port. */
static inline int canned_start (void) {
  struct sockaddr_in a;
  socklen_t len = sizeof a;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  memset(&a, 0, sizeof a);
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof a) != 0 ||
      listen(listener, 64) != 0 ||
      getsockname(listener, (struct sockaddr *)&a, &len) != 0)
    abort();
  canned_pid = fork();
  if (canned_pid == 0) canned_serve(listener);
  close(listener);
  return ntohs(a.sin_port);
}

static inline void canned_stop (void) {
  kill(canned_pid, SIGTERM);
  waitpid(canned_pid, NULL, 0);
}

#endif
