-- SPDX-License-Identifier: MIT
-- The modules of the library, in the groups of the API reference. `make docs` fails when a module
-- is in neither list, or when a name in a list is not that of a module.
-- `NAME.*` stands for all modules below NAME that are not listed by name.

local M = {}

-- What a program requires, and the modules of the objects that it gets.
M.public = {
  { "Client", "predibase", "predibase.client", "predibase.config", "predibase.params",
    "predibase.adapter" },
  { "Messages", "predibase.wire_messages", "predibase.image", "predibase.tools" },
  { "Vectors", "predibase.similarity" },
  { "Results and errors", "predibase.response", "predibase.stream", "predibase.errors" },
  { "Prompts and chats", "predibase.template", "predibase.template.text_template",
    "predibase.template.format", "predibase.template.tokenizer_config",
    "predibase.template.ordered", "predibase.template.jinja", "predibase.chat",
    "predibase.chat.run_stream", "predibase.reasoning" },
  { "Many calls", "predibase.batch", "predibase.async" },
  { "Bulk runs", "predibase.bulk", "predibase.bulk.run", "predibase.bulk.rows",
    "predibase.bulk.shards", "predibase.bulk.evaluation", "predibase.bulk.figures" },
  { "Loops", "predibase.loop.blocking", "predibase.loop.luv", "predibase.loop.cqueues" },
  { "OpenResty", "predibase.resty", "predibase.resty.relay", "predibase.resty.limits",
    "predibase.resty.answer", "predibase.resty.openai_answers" },
  { "Testing", "predibase.mock", "predibase.mock.server", "predibase.mock.spawn",
    "predibase.mock.faults" },
  { "Files and text", "predibase.json", "predibase.files", "predibase.utf8",
    "predibase.validator" },
}

-- Everything else: may change in any release.
M.internal = {
  { "One call", "predibase.generate", "predibase.chat_completion", "predibase.completion",
    "predibase.openai_api", "predibase.choices", "predibase.chat_delta", "predibase.forced_call",
    "predibase.request", "predibase.call", "predibase.retry",
    "predibase.event", "predibase.stream.*", "predibase.stop_sequences",
    "predibase.tokenize", "predibase.headers", "predibase.response_headers",
    "predibase.random", "predibase.version",
    "predibase.requirements", "predibase.requirements.*", "predibase.response.*", "predibase.lazy",
    "predibase.for_failures", "predibase.errors.safe_text",
    "predibase.loading", "predibase.host", "predibase.json_answer", "predibase.paths" },
  { "Other routes", "predibase.info", "predibase.metrics", "predibase.embed",
    "predibase.classify", "predibase.parts", "predibase.raw_request" },
  { "Options and parameters", "predibase.config.*", "predibase.params.*",
    "predibase.response_format", "predibase.schema", "predibase.validator.*",
    "predibase.value_checks", "predibase.option_names", "predibase.usage" },
  { "Deployments", "predibase.throttle", "predibase.throttle.*", "predibase.replicas",
    "predibase.readiness", "predibase.server_limits", "predibase.trace_context",
    "predibase.call.*", "predibase.client.*" },
  { "Network", "predibase.transport", "predibase.transport.*", "predibase.nginx" },
  { "C modules", "predibase.curl", "predibase.sse", "predibase.replace", "predibase.folder",
    "predibase.append", "predibase.done", "predibase.interrupt", "predibase.descriptor",
    "predibase.json_text", "predibase.text_filter" },
  { "Waiting", "predibase.loop.*", "predibase.active", "predibase.outside_errors", "predibase.heap",
    "predibase.queue", "predibase.together" },
  { "Many calls", "predibase.batch.*" },
  { "Bulk runs", "predibase.bulk.*", "predibase.amounts" },
  { "Prompts and chats", "predibase.rendering", "predibase.chat.*", "predibase.template.*",
    "predibase.python_strings" },
  { "JSON", "predibase.json.*", "predibase.base64" },
  { "OpenResty", "predibase.resty.*" },
  { "The command", "predibase.cli", "predibase.cli.*" },
  { "The stand-in server", "predibase.mock.*" },
}

return M
