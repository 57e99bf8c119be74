/*
** interpreter.c - the program for a Lua that is built from a crate's sources
** SPDX-License-Identifier: MIT
** The crates contain Lua's library but not its program. This one understands
** what the tests, the examples and the README use: -e, -l, -i, -v, -E, a file
** and "-"; and it ends a run on Ctrl-C with an error, as Lua's own does.
*/

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"

static lua_State *running;  /* for the signal handler, which gets no argument */
static const char *program = "lua";

static void stop (lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "interrupted!");
}

static void on_interrupt (int signal_number) {
  int events = LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT;
  signal(signal_number, SIG_DFL);  /* a second one ends the process */
  lua_sethook(running, stop, events, 1);
}

/* Message handler: adds a traceback; objects say themselves what they mean. */
static int explain (lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (message == NULL) {
    if (luaL_callmeta(L, 1, "__tostring") && lua_isstring(L, -1)) return 1;
    message = lua_pushfstring(L, "(error object is a %s value)",
                              luaL_typename(L, 1));
  }
#if LUA_VERSION_NUM >= 502 || defined(LUA_JITLIBNAME)
  luaL_traceback(L, L, message, 1);
#else
  lua_getglobal(L, "debug");
  lua_getfield(L, -1, "traceback");
  lua_pushstring(L, message);
  lua_pushinteger(L, 2);
  lua_call(L, 2, 1);
#endif
  return 1;
}

static int report (lua_State *L, int status) {
  if (status != 0) {
    const char *message = lua_tostring(L, -1);
    fflush(stdout);
    /* whole texts: Wine's fprintf cuts characters for a console */
    fputs(program, stderr);
    fputs(": ", stderr);
    fputs(message ? message : "(no message)", stderr);
    fputs("\n", stderr);
    lua_pop(L, 1);
  }
  return status;
}

/* Calls the function below the arguments; 0, or the status of its error. */
static int call (lua_State *L, int arguments, int results) {
  int handler = lua_gettop(L) - arguments, status;
  lua_pushcfunction(L, explain);
  lua_insert(L, handler);
  running = L;
  signal(SIGINT, on_interrupt);
  status = lua_pcall(L, arguments, results, handler);
  signal(SIGINT, SIG_DFL);
  lua_remove(L, handler);
  return status;
}

static int run_text (lua_State *L, const char *text, const char *name) {
  int status = luaL_loadbuffer(L, text, strlen(text), name);
  if (status == 0) status = call(L, 0, 0);
  return report(L, status);
}

static int load_module (lua_State *L, const char *name) {
  int status;
  lua_getglobal(L, "require");
  lua_pushstring(L, name);
  status = call(L, 1, 1);
  if (status == 0) lua_setglobal(L, name);
  return report(L, status);
}

/* LuaJIT's -joff and -jon. */
static int set_compiler (lua_State *L, const char *command) {
  char text[32];
  snprintf(text, sizeof text, "jit.%.20s()", command);
  return run_text(L, text, "=-j");
}

static int run_file (lua_State *L, const char *path, int first, int argc,
                     char **argv) {
  int i, status = luaL_loadfile(L, strcmp(path, "-") == 0 ? NULL : path);
  if (status != 0) return report(L, status);
  luaL_checkstack(L, argc - first + 3, "too many arguments");
  for (i = first; i < argc; i++) lua_pushstring(L, argv[i]);
  return report(L, call(L, argc - first, 0));
}

/* arg[0] is the script; the words before it have negative indices. */
static void set_arg (lua_State *L, int script, int argc, char **argv) {
  int i;
  lua_createtable(L, argc, 0);
  for (i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

/* Compiles a line as an expression whose values are printed, or as a chunk. */
static int load_line (lua_State *L, const char *line) {
  int status;
  lua_pushfstring(L, "return %s", line);
  status = luaL_loadstring(L, lua_tostring(L, -1));
  lua_remove(L, -2);
  if (status == 0) return 0;
  lua_pop(L, 1);
  return luaL_loadbuffer(L, line, strlen(line), "=stdin");
}

static void converse (lua_State *L) {
  char line[4096];
  for (;;) {
    int status, values = lua_gettop(L);
    fputs("> ", stdout);
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) break;
    status = load_line(L, line);
    if (status == 0) status = call(L, 0, LUA_MULTRET);
    if (report(L, status) == 0 && lua_gettop(L) > values) {
      lua_getglobal(L, "print");
      lua_insert(L, values + 1);
      report(L, call(L, lua_gettop(L) - values - 1, 0));
    }
    lua_settop(L, values);
  }
  putchar('\n');
}

static void usage (const char *word) {
  fprintf(stderr, "%s: unknown option '%s'\n"
    "usage: %s [-e TEXT] [-l MODULE] [-jon|-joff] [-i] [-v] [-E] [-]"
    " [FILE [ARGUMENT]...]\n",
    program, word, program);
  exit(EXIT_FAILURE);
}

static void print_version (lua_State *L) {
  lua_getglobal(L, "jit");
  if (lua_istable(L, -1)) lua_getfield(L, -1, "version");
  else lua_getglobal(L, "_VERSION");
  puts(lua_tostring(L, -1));
  lua_settop(L, 0);
}

/* The value of an option: "-eTEXT" or "-e TEXT". */
static const char *value (char **argv, int argc, int *i) {
  if (argv[*i][2] != '\0') return argv[*i] + 2;
  if (*i + 1 >= argc) usage(argv[*i]);
  return argv[++*i];
}

/* The index of the script in argv, argc if there is none. */
static int find_script (int argc, char **argv) {
  int i;
  for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
    if (strchr("elijvEW", argv[i][1]) == NULL) usage(argv[i]);
    if (strchr("elj", argv[i][1]) != NULL) value(argv, argc, &i);
  }
  return i;
}

static int run_options (lua_State *L, int script, char **argv, int *ended) {
  int i, interactive = 0, status = 0;
  const char *init = getenv("LUA_INIT");
  for (i = 1; i < script; i++) if (argv[i][1] == 'E') init = NULL;
  if (init != NULL) status = run_text(L, init, "=LUA_INIT");
  for (i = 1; i < script && status == 0; i++) {
    switch (argv[i][1]) {
      case 'e':
        status = run_text(L, value(argv, script, &i), "=(command line)");
        *ended = 1;
        break;
      case 'l': status = load_module(L, value(argv, script, &i)); break;
      case 'j': status = set_compiler(L, value(argv, script, &i)); break;
      case 'v': print_version(L); *ended = 1; break;
      case 'i': interactive = 1; break;
      default: break;
    }
  }
  if (status == 0 && interactive) converse(L);
  if (interactive) *ended = 1;
  return status;
}

int main (int argc, char **argv) {
  int script, status, ended = 0;
  lua_State *L = luaL_newstate();
  if (L == NULL) {
    fputs("lua: not enough memory for a state\n", stderr);
    return EXIT_FAILURE;
  }
  if (argc > 0) program = argv[0];
  script = find_script(argc, argv);
  luaL_openlibs(L);
#if LUA_VERSION_NUM >= 504
  lua_gc(L, LUA_GCGEN, 0, 0);  /* as Lua's own program does since 5.4 */
#endif
  set_arg(L, script < argc ? script : 0, argc, argv);
  status = run_options(L, script, argv, &ended);
  if (status == 0 && script < argc) {
    status = run_file(L, argv[script], script + 1, argc, argv);
  } else if (status == 0 && !ended) {
    if (isatty(STDIN_FILENO)) converse(L);
    else status = run_file(L, "-", argc, argc, argv);
  }
  lua_close(L);
  return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
