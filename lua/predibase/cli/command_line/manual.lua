-- SPDX-License-Identifier: MIT
--- What a command's help and its manual page say besides its options: notes, environment
-- variables, files, exit codes and examples.
--
-- The end of `--help` is made from it, and so are the pages of `man` (tools/pages.lua), so that
-- each text is written once.
-- @module predibase.cli.command_line.manual

local failures = require "predibase.cli.failures"

local M = {}

--- The day on which these texts were last changed by hand: the date of the pages until a release.
M.DATE = "2026-11-28"

--- The environment variables of the commands that call a server: array of `{ name, meaning }`.
M.SERVICE = {
  { "PREDIBASE_API_TOKEN", "The API token. It cannot be an argument, because every user of the "
    .. "machine could read it there." },
  { "PREDIBASE_TENANT_ID", "The tenant of the deployment, as --tenant-id." },
  { "PREDIBASE_DEPLOYMENT", "The name of the deployment, as --deployment." },
  { "PREDIBASE_MODEL", "The same; used if PREDIBASE_DEPLOYMENT is not set." },
  { "PREDIBASE_BASE_URL", "The address of a server of your own, as --base-url; replaces tenant and "
    .. "deployment." },
  { "http_proxy", "The proxy for http, as --proxy." },
  { "https_proxy", "The proxy for https, as --proxy." },
  { "no_proxy", "Names of hosts for which no proxy is used, with commas between them." },
  { "SSL_CERT_FILE", "File of the certificate authorities to trust, as --ca-file." },
}

--- The variable of `predibase chat`.
M.HISTORY = { "PREDIBASE_HISTORY",
  "File for the history of questions; none is kept if it is empty." }

--- The variables of `predibase batch --shard auto`.
M.SHARDS = {
  { "SLURM_ARRAY_TASK_ID", "The number of this part in an array of Slurm, for --shard auto. "
    .. "SLURM_ARRAY_TASK_MIN, _MAX and _STEP tell how many there are." },
  { "JOB_COMPLETION_INDEX", "The number of this part in an indexed job of Kubernetes, for "
    .. "--shard auto/N." },
}

--- The variable of `predibase mock`.
M.MOCK = { { "PREDIBASE_MOCK_TOKEN", "The API token that clients must send." } }

--- The exit codes of `predibase mock`, as those of `predibase.cli.failures`.
M.MOCK_CODES = {
  { 0, "success", "ended by Ctrl-C, SIGTERM or one of the limits" },
  { 1, nil, "the server could not start, for example because the port is in use" },
  { 64, nil, "wrong use of the command" },
}

--- Examples by command: arrays of `{ what it does, the command line }`. Long lines are continued
-- with a backslash.
M.EXAMPLES = {
  predibase = {
    { "Try everything out without an account", [[
predibase mock --port 8090 &
export PREDIBASE_BASE_URL=http://127.0.0.1:8090
predibase generate "What is your name?"]] },
  },
  generate = {
    { "Stream an answer, and print how fast it came", [[
predibase generate --max-new-tokens 40 --stats "Tell me a story"]] },
    { "Answer with an adapter, from a template", [[
predibase generate --adapter-id mails/3 --template prompt.txt \
  --var mail=@mail.txt]] },
    { "Answer with JSON that fits a schema", [[
predibase generate --schema town.json "A town as JSON:" | jq .name]] },
    { "See what is sent and received", [[
predibase generate --verbose --max-new-tokens 5 Hello]] },
  },
  chat = {
    { "Talk to a model", [[
predibase chat --format llama-3.1 --system "Be brief."]] },
    { "Ask one question from a script", [[
echo "Name a river." | predibase chat --format llama-3.1]] },
  },
  batch = {
    { "Fill the rows of a file into a template", [[
predibase batch questions.csv --template prompt.txt --out answers.jsonl]] },
    { "Compare the answers with a column, and write a page about it", [[
predibase batch mails.csv --prompt-template "Label this mail: {text}" \
  --adapter-id mails/3 --evaluate label --report mails.html \
  --out labels.csv]] },
    { "Answer lines of standard input", [[
predibase batch - --format lines < prompts.txt | head]] },
    { "Do a part of the work on this machine, and join the parts afterwards", [[
predibase batch big.jsonl --out big.out.jsonl --shard 3/8
predibase batch merge big.out.jsonl]] },
  },
  ["batch-merge"] = {
    { "Join the shards in the order of the input", [[
predibase batch merge answers.jsonl --input questions.jsonl --ordered]] },
  },
  embed = {
    { "Print the vector of each line", [[
predibase embed --lines --file questions.txt > vectors.jsonl]] },
  },
  classify = {
    { "Print the names in a text", [[
predibase classify "Ada lives in London."]] },
  },
  tokenize = {
    { "Count the tokens of a prompt", [[
predibase tokenize --count --file prompt.txt]] },
  },
  info = {
    { "Print the server's limit of input tokens", [[
predibase info --json | jq .max_input_length]] },
  },
  health = {
    { "Wait until the server can answer", [[
until predibase health; do sleep 5; done]] },
  },
  metrics = {
    { "Print the lengths of the server's queues", [[
predibase metrics | grep queue]] },
  },
  request = {
    { "Read a path of the server", [[
predibase request GET /info]] },
    { "Send a body from a file", [[
predibase request POST /tokenize @body.json]] },
  },
  doctor = {
    { "Check a server of your own", [[
predibase doctor --base-url http://127.0.0.1:8080]] },
  },
  mock = {
    { "Start a stand-in server on a certain port, which refuses a tenth of all requests", [[
predibase mock --port 8090 --fault-rate 0.1]] },
  },
}

--- Joins two arrays.
-- @tparam table first
-- @tparam table second
-- @treturn table
function M.joined (first, second)
  local all = {}
  for _, list in ipairs { first, second } do
    for _, item in ipairs(list) do all[#all + 1] = item end
  end
  return all
end

local function environment_text (variables)
  local names = {}
  for i, pair in ipairs(variables) do names[i] = pair[1] end
  return failures.wrapped("Environment: " .. table.concat(names, ", ") .. ".", "")
end

local function examples_text (examples)
  local lines = {}
  for _, pair in ipairs(examples) do
    for line in pair[2]:gmatch "[^\n]+" do lines[#lines + 1] = "  " .. line end
  end
  return (#examples > 1 and "Examples:\n" or "Example:\n") .. table.concat(lines, "\n")
end

local described = setmetatable({}, { __mode = "k" })      -- command of argparse -> its parts

--- Describes a command, and puts the description at the end of its help.
-- @tparam table command of argparse
-- @tparam table parts
--
-- * `notes`: array of texts in lines of at most 80 columns; empty lines divide paragraphs, and a
--   line that begins with two blanks is an item of a list
-- * `environment`: array of `{ name, meaning }`
-- * `files`: array of `{ path, meaning }`, for the manual page only
-- * `codes`: array of `{ number, name, meaning }`; those of all commands when it is nil
-- * `own_codes`: a text about codes that only this command has
-- * `examples`: array of `{ what it does, the command line }`
function M.describe (command, parts)
  described[command] = parts
  local texts = {}
  for _, note in ipairs(parts.notes or {}) do texts[#texts + 1] = note end
  if parts.examples then texts[#texts + 1] = examples_text(parts.examples) end
  if parts.environment then
    texts[#texts + 1] = environment_text(parts.environment)
  end
  texts[#texts + 1] = parts.own_codes
  texts[#texts + 1] = failures.help(parts.codes)
  command:epilog(table.concat(texts, "\n\n"))
end

--- Returns the description of a command.
-- @tparam table command of argparse
-- @treturn table the `parts` of `describe`
function M.of (command)
  return described[command] or {}
end

return M
