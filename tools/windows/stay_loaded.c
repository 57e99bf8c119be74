/*
** stay_loaded.c - keeps luv.dll in memory until the process ends
** SPDX-License-Identifier: MIT
** Windows calls functions of libuv in threads of its own. Lua unloads modules
** in lua_close, and such a call may come later.
*/

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static void __attribute__((constructor)) stay_loaded (void) {
  static const char here = 0;
  HMODULE module;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN |
                     GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     (LPCWSTR)(const void *)&here, &module);
}
