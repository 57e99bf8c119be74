/*
** socket_calls.h - what differs between systems about sockets
** SPDX-License-Identifier: MIT
** A socket is an int here. The handles of Windows fit: only 32 of their bits
** are used.
*/

#ifndef PREDIBASE_SOCKET_CALLS_H
#define PREDIBASE_SOCKET_CALLS_H

#if defined(_WIN32)

#include <winsock2.h>
#include <ws2tcpip.h>

#include "process.h"

/* The type of the field 'fd' of struct pollfd. */
typedef SOCKET socket_number;

/*
** The longest wait in milliseconds. Ctrl-C ends no wait on Windows, so a wait
** ends by itself soon, and then Lua can see that Ctrl-C was pressed.
*/
#define SOCKET_LONGEST_WAIT 100

/* Opens a socket that programs which this process starts do not inherit.
** Returns -1 if that is impossible. */
static inline int socket_open (int family, int type, int protocol) {
  return (int)WSASocketW(family, type, protocol, NULL, 0,
                         WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

static inline int socket_close (int fd) {
  return closesocket((SOCKET)fd);
}

/* Ends the connection in both directions, also for other processes. */
static inline void socket_shutdown (int fd) {
  (void)shutdown((SOCKET)fd, SD_BOTH);
}

/*
** Waits like poll(2), but returns 0 after a signal, and on Windows also after
** SOCKET_LONGEST_WAIT. WSAPoll itself refuses a set without any socket.
*/
static inline int socket_poll (struct pollfd *set, size_t n, int ms) {
  size_t i = 0;
  if (ms < 0 || ms > SOCKET_LONGEST_WAIT) ms = SOCKET_LONGEST_WAIT;
  while (i < n && set[i].fd == INVALID_SOCKET) i++;
  if (i == n) {
    Sleep((DWORD)ms);
    return 0;
  }
  return WSAPoll(set, (ULONG)n, ms);
}

/* Returns 1 if the peer has sent or closed something, or the socket is of no
** use. Never waits. */
static inline int socket_has_input (int fd) {
  struct pollfd one;
  one.fd = (SOCKET)fd;
  one.events = POLLIN;
  one.revents = 0;
  return WSAPoll(&one, 1, 0) != 0;
}

#else

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int socket_number;

static inline int socket_open (int family, int type, int protocol) {
  int fd = socket(family, type, protocol);
  if (fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
    close(fd);
    return -1;
  }
  return fd;
}

static inline int socket_close (int fd) {
  return close(fd);
}

static inline void socket_shutdown (int fd) {
  (void)shutdown(fd, SHUT_RDWR);
}

static inline int socket_poll (struct pollfd *set, size_t n, int ms) {
  int found = poll(set, (nfds_t)n, ms);
  return found < 0 && errno == EINTR ? 0 : found;
}

static inline int socket_has_input (int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
         (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

#endif

#endif
