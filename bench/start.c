/*
** start.c - measures the CPU time of programs from their start to their end
** SPDX-License-Identifier: MIT
** usage: start COUNT NAME COMMAND... [-- NAME COMMAND...]...
** Runs the commands in turns, each COUNT times, with their output discarded.
** Prints "NAME_ms MEDIAN" for each: user and system time in milliseconds.
*/

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "wire.h"

#define PROGRAMS_MAX 16

extern char **environ;

static double milliseconds (struct timeval t) {
  return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

/* Runs a command and returns its CPU time. */
static double run (char **words) {
  posix_spawn_file_actions_t actions;
  struct rusage used;
  pid_t pid;
  int status, error;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  error = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) wire_die(words[0], strerror(error));
  while (wait4(pid, &status, 0, &used) < 0)
    if (errno != EINTR) wire_die(words[0], strerror(errno));
  if (status != 0) wire_die(words[0], "failed");
  return milliseconds(used.ru_utime) + milliseconds(used.ru_stime);
}

static int compare (const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

int main (int argc, char **argv) {
  const char *names[PROGRAMS_MAX];
  char **commands[PROGRAMS_MAX];
  long count = argc > 1 ? atol(argv[1]) : 0, round;
  int n = 0, i = 2, k;
  double *times;
  while (i + 1 < argc && n < PROGRAMS_MAX) {
    names[n] = argv[i];
    commands[n++] = argv + i + 1;
    while (i < argc && strcmp(argv[i], "--") != 0) i++;
    argv[i++] = NULL;
  }
  if (count < 1 || n == 0) {
    fprintf(stderr, "usage: start COUNT NAME COMMAND... [-- NAME ...]...\n");
    return 1;
  }
  times = calloc((size_t)count * (size_t)n, sizeof *times);
  if (times == NULL) wire_die("start", "out of memory");
  for (round = 0; round < count; round++)
    for (k = 0; k < n; k++) times[k * count + round] = run(commands[k]);
  for (k = 0; k < n; k++) {
    double *list = times + k * count, *middle = list + count / 2;
    qsort(list, (size_t)count, sizeof *list, compare);
    if (count % 2 == 0) *middle = (middle[-1] + *middle) / 2;
    printf("%s_ms %.3f\n", names[k], *middle);
  }
  free(times);
  return 0;
}
