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
      sources = {
        "src/lua_sse.c",
        "src/lua_token.c",
        "src/token.c",
        "src/sse.c",
        "src/buf.c",
      },
      defines = { "_GNU_SOURCE" },
    },
    ["predibase.curl"] = {
      sources = {
        "src/lua_curl.c",
        "src/lua_exchange.c",
        "src/lua_read.c",
        "src/lua_token.c",
        "src/pool.c",
        "src/exchange.c",
        "src/verdict.c",
        "src/setup.c",
        "src/head.c",
        "src/timers.c",
        "src/watch.c",
        "src/token.c",
        "src/sse.c",
        "src/buf.c",
      },
      defines = { "_GNU_SOURCE" },
      libraries = { "curl" },
      incdirs = { "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
    },
    -- Lua modules: make lint compares them with lua/
    ["predibase.async"] = "lua/predibase/async.lua",
    ["predibase.batch"] = "lua/predibase/batch.lua",
    ["predibase.batch.gate"] = "lua/predibase/batch/gate.lua",
    ["predibase.batch.prompts"] = "lua/predibase/batch/prompts.lua",
    ["predibase.batch.steps"] = "lua/predibase/batch/steps.lua",
    ["predibase.call"] = "lua/predibase/call.lua",
    ["predibase.call.options"] = "lua/predibase/call/options.lua",
    ["predibase.checks"] = "lua/predibase/checks.lua",
    ["predibase.cli.failures"] = "lua/predibase/cli/failures.lua",
    ["predibase.cli.generate"] = "lua/predibase/cli/generate.lua",
    ["predibase.cli"] = "lua/predibase/cli/init.lua",
    ["predibase.cli.inputs"] = "lua/predibase/cli/inputs.lua",
    ["predibase.cli.mock"] = "lua/predibase/cli/mock.lua",
    ["predibase.cli.options"] = "lua/predibase/cli/options.lua",
    ["predibase.cli.output"] = "lua/predibase/cli/output.lua",
    ["predibase.cli.parser"] = "lua/predibase/cli/parser.lua",
    ["predibase.client"] = "lua/predibase/client.lua",
    ["predibase.config"] = "lua/predibase/config.lua",
    ["predibase.config.call"] = "lua/predibase/config/call.lua",
    ["predibase.config.defaults"] = "lua/predibase/config/defaults.lua",
    ["predibase.config.headers"] = "lua/predibase/config/headers.lua",
    ["predibase.config.host"] = "lua/predibase/config/host.lua",
    ["predibase.config.options"] = "lua/predibase/config/options.lua",
    ["predibase.config.safety"] = "lua/predibase/config/safety.lua",
    ["predibase.config.source"] = "lua/predibase/config/source.lua",
    ["predibase.config.url"] = "lua/predibase/config/url.lua",
    ["predibase.errors"] = "lua/predibase/errors.lua",
    ["predibase.event"] = "lua/predibase/event.lua",
    ["predibase.event.shape"] = "lua/predibase/event/shape.lua",
    ["predibase"] = "lua/predibase/init.lua",
    ["predibase.json"] = "lua/predibase/json.lua",
    ["predibase.json.encode"] = "lua/predibase/json/encode.lua",
    ["predibase.json.scan"] = "lua/predibase/json/scan.lua",
    ["predibase.loop.blocking"] = "lua/predibase/loop/blocking.lua",
    ["predibase.loop.cqueues"] = "lua/predibase/loop/cqueues.lua",
    ["predibase.loop.default"] = "lua/predibase/loop/default.lua",
    ["predibase.loop.heap"] = "lua/predibase/loop/heap.lua",
    ["predibase.loop.luv"] = "lua/predibase/loop/luv.lua",
    ["predibase.loop.sources"] = "lua/predibase/loop/sources.lua",
    ["predibase.loop.tasks"] = "lua/predibase/loop/tasks.lua",
    ["predibase.mock.child"] = "lua/predibase/mock/child.lua",
    ["predibase.mock.command"] = "lua/predibase/mock/command.lua",
    ["predibase.mock.connection"] = "lua/predibase/mock/connection.lua",
    ["predibase.mock.event"] = "lua/predibase/mock/event.lua",
    ["predibase.mock.faults"] = "lua/predibase/mock/faults.lua",
    ["predibase.mock.generate"] = "lua/predibase/mock/generate.lua",
    ["predibase.mock.generation"] = "lua/predibase/mock/generation.lua",
    ["predibase.mock.http"] = "lua/predibase/mock/http.lua",
    ["predibase.mock"] = "lua/predibase/mock/init.lua",
    ["predibase.mock.input"] = "lua/predibase/mock/input.lua",
    ["predibase.mock.lines"] = "lua/predibase/mock/lines.lua",
    ["predibase.mock.loop"] = "lua/predibase/mock/loop.lua",
    ["predibase.mock.model"] = "lua/predibase/mock/model.lua",
    ["predibase.mock.options"] = "lua/predibase/mock/options.lua",
    ["predibase.mock.random"] = "lua/predibase/mock/random.lua",
    ["predibase.mock.reply"] = "lua/predibase/mock/reply.lua",
    ["predibase.mock.routes"] = "lua/predibase/mock/routes.lua",
    ["predibase.mock.sampler"] = "lua/predibase/mock/sampler.lua",
    ["predibase.mock.schema"] = "lua/predibase/mock/schema.lua",
    ["predibase.mock.serde"] = "lua/predibase/mock/serde.lua",
    ["predibase.mock.serde_scan"] = "lua/predibase/mock/serde_scan.lua",
    ["predibase.mock.server"] = "lua/predibase/mock/server.lua",
    ["predibase.mock.spawn"] = "lua/predibase/mock/spawn.lua",
    ["predibase.mock.text"] = "lua/predibase/mock/text.lua",
    ["predibase.mock.text_advice"] = "lua/predibase/mock/text_advice.lua",
    ["predibase.mock.text_answers"] = "lua/predibase/mock/text_answers.lua",
    ["predibase.mock.text_stories"] = "lua/predibase/mock/text_stories.lua",
    ["predibase.mock.text_voices"] = "lua/predibase/mock/text_voices.lua",
    ["predibase.mock.tokenizer"] = "lua/predibase/mock/tokenizer.lua",
    ["predibase.mock.validation"] = "lua/predibase/mock/validation.lua",
    ["predibase.mock.writer"] = "lua/predibase/mock/writer.lua",
    ["predibase.names"] = "lua/predibase/names.lua",
    ["predibase.params"] = "lua/predibase/params.lua",
    ["predibase.params.adapters"] = "lua/predibase/params/adapters.lua",
    ["predibase.params.format"] = "lua/predibase/params/format.lua",
    ["predibase.params.kinds"] = "lua/predibase/params/kinds.lua",
    ["predibase.params.rules"] = "lua/predibase/params/rules.lua",
    ["predibase.queue"] = "lua/predibase/queue.lua",
    ["predibase.random"] = "lua/predibase/random.lua",
    ["predibase.request"] = "lua/predibase/request.lua",
    ["predibase.response"] = "lua/predibase/response.lua",
    ["predibase.response.failure"] = "lua/predibase/response/failure.lua",
    ["predibase.retry"] = "lua/predibase/retry.lua",
    ["predibase.stream"] = "lua/predibase/stream.lua",
    ["predibase.stream.steps"] = "lua/predibase/stream/steps.lua",
    ["predibase.template.date"] = "lua/predibase/template/date.lua",
    ["predibase.template.format"] = "lua/predibase/template/format.lua",
    ["predibase.template.guard"] = "lua/predibase/template/guard.lua",
    ["predibase.template.messages"] = "lua/predibase/template/messages.lua",
    ["predibase.template.trim"] = "lua/predibase/template/trim.lua",
    ["predibase.texts"] = "lua/predibase/texts.lua",
    ["predibase.transport.curl"] = "lua/predibase/transport/curl.lua",
    ["predibase.transport.curl.exchange"] = "lua/predibase/transport/curl/exchange.lua",
    ["predibase.transport.curl.group"] = "lua/predibase/transport/curl/group.lua",
    ["predibase.try"] = "lua/predibase/try.lua",
    ["predibase.utf8"] = "lua/predibase/utf8.lua",
    ["predibase.version"] = "lua/predibase/version.lua",
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
