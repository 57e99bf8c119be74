-- SPDX-License-Identifier: MIT
--- Makes the batch of a client's `generate_many`.
-- @module predibase.batch.open

local batch = require "predibase.batch"
local call_options = require "predibase.call.options"
local gate = require "predibase.batch.gate"
local prompts = require "predibase.batch.prompts"

local M = {}

--- Makes the batch.
-- @tparam table client
-- @tparam table|function entries prompts, or what `render` makes prompts of
-- @tparam table how `concurrency`, `retry_generation`; `parameters` and `of_call`, split options;
-- `prepare`, which makes the call of a prompt from the client, the prompt and such options;
-- `render`, see `predibase.batch.prompts`
-- @treturn table the batch
-- @raise for what no program should contain
function M.open(client, entries, how)
  local most = batch.concurrency(how.concurrency)
  local again = batch.retry_generation(how.retry_generation)
  local prepare, render = how.prepare, how.render
  local source, count = prompts.new(entries, call_options.whole, render)
  local now = client.shared.now
  return batch.new {
    prompts = source, count = count, most = most, retry_generation = again,
    group = client.transport:group(), now = now,
    gate = gate.new { most = most, pause = client.pause, now = now,
      random = client.shared.random },
    -- The options stay in here: whoever walks over a batch finds no token.
    prepare = function (entry, index)
      if render then
        local problem
        entry, problem = render(entry)
        if not entry then return nil, problem end
      end
      local prompt, own = prompts.split(entry, call_options.whole, ("prompt %d"):format(index))
      return prepare(client, prompt, call_options.over(how.parameters, how.of_call, own))
    end,
  }
end

return M
