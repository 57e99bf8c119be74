/*
** process.h - what differs between systems about processes
** SPDX-License-Identifier: MIT
** Numbers of processes, forks, functions that run once, loaded modules.
*/

#ifndef PREDIBASE_PROCESS_H
#define PREDIBASE_PROCESS_H

#if defined(_WIN32)

#if !defined(WIN32_LEAN_AND_MEAN)
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

typedef DWORD process_id;
typedef INIT_ONCE process_once;
#define PROCESS_ONCE INIT_ONCE_STATIC_INIT

static inline process_id process_own_id (void) {
  return GetCurrentProcessId();
}

static inline BOOL CALLBACK process_call (INIT_ONCE *once, void *function,
                                          void **context) {
  void (*const *f) (void) = (void (*const *) (void))function;
  (void)once;
  (void)context;
  (*f)();
  return TRUE;
}

/* Calls f, unless it was called with this 'once' before. */
static inline void process_run_once (process_once *once, void (*f) (void)) {
  InitOnceExecuteOnce(once, process_call, (void *)&f, NULL);
}

/* Makes f run in each child after a fork; Windows has none. Returns 0, or an
** error number. */
static inline int process_after_fork (void (*f) (void)) {
  (void)f;
  return 0;
}

/* Returns an int that is 1 in this process, and 0 in every copy of it, however
** that was made; NULL if the system has no such memory. It is never freed. */
static inline const volatile int *process_mark (void) {
  return NULL;
}

/* Keeps the module that contains the object at 'here' loaded until the process
** ends. */
static inline void process_keep_loaded (const void *here) {
  HMODULE module;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN |
                     GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     (const WCHAR *)here, &module);
}

/* Returns the path of the library that contains an address, or NULL: not known.
** On Windows, libcurl is part of the module itself. */
static inline const char *process_file_of (const void *address) {
  (void)address;
  return NULL;
}

#else

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

typedef pid_t process_id;
typedef pthread_once_t process_once;
#define PROCESS_ONCE PTHREAD_ONCE_INIT

static inline process_id process_own_id (void) {
  return getpid();
}

static inline void process_run_once (process_once *once, void (*f) (void)) {
  pthread_once(once, f);
}

static inline int process_after_fork (void (*f) (void)) {
  return pthread_atfork(NULL, NULL, f);
}

static inline const volatile int *process_mark (void) {
#if defined(MADV_WIPEONFORK)
  void *page = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return NULL;
  if (madvise(page, sizeof(int), MADV_WIPEONFORK) == 0) {
    *(int *)page = 1;
    return page;
  }
  munmap(page, sizeof(int));
#endif
  return NULL;
}

static inline void process_keep_loaded (const void *here) {
#if defined(RTLD_NODELETE) && defined(RTLD_NOLOAD)
  Dl_info self;
  if (dladdr(here, &self) != 0)
    (void)dlopen(self.dli_fname, RTLD_LAZY | RTLD_NODELETE | RTLD_NOLOAD);
#else
  (void)here;
#endif
}

static inline const char *process_file_of (const void *address) {
#if defined(RTLD_LAZY)
  Dl_info found;
  return dladdr(address, &found) != 0 ? found.dli_fname : NULL;
#else
  (void)address;
  return NULL;
#endif
}

#endif

#endif
