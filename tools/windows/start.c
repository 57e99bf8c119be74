/*
** start.c - starts Lua, or a Lua program, on Windows
** SPDX-License-Identifier: MIT
** Gives Lua its arguments in UTF-8 and makes the console show UTF-8. With
** -DSCRIPT="FILE", always runs this file of the folder of the program.
*/

#include "utf8_calls.h"

#include <fcntl.h>
#include <io.h>
#include <string.h>
#include <wchar.h>

#if !defined(ENABLE_VIRTUAL_TERMINAL_PROCESSING)
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x0004
#endif

#define LONGEST_PATH 4096

/* The main function of interpreter.c. */
int interpreter_main (int argc, char **argv);

/* What the console was like before; restored at the end of the process. */
static UINT old_output_page, old_input_page;
static DWORD old_mode;
static HANDLE console;

static void restore_console (void) {
  if (old_output_page != 0) SetConsoleOutputCP(old_output_page);
  if (old_input_page != 0) SetConsoleCP(old_input_page);
  if (console != NULL) SetConsoleMode(console, old_mode);
}

/* Text is UTF-8, and escape sequences of colours and cursor moves work. */
static void prepare_console (void) {
  HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);
  HANDLE err = GetStdHandle(STD_ERROR_HANDLE);
  old_output_page = GetConsoleOutputCP();
  old_input_page = GetConsoleCP();
  if (old_output_page != 0) SetConsoleOutputCP(CP_UTF8);
  if (old_input_page != 0) SetConsoleCP(CP_UTF8);
  if (GetConsoleMode(out, &old_mode)) console = out;
  else if (GetConsoleMode(err, &old_mode)) console = err;
  if (console != NULL)
    SetConsoleMode(console, old_mode | ENABLE_PROCESSED_OUTPUT |
                            ENABLE_VIRTUAL_TERMINAL_PROCESSING);
  atexit(restore_console);
}

/* Lua writes the bytes that a program asks for: no LF becomes CRLF. A console
** keeps its way of reading, in which Ctrl-Z ends the input. */
static void use_bytes (void) {
  _setmode(_fileno(stdout), _O_BINARY);
  _setmode(_fileno(stderr), _O_BINARY);
  if (!_isatty(_fileno(stdin))) _setmode(_fileno(stdin), _O_BINARY);
  /* With a buffer, the C library may cut characters for a console. */
  if (_isatty(_fileno(stdout))) setvbuf(stdout, NULL, _IONBF, 0);
  if (_isatty(_fileno(stderr))) setvbuf(stderr, NULL, _IONBF, 0);
}

static char *narrow (const WCHAR *wide) {
  int n = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
  char *text = malloc((size_t)n);
  if (text == NULL) abort();
  WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, n, NULL, NULL);
  return text;
}

#if defined(SCRIPT)
/* Returns the path of SCRIPT in the folder of this program. */
static char *script_path (void) {
  WCHAR path[LONGEST_PATH];
  WCHAR *slash;
  char *folder, *whole;
  if (GetModuleFileNameW(NULL, path, LONGEST_PATH) == LONGEST_PATH) abort();
  slash = wcsrchr(path, L'\\');
  if (slash != NULL) slash[1] = L'\0';
  folder = narrow(path);
  whole = malloc(strlen(folder) + sizeof SCRIPT);
  if (whole == NULL) abort();
  strcpy(whole, folder);
  strcat(whole, SCRIPT);
  free(folder);
  return whole;
}
#endif

int wmain (int argc, WCHAR **wide) {
  char **argv = malloc(((size_t)argc + 2) * sizeof *argv);
  int i, n = 0;
  if (argv == NULL) abort();
  for (i = 0; i < argc; i++) {
    argv[n++] = narrow(wide[i]);
#if defined(SCRIPT)
    if (i == 0) argv[n++] = script_path();
#endif
  }
  argv[n] = NULL;
  prepare_console();
  use_bytes();
  return interpreter_main(n, argv);
}
