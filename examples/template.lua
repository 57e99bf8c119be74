-- SPDX-License-Identifier: MIT
-- One question in the form that an adapter was trained with, and in a chat model's own format.
-- Run it as it is:
--   lua5.4 examples/template.lua [QUESTION]

local predibase = require "predibase"

local question = arg and arg[1] or "Name three rivers of France."

local client, err = predibase.new { defaults = { max_new_tokens = 40 } }
if not client then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end

--- Shows a prompt and what the model makes of it, as it comes.
local function ask(label, prompt, stop)
  print(("== %s\n%s"):format(label, prompt))
  local stream = client:generate_stream(prompt, { stop = stop, trim_stop = true })
  for piece in stream:texts() do
    io.write(piece)
    io.flush()
  end
  print("\n")
end

-- The form of the training data: written once, filled in for every question.
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
  print(problem)            -- such as a question that has "### Response:" in it
end

-- The format of a chat model, found by the name of its deployment.
local format = assert(predibase.template.for_model(
  os.getenv "PREDIBASE_DEPLOYMENT" or "mistral-7b-instruct-v0-2"))

prompt, problem = format:render({
  { role = "user", content = question },
}, {
  add_generation_prompt = true,
  bos_token = false,        -- the server puts it in front
  special_tokens_in_text = "neutralise",
})
if prompt then
  ask("the format " .. format.name, prompt, format.stop)
else
  print(problem)
end
