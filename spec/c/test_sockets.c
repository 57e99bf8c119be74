/* links: sockets.c buf.c */
/*
** test_sockets.c - tests of sockets.c
** SPDX-License-Identifier: MIT
** Unread bytes are found, and a close ends the connection even if another
** process holds the socket.
*/

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sockets.h"

#include "alloc.h"
#include "tap.h"

#define PATIENCE 60000  /* milliseconds */

static int listener;
static struct sockaddr_in address;

static void start_listening (void) {
  socklen_t n = sizeof address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&address, n) != 0 ||
      listen(listener, 8) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &n) != 0)
    ok(0, "a listening socket");
}

/* Opens a connection the way libcurl does; *peer becomes the server's end. */
static int connected (sockets *s, int *peer) {
  struct curl_sockaddr a;
  int fd;
  memset(&a, 0, sizeof a);
  a.family = AF_INET;
  a.socktype = SOCK_STREAM;
  fd = (int)sockets_open(s, CURLSOCKTYPE_IPCXN, &a);
  if (fd >= 0 &&
      connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
    *peer = accept(listener, NULL, NULL);
  return fd;
}

static long port_of (int fd) {
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  memset(&a, 0, sizeof a);
  getsockname(fd, (struct sockaddr *)&a, &n);
  return ntohs(a.sin_port);
}

static void await_input (int fd) {
  struct pollfd p;
  p.fd = fd;
  p.events = POLLIN;
  poll(&p, 1, PATIENCE);
}

static void unread_input (void) {
  sockets s;
  int one = -1, two = -1, first, second;
  memset(&s, 0, sizeof s);
  s.owner = getpid();
  first = connected(&s, &one);
  second = connected(&s, &two);
  ok(first >= 0 && second >= 0 && one >= 0 && two >= 0, "two connections");
  ok((fcntl(first, F_GETFD) & FD_CLOEXEC) != 0,
     "another program does not inherit them");
  ok(sockets_find(&s, port_of(second)) == second &&
     sockets_find(&s, port_of(listener)) == -1,
     "sockets are found by their port, and nothing else is");
  sockets_mark_http1(&s, port_of(first));
  ok(sockets_is_http1(&s, port_of(first)) &&
         !sockets_is_http1(&s, port_of(second)),
     "one has carried an HTTP/1.x response");
  ok(!sockets_is_unusable(&s, port_of(first)), "it is usable without input");
  ok(send(one, "x", 1, 0) == 1 && send(two, "x", 1, 0) == 1, "input for both");
  await_input(first);
  await_input(second);
  ok(sockets_is_unusable(&s, port_of(first)), "it is unusable with input");
  ok(sockets_is_unusable(&s, port_of(first)), "and stays unusable");
  ok(!sockets_is_unusable(&s, port_of(second)),
     "the other one, perhaps of HTTP/2, may have input");
  sockets_mark_http1(&s, port_of(second));
  close(two);
  ok(sockets_is_unusable(&s, port_of(second)),
     "until it has carried an HTTP/1.x response");
  sockets_close(&s, first);
  sockets_close(&s, second);
  ok(s.n == 0, "closed sockets are removed");
  close(one);
  sockets_free(&s);
}

static void shared_with_a_child (void) {
  sockets s;
  int peer = -1, fd, twin;
  char byte;
  memset(&s, 0, sizeof s);
  s.owner = getpid();
  fd = connected(&s, &peer);
  twin = dup(fd);  /* like the copy in a forked child */
  sockets_close(&s, fd);
  await_input(peer);
  ok(recv(peer, &byte, 1, MSG_DONTWAIT) == 0,
     "a closed connection ends although a child has a copy");
  close(twin);
  close(peer);
  s.owner = getpid() + 1;
  fd = connected(&s, &peer);
  twin = dup(fd);
  sockets_close(&s, fd);
  ok(recv(peer, &byte, 1, MSG_DONTWAIT) == -1,
     "but not if the child closes it");
  close(twin);
  close(peer);
  sockets_free(&s);
}

static void no_memory (void) {
  sockets s;
  struct curl_sockaddr a;
  memset(&s, 0, sizeof s);
  memset(&a, 0, sizeof a);
  a.family = AF_INET;
  a.socktype = SOCK_STREAM;
  alloc_start(1, 1);
  ok(sockets_open(&s, CURLSOCKTYPE_IPCXN, &a) == CURL_SOCKET_BAD && s.n == 0,
     "without memory there is no socket");
  mem_set_allocator(NULL);
}

int main (void) {
  start_listening();
  unread_input();
  shared_with_a_child();
  no_memory();
  close(listener);
  return done();
}
