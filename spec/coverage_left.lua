-- SPDX-License-Identifier: MIT
-- Why no test runs some lines: `make coverage` compares this with the lines that did not run.
-- Each group has a reason and ranges of lines by file. A range is given by the beginning of its
-- first line, and by the number of its lines with code if there are more than one. The lines of a
-- group with the field `sometimes` may run or not: it depends on the time and the machine. Any
-- other range whose lines ran has to be removed from here.

return {
  {
    reason = "It says what is wrong with a value. Other wrong values of the same kind are "
      .. "tested, and lead to the code beside it.",
    files = {
      ["lua/predibase/bulk.lua"] = {
        { "return refuse(\"rows in OpenAI's form have answers in OpenAI's form", 2 },
      },
      ["lua/predibase/bulk/answer_file.lua"] = {
        { 'return refused(self.path, ("the record has %d bytes, at most %d ca', 2 },
      },
      ["lua/predibase/bulk/dialects/openai_rows.lua"] = {
        'return nil, "`body` must be an object, got " .. checks.describe(va',
      },
      ["lua/predibase/bulk/merge/input_order.lua"] = {
        { 'return nil, errors.new { kind = "too_large", message = ("%s is lon', 2 },
      },
      ["lua/predibase/bulk/merge/merged_file.lua"] = {
        "return config_error(problem)",
      },
      ["lua/predibase/bulk/report.lua"] = {
        { 'return nil, errors.new { kind = "config",', 2 },
      },
      ["lua/predibase/bulk/rows.lua"] = {
        'usage.fail("expected a row as a table, got " .. value_checks.descr',
      },
      ["lua/predibase/bulk/run_options.lua"] = {
        'return refuse "format is for files; rows are tables"',
      },
      ["lua/predibase/chat/run_stream.lua"] = {
        'usage.fail(("stream:%s must be called with a colon on a stream"):f',
        'usage.fail "stream:result() before the end of the stream: read all',
      },
      ["lua/predibase/chat/saved.lua"] = {
        { 'return nil, errors.new { kind = "validation", phase = "request",', 2 },
      },
      ["lua/predibase/chat/session_options.lua"] = {
        "return refuse('over must be \"generate\" or \"chat\", got ' .. checks.",
        "return refuse(name .. ' cannot be used with over = \"chat\": the ser",
      },
      ["lua/predibase/cli/batch_command.lua"] = {
        { 'failures.usage("there is no file of rows",', 2 },
      },
      ["lua/predibase/cli/batch_command/merging.lua"] = {
        'failures.usage "--input-format, --input-columns and --input-no-quo',
      },
      ["lua/predibase/cli/inputs.lua"] = {
        { 'failures.usage(("there is no %s"):format(noun),', 2 },
      },
      ["lua/predibase/config.lua"] = {
        'return nil, "base_url must be a string or an array of strings, but',
      },
      ["lua/predibase/config/settings.lua"] = {
        'return nil, ("%s takes at most %d clients, got %d"):format(name, M',
      },
      ["lua/predibase/loop/tasks.lua"] = {
        'usage.fail "a coroutine that a task has made cannot wait for tasks',
      },
      ["lua/predibase/mock/openai_routes.lua"] = {
        'reply.refuse(context, "model_not_found", ("The model `%s` does not',
      },
      ["lua/predibase/mock/openai_routes/openai_chat.lua"] = {
        'return nil, ("Tool choice: there is no tool `%s`."):format(choice.',
      },
      ["lua/predibase/mock/openai_routes/openai_vectors.lua"] = {
        'return reply.refuse(context, "validation", "`dimensions` must be f',
      },
      ["lua/predibase/mock/server.lua"] = {
        'usage.fail(("options must be a table, got %s"):format(type(options',
      },
      ["lua/predibase/params/kinds.lua"] = {
        { 'return wrong(name, "an array of strings", value,', 2 },
      },
      ["lua/predibase/resty/limits/dict_store.lua"] = {
        { "return nil, errors.new {", 3 },
      },
      ["lua/predibase/resty/limits/redis_connection.lua"] = {
        'return ("%s must be a boolean, got %s"):format(name, checks.descri',
      },
      ["lua/predibase/resty/limits/redis_store.lua"] = {
        "failed(self, problem)",
        'return nil, errors.new { kind = "overloaded", phase = "request", m',
      },
      ["lua/predibase/resty/relay.lua"] = {
        'return ("%s must be a function, got %s"):format(name, checks.descr',
        'return ("%s must be a lease from limits:enter, got %s"):format(nam',
      },
      ["lua/predibase/template/jinja/convert.lua"] = {
        'return nil, ": an ordered object with a member that is not a pair"',
      },
      ["lua/predibase/template/jinja/filters.lua"] = {
        "raise((\"'%s' object is not reversible\"):format(values.type_name(v)",
      },
      ["lua/predibase/template/tokenizer_config.lua"] = {
        { "return nil, 'tool_calls must be \"hermes\", \"mistral\", \"llama\" or fa", 2 },
      },
      ["lua/predibase/template/tool_messages.lua"] = {
        'return nil, "they must be a list of calls" .. (why and ", this tab',
      },
      ["lua/predibase/transport/curl/group.lua"] = {
        'usage.fail("another coroutine is already waiting for this batch")',
      },
      ["lua/predibase/transport/resty/connect.lua"] = {
        'return failed("tls", "tls", "client_cert or client_key cannot be u',
        'return failed("timeout", "connect", "no TLS connection could be ma',
      },
      ["lua/predibase/transport/resty/exchange.lua"] = {
        'usage.fail("another coroutine is already waiting for this stream")',
      },
      ["lua/predibase/transport/resty/group.lua"] = {
        'usage.fail("another coroutine is already waiting for this batch")',
      },
    },
  },
  {
    reason = "The operating system, the disk or a library refuses a call or interrupts it, "
      .. "which no test can demand.",
    sometimes = true,
    files = {
      ["lua/predibase/bulk/answer_file.lua"] = {
        { "if handle then handle:close() end", 2 },
      },
      ["lua/predibase/bulk/merge/input_order.lua"] = {
        'return nil, problem or "it became shorter"',
      },
      ["lua/predibase/bulk/merge/merged_file.lua"] = {
        { "self:abandon()", 2 },
      },
      ["lua/predibase/bulk/rows.lua"] = {
        { "file:close()", 2 },
      },
      ["lua/predibase/client/shared.lua"] = {
        "copy.sites, problem = sites_of(owner.cfg, transport)",
      },
      ["lua/predibase/template/format.lua"] = {
        "return nil, problem",
      },
      ["src/exchange.c"] = {
        'return "the shared HTTP/2 connection was not opened";',
        'return "the connection was accepted, but its TLS or proxy handshak',
      },
      ["src/lua_append.c"] = {
        'return "this file system has no locks (NFS without a lock service,',
        "return error;",
        "return failed(L, o->file.path, error);",
        "return failed(L, o->file.path, error);",
        "error = RECORD_FILE_MIXED;",
        "return failed(L, o->file.path, error);",
      },
      ["src/lua_curl.c"] = {
        { "lua_pushnil(L);", 3 },
        { "lua_pushnil(L);", 3 },
      },
      ["src/lua_folder.c"] = {
        "return failed(L, path, error);",
      },
      ["src/poller.c"] = {
        "return (errno == EEXIST) ? epoll_ctl(w->fd, EPOLL_CTL_MOD, fd, &ev",
        "return -1;",
        "continue;",
      },
      ["src/pool.c"] = {
        { "static void on_fork (void) {", 3 },
        { "p->poller_failed = 1;  /* the current step reports it */", 2 },
        { '*why = "libcurl cannot be initialised";', 2 },
        { "static void fail_now (pool *p, exchange *x, const char *kind,", 5 },
        { "detach(p, x);", 3 },
      },
      ["src/record_file.c"] = {
        "return errno;",
        { "if (errno != EINTR)", 2 },
        "return 0;",
        "return errno == EACCES ? 0 : errno;",
        "error = errno;",
        "error = RECORD_FILE_IRREGULAR;",
        { "close(*fd);", 2 },
        "return errno == EWOULDBLOCK || errno == EAGAIN ? RECORD_FILE_LOCKE",
        "error = errno == ENOENT ? RECORD_FILE_REPLACED : errno;",
        "return errno;",
        { "if (errno != EINTR)", 2 },
        "return ENOSPC;  /* a system that writes nothing and gives no reaso",
      },
      ["src/socket_calls.h"] = {
        { "close(fd);", 2 },
      },
      ["src/sockets.c"] = {
        { "if (a.any.sa_family == AF_INET6) return ntohs(a.v6.sin6_port);", 2 },
      },
      ["src/whole_file.c"] = {
        "return ENAMETOOLONG;",
        "continue;",
        "return errno;",
        "return errno;",
        { "fchown(fd, other->st_uid, (gid_t)-1) != 0 && errno != EPERM)", 2 },
        { "fchown(fd, (uid_t)-1, other->st_gid) != 0) {", 4 },
        "return errno;",
        "error = errno;",
      },
    },
  },
  {
    reason = "A rare case: an interruption, a failure or a second coroutine at one certain "
      .. "moment. Some runs reach it by chance.",
    sometimes = true,
    files = {
      ["lua/predibase/batch.lua"] = {
        "jobs:recover()",
        { "self.by = false", 2 },
      },
      ["lua/predibase/batch/entries.lua"] = {
        "entry = M.LOST",
      },
      ["lua/predibase/batch/jobs.lua"] = {
        { "self:close(lost.prompt())", 2 },
        { "self.again:push(job)", 2 },
        'return not_sent(job, { kind = "timeout", message = "the time for t',
        "self.done:push(job)",
        "self.late:push(job)",
        { "if job.call then job.call:abandon() end", 2 },
      },
      ["lua/predibase/batch/lost.lua"] = {
        { "return errors.new {", 2 },
      },
      ["lua/predibase/call/admission.lua"] = {
        "elseif err.status then all:answered(server) end",
        { "self.probe = nil", 2 },
      },
      ["lua/predibase/chat.lua"] = {
        "session.messages[i] = nil",
        { "session.busy = nil", 2 },
      },
      ["lua/predibase/chat/run_stream.lua"] = {
        { "if opened then opened:close() end", 2 },
      },
      ["lua/predibase/cli/batch_command.lua"] = {
        { 'if type(made) ~= "string" or outside_errors.is_interrupt(made) or', 3 },
        { "pcall(work.shown.clear, work.shown)", 5 },
        { "shown:clear()", 2 },
      },
      ["lua/predibase/cli/chat_command.lua"] = {
        'io.stderr:write "(stopped)',
        "error(err, 0)",
      },
      ["lua/predibase/lazy.lua"] = {
        "package.loaded[other] = nil",
      },
      ["lua/predibase/loop/luv.lua"] = {
        { "self.waiting[co] = nil", 2 },
      },
      ["lua/predibase/loop/tasks.lua"] = {
        "task.ended, task.ok, task.results = true, false, { task.cancelled",
        "elseif not task.ok then group.failed = group.failed or task end",
        'finish(task, false, errors.new { kind = "cancelled", phase = "inte',
        "detached[co] = nil",
        "tasks[co] = nil",
      },
      ["lua/predibase/mock/answers.lua"] = {
        "return",
      },
      ["lua/predibase/mock/server.lua"] = {
        { 'context.entry.closed_by = "client"', 2 },
        { "if client.context then", 5 },
      },
      ["lua/predibase/mock/spawn.lua"] = {
        { "self.uv.process_kill(self.process, 9)", 2 },
      },
      ["lua/predibase/resty/counters.lua"] = {
        { "dict:incr(counter, -sum)", 2 },
        { "dict:incr(counter, -n)", 2 },
      },
      ["lua/predibase/resty/relay.lua"] = {
        { "local posted, why = nginx.wait(self.free, self.keep_alive)", 4 },
        { "self.stream:close()", 4 },
      },
      ["lua/predibase/stream.lua"] = {
        "return handle(self, self.held)",
      },
      ["lua/predibase/together.lua"] = {
        { "if outside_errors.is_interrupt(task.raised) then error(task.raised", 2 },
        "err = cancelled()         -- an interruption has prevented that al",
      },
      ["lua/predibase/transport/curl.lua"] = {
        { "local _, state = raw:next()", 2 },
      },
      ["lua/predibase/transport/curl/group.lua"] = {
        "for exchange in pairs(self.members) do self.moved:push(exchange) e",
      },
      ["lua/predibase/transport/resty/connect.lua"] = {
        'problem = "the proxy sent data after its response"',
      },
      ["lua/predibase/transport/resty/exchange.lua"] = {
        { 'fail(x, { kind = "connection", phase = phase_of(x), retryable = fa', 2 },
        { "x.running = false", 3 },
        "return",
      },
      ["lua/predibase/transport/resty/group.lua"] = {
        "return self.members[exchange] == true",
        { "local empty = not next(group.members)", 5 },
      },
    },
  },
  {
    reason = "Runs with another system, Lua, libcurl, TLS library or host program than those "
      .. "of `make coverage`. `make test`, `make matrix`, `make musl` and `make windows` "
      .. "run it.",
    sometimes = true,
    files = {
      ["lua/predibase/active.lua"] = {
        "return true, f(...)",
      },
      ["lua/predibase/chat/saved.lua"] = {
        'return config_error("session:save needs the C module predibase.rep',
      },
      ["lua/predibase/cli/mock_command.lua"] = {
        { 'failures.usage("the stand-in server needs luv, which is not instal', 2 },
      },
      ["lua/predibase/nginx.lua"] = {
        { 'local reason = require "resty.core.base".get_errmsg_ptr()[0]', 2 },
      },
      ["lua/predibase/requirements.lua"] = {
        'found = "a module that was built for another Lua"',
      },
      ["lua/predibase/requirements/libcurl_file.lua"] = {
        { 'local file = io.open(path, "rb")', 5 },
        { "local found", 8 },
        { 'local file = io.open(path, "rb")', 11 },
        { "local head = read(path, 0, 16384)", 5 },
      },
      ["lua/predibase/requirements/neovim_json.lua"] = {
        "end",
      },
      ["lua/predibase/together.lua"] = {
        "outcome = pack(true, f())",
        { "if RESUMABLE or outside_errors.is_interrupt(started) then error(st", 3 },
      },
      ["src/easy_cache.c"] = {
        { "static CURL *blank (CURL *easy) {", 6 },
        { "while (i > 0 && h->at[i].to != to) i--;", 8 },
        "else if ((easy = blank(easy)) == NULL) return;",
      },
      ["src/easy_setup.c"] = {
        'SET(s, CURLOPT_FORBID_REUSE, 1L, "to close connections after use")',
      },
      ["src/h2_unread.c"] = {
        "return 0;",
      },
      ["src/lua_interrupt.c"] = {
        "}",
      },
      ["src/sigpipe.c"] = {
        { "sigemptyset(&pipe_set);", 5 },
        { "sigpending(&pending);", 6 },
      },
      ["src/target.c"] = {
        { "target_drop(t);", 2 },
      },
      ["src/tls_pending.c"] = {
        "module = dlopen(NULL, RTLD_LAZY);",
        { "memcpy(&as_size, &address, sizeof as_size);", 2 },
        "return 1;",
      },
      ["src/transfer_error.c"] = {
        'says(x, "private key");',
        "(code == CURLE_BAD_FUNCTION_ARGUMENT && is_bad_key(x)))",
        { '(says(x, "unexpected eof") || says(x, "non-properly terminated") |', 2 },
      },
    },
  },
  {
    reason = "There is no memory. spec/c/host_memory*.c refuse each request, but not in this "
      .. "order, or in a process that ends without writing its counts.",
    sometimes = true,
    files = {
      ["src/done_set.c"] = {
        "return NULL;",
        "return -1;",
      },
      ["src/exchange.c"] = {
        'case HEAD_NOMEM: return stop(x, "memory", "not enough memory");',
        'return stop(x, "memory", "not enough memory");',
      },
      ["src/lua_exchange.c"] = {
        'return luaL_error(L, "not enough memory");',
        'return luaL_error(L, "not enough memory");',
        'return luaL_error(L, "not enough memory");',
        'return luaL_error(L, "not enough memory");',
      },
      ["src/lua_sse.c"] = {
        { "default:", 4 },
        'return luaL_error(L, "not enough memory");',
        'return luaL_error(L, "not enough memory");',
        'return luaL_error(L, "not enough memory");',
      },
      ["src/pool.c"] = {
        { '*why = "not enough memory";', 2 },
        'fail_now(p, x, "memory", "not enough memory");',
        'fail_now(p, x, code == CURLM_OUT_OF_MEMORY ? "memory" : "connectio',
        "*status = (code == CURLM_OUT_OF_MEMORY) ? POOL_NOMEM : POOL_BROKEN",
      },
      ["src/sse.c"] = {
        "return fail(p, SSE_NOMEM);",
      },
      ["src/timers.c"] = {
        "return -1;",
      },
    },
  },
  {
    reason = "No test yet: a rare combination of options, or a message for people.",
    files = {
      ["lua/predibase/bulk/answer_file.lua"] = {
        'return damaged(path, torn.line, "a quote is not closed")',
      },
      ["lua/predibase/bulk/destination.lua"] = {
        { "outside_errors.raise_if_outside(result, self.write, text)", 2 },
      },
      ["lua/predibase/bulk/dialects/row_template.lua"] = {
        'return ""',
        "return nil, err.message",
      },
      ["lua/predibase/bulk/evaluation/confusion.lua"] = {
        "return a.name < b.name",
      },
      ["lua/predibase/bulk/merge.lua"] = {
        "return nil, err",
      },
      ["lua/predibase/bulk/merge/input_order.lua"] = {
        { "self.more[key] = self.more[key] or {}", 3 },
        { "local file = self.files[math.floor(place / OFFSETS) + 1]", 3 },
        { "local sorted, at = {}, 0", 6 },
      },
      ["lua/predibase/bulk/records.lua"] = {
        "return raw",
      },
      ["lua/predibase/bulk/report/plots.lua"] = {
        { 'if value < 1e9 then return amounts.number(value / 1e6) .. " M" end', 2 },
      },
      ["lua/predibase/bulk/run.lua"] = {
        'return ("predibase.bulk.run (%d rows taken%s)"):format(self.taken,',
      },
      ["lua/predibase/chat/history.lua"] = {
        { 'local text = type(part) == "table" and part.text or part', 2 },
      },
      ["lua/predibase/chat/over_generate.lua"] = {
        'return random.id(session.client.shared.random):gsub("%W", ""):sub(',
      },
      ["lua/predibase/chat/run_stream.lua"] = {
        { 'return ("predibase.chat.run_stream (%s)"):format(self.err and "fai', 2 },
      },
      ["lua/predibase/classify.lua"] = {
        "members[#members + 1] = list[i]",
      },
      ["lua/predibase/cli/batch_command/ending.lua"] = {
        { 'say(("%-8s  %s to rows that the input does not have any more"):for', 2 },
        'what = ("%s, and %s cut off"):format(what, amounts.of(work.open, "',
        { 'texts[i] = ("%s in %s"):format(rate.requests and amounts.of(rate.r', 2 },
      },
      ["lua/predibase/cli/command_line/manual.lua"] = {
        "return described[command] or {}",
      },
      ["lua/predibase/cli/command_line/shared_options.lua"] = {
        "return offered[element]",
      },
      ["lua/predibase/cli/doctor_command.lua"] = {
        { 'if arguments[option] then return "--" .. option:gsub("_", "-") end', 3 },
        { 'return ("%s and %s"):format(source(arguments, "tenant_id", TENANT)', 2 },
        { 'local names = cfg.scheme == "https" and { "https_proxy", "HTTPS_PR', 6 },
        'return "check the address and the firewall; --connect-timeout and',
      },
      ["lua/predibase/cli/failures.lua"] = {
        "return \"the model's answer is wrong; with a --temperature above 0",
        '.. M.formats "  "',
      },
      ["lua/predibase/cli/inputs.lua"] = {
        "error(message, 0)",
      },
      ["lua/predibase/cli/output.lua"] = {
        'error(errors.new { kind = "protocol", message = "the answer cannot',
      },
      ["lua/predibase/cli/server_commands.lua"] = {
        { 'return nil, require("predibase.errors").new { kind = "protocol",', 2 },
      },
      ["lua/predibase/cli/slash_commands.lua"] = {
        { "talk.session, talk.path = session, path", 2 },
      },
      ["lua/predibase/cli/text_commands.lua"] = {
        { "return { label = result.label, probs = result.probs, num_classes =", 2 },
        { "local found = 0", 3 },
        'return ("%s%s',
      },
      ["lua/predibase/json.lua"] = {
        { "renew()", 4 },
      },
      ["lua/predibase/json/encode.lua"] = {
        'put "[]"',
      },
      ["lua/predibase/loop/cqueues.lua"] = {
        "return math.min(seconds or LOOK, LOOK)",
      },
      ["lua/predibase/mock/connection.lua"] = {
        { "self.owner.on_error(debug.traceback(self.thread, tostring(message)", 2 },
        { "self.uv.read_stop(self.handle)", 2 },
        { "self.stopped = false", 2 },
      },
      ["lua/predibase/mock/deployment.lua"] = {
        { 'reply.whole(context, 200, "text/html", "<!doctype html><title>Stan', 2 },
      },
      ["lua/predibase/mock/faults.lua"] = {
        "return nil",
      },
      ["lua/predibase/mock/foreground.lua"] = {
        { "complain(message)", 2 },
      },
      ["lua/predibase/mock/http.lua"] = {
        "if #self.input > 8192 or not self:more() then return nil end",
      },
      ["lua/predibase/mock/openai_routes/openai_bodies.lua"] = {
        { 'if type(value) ~= "table" or not value.array then return nil end', 7 },
        { 'if type(value) ~= "table" or not value.array then return nil end', 10 },
      },
      ["lua/predibase/mock/openai_routes/openai_text.lua"] = {
        { "if from >= 1 and text:sub(from, -2) == stop then return text:sub(1", 2 },
        "list[2] = completion_json(request, \"\", ',\"usage\":' .. M.usage_json",
      },
      ["lua/predibase/mock/structured.lua"] = {
        "return json.string(item)",
      },
      ["lua/predibase/mock/tool_model.lua"] = {
        "return lower:find(text:lower(), 1, true) ~= nil",
      },
      ["lua/predibase/python_strings.lua"] = {
        { "return char(0xF0 + floor(n / 262144), 0x80 + floor(n / 4096) % 64,", 2 },
        "return nil",
      },
      ["lua/predibase/schema.lua"] = {
        { "for i = 1, #kind do", 3 },
      },
      ["lua/predibase/template/built_in/writers.lua"] = {
        "return ('it cannot write a message of role \"%s\"; a model",
      },
      ["lua/predibase/template/guard.lua"] = {
        "return nil",
      },
      ["lua/predibase/template/jinja/convert.lua"] = {
        'return values.integer(("%d"):format(v))',
      },
      ["lua/predibase/template/jinja/grammar.lua"] = {
        "inner = call(s, inner)",
      },
      ["lua/predibase/template/jinja/operators.lua"] = {
        "return false",
      },
      ["lua/predibase/template/tokenizer_config.lua"] = {
        "return false",
      },
      ["lua/predibase/transport/curl/view.lua"] = {
        { "local n = 0", 4 },
      },
    },
  },
}
