-- SPDX-License-Identifier: MIT
-- Sends one question in the form that an adapter was trained with, and in a chat model's own
-- format. Run it with:
--   lua5.4 examples/template.lua [QUESTION]

local predibase = require "predibase"

local question = arg and arg[1] or "Name three rivers of France."

local client, err = predibase.new { defaults = { max_new_tokens = 40 } }
if not client then
  io.stderr:write(tostring(err), "\n")
  return os.exit(1)
end

--- Prints a prompt and the model's answer while it arrives.
local function ask (label, prompt, stop)
  print(("== %s\n%s"):format(label, prompt))
  local stream = client:generate_stream(prompt, { stop = stop, trim_stop = true })
  for piece in stream:texts() do
    io.write(piece)
    io.flush()
  end
  print("\n")
end

-- The form of the training data. The template is compiled once and rendered for every question.
local instruction = assert(predibase.template.new([[
Below is an instruction that describes a task.
{?style}
Answer in this style: {style}
{/style}

### Instruction:
{instruction}

### Response:]], { format = "alpaca" }))

local prompt, problem = instruction { instruction = question, style = "brief" }
if prompt then
  ask("a template", prompt, { "### Instruction:" })
else
  print(problem)            -- for example, when the question contains "### Response:"
end

-- The format of a chat model, selected by the name of its deployment.
local format = assert(predibase.template.for_model(
  os.getenv "PREDIBASE_DEPLOYMENT" or "mistral-7b-instruct-v0-2"))

local rendered, reason = format:render({
  { role = "user", content = question },
}, {
  add_generation_prompt = true,
  bos_token = false,        -- the server adds it
  special_tokens_in_text = "neutralise",
})
if rendered then
  ask("the format " .. format.name, rendered, format.stop)
else
  print(reason)
end
