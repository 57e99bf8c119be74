rockspec_format = "3.0"
package = "predibase"
version = "scm-1"

source = {
  url = "git+https://github.com/predibase-lua/predibase.git",
}

description = {
  summary = "Text generation and streaming from Predibase and LoRAX servers",
  detailed = [[
    Streams text out of large language models served by Predibase or by any
    LoRAX server. A C core on libcurl drives many streams at once behind one
    pollable descriptor; no callbacks, no globals, errors as values.
    The stand-in server (predibase mock) also wants the rock luv.
  ]],
  homepage = "https://github.com/predibase-lua/predibase",
  issues_url = "https://github.com/predibase-lua/predibase/issues",
  license = "MIT",
  labels = { "llm", "http", "streaming", "sse", "client" },
}

supported_platforms = { "unix" }

dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson >= 2.1",
  "argparse >= 0.7",
}

external_dependencies = {
  CURL = { header = "curl/curl.h", library = "curl" },
}

build = {
  type = "builtin",
  modules = {
    ["predibase.sse"] = {
      sources = { "src/lua_sse.c", "src/sse.c", "src/buf.c" },
      defines = { "_GNU_SOURCE" },
    },
    ["predibase.curl"] = {
      sources = {
        "src/lua_curl.c",
        "src/exchange.c",
        "src/pool.c",
        "src/timers.c",
        "src/watch.c",
        "src/sse.c",
        "src/buf.c",
      },
      defines = { "_GNU_SOURCE" },
      libraries = { "curl" },
      incdirs = { "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
    },
  },
  install = {
    bin = { predibase = "bin/predibase" },
  },
}

test_dependencies = {
  "busted >= 2.1",
  "luv >= 1.44",
}

test = {
  type = "busted",
  flags = { "--run=installed" },
}
