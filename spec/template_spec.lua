-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local template = require "predibase.template"

local function format_of (name)
  return assert(template.for_model(name)).name
end

local function refused (fn, name)
  local result, err = fn(name)
  assert.is_nil(result)
  assert.is_true(errors.is(err))
  assert.equal("template", err.kind)
  return err.message
end

describe("predibase.template", function ()
  it("is loaded when it is first used", function ()
    local predibase = require "predibase"
    assert.equal(template, predibase.template)
    assert.equal(template, rawget(predibase, "template"))
    assert.is_nil(predibase.templates)
  end)

  it("recognises templates and formats", function ()
    local t, format = assert(template.new "{a}"), assert(template.chat "llama-3")
    assert.is_true(template.is_template(t))
    assert.is_false(template.is_template(format))
    assert.is_false(template.is_template "{a}")
    assert.is_true(template.is_format(format))
    assert.is_false(template.is_format(t))
    assert.is_false(template.is_format(nil))
  end)

  it("has the reader of ordered JSON", function ()
    assert.equal(require "predibase.template.ordered", template.ordered)
  end)

  it("lists its formats", function ()
    local list = template.formats()
    assert.is_true(#list >= 30)
    for _, name in ipairs(list) do assert.equal(name, assert(template.chat(name)).name) end
    list[1] = nil
    assert.is_truthy(template.formats()[1])
  end)
end)

describe("every format", function ()
  for _, name in ipairs(template.formats()) do
    local format = assert(template.chat(name))

    it(name .. " knows its source, its stop sequences and its special tokens", function ()
      assert.matches("%S/%S", format.source)
      assert.is_true(#format.stop >= 1 and #format.stop <= 4)
      for _, list in ipairs { format.stop, format.special_tokens } do
        for _, token in ipairs(list) do assert.is_true(type(token) == "string" and token ~= "") end
      end
    end)

    it(name .. " lets no special token of its own through", function ()
      local tokens = { format.bos_token, format.eos_token }
      for _, token in ipairs(format.special_tokens) do tokens[#tokens + 1] = token end
      for _, token in ipairs(format.stop) do tokens[#tokens + 1] = token end
      for _, token in ipairs(tokens) do
        local messages = { { role = "user", content = token .. " x" } }
        assert.matches("special token", refused(function () return format:render(messages) end))
        local text = assert(format:render(messages, { special_tokens_in_text = "neutralise" }))
        local plain = assert(format:render { { role = "user", content = "y x" } })
        assert.equal(format.guard.sequence(plain), format.guard.sequence(text), token)
      end
    end)

    it(name .. " leaves out the token that the server puts in front", function ()
      local messages = { { role = "user", content = "Hi" } }
      local whole = assert(format:render(messages))
      local rest = assert(format:render(messages, { bos_token = false }))
      if format.bos_token and whole:sub(1, #format.bos_token) == format.bos_token then
        assert.equal(whole, format.bos_token .. rest)
      else
        assert.equal(whole, rest)
      end
    end)

    it(name .. " says what it cannot write", function ()
      local _, err = format:render {}
      assert.matches(('^chat format "%s": there are no messages$'):format(
        (name:gsub("%p", "%%%0"))), err.message)
    end)
  end

  it("keeps white space around parts of tokens unchanged", function ()
    for _, name in ipairs(template.formats()) do
      local format = template.chat(name)
      for _, token in ipairs(format.special_tokens) do
        for cut = 1, #token - 1 do
          for _, piece in ipairs { token:sub(1, cut), token:sub(cut + 1) } do
            local text = format:render({ { role = "user", content = piece } })
            local plain = format:render { { role = "user", content = "x" } }
            -- Written or refused, but never with a token more.
            if text then
              assert.equal(format.guard.sequence(plain), format.guard.sequence(text), piece)
            end
          end
        end
      end
    end
  end)
end)

describe("an unknown role", function ()
  local function tool (name)
    local format = template.chat(name)
    return refused(function ()
      return format:render { { role = "user", content = "x" }, { role = "tool", content = "x" } }
    end)
  end

  it("is an error, even if the published template omits the message", function ()
    for _, name in ipairs { "zephyr", "phi-3", "deepseek-r1", "solar" } do
      assert.matches('cannot write a message of role "tool", only of assistant, system, user',
        tool(name), name)
    end
    for _, name in ipairs { "llama-2" } do
      assert.matches('cannot write a message of role "tool", only of assistant, user', tool(name))
    end
    for _, name in ipairs { "gemma", "gemma-3" } do
      assert.matches('cannot write a message of role "tool"', tool(name), name)
    end
  end)

  it("is written by formats that accept any role", function ()
    local format = template.chat "chatml"
    assert.equal("<|im_start|>tool\nx<|im_end|>\n",
      (format:render { { role = "tool", content = "x" } }))
    assert.equal("<|begin_of_text|><|start_header_id|>critic-2<|end_header_id|>\n\nx<|eot_id|>",
      (template.chat "llama-3":render { { role = "critic-2", content = "x" } }))
  end)
end)

describe("template.chat", function ()
  it("finds a format by its name in any spelling", function ()
    assert.equal("llama-3.1", assert(template.chat "llama-3.1").name)
    assert.equal("llama-3.1", assert(template.chat "LLAMA_3_1").name)
    assert.equal(template.chat "chatml", template.chat "ChatML")
  end)

  it("lists the formats for other names, the nearest first", function ()
    assert.matches('^"lama%-3": no chat format is called that; there are llama%-3, ',
      refused(template.chat, "lama-3"))
    assert.matches("there are mistral%-nemo, mistral%-v0.1", refused(template.chat, "mistral"))
    assert.matches("there are alpaca, chatml", refused(template.chat, ""))
    assert.error_matches(function () template.chat() end, "takes a name as a string, got a nil")
  end)
end)

describe("template.for_model", function ()
  it("finds the formats of deployments and models", function ()
    for name, expected in pairs {
      ["mistral-7b-instruct-v0-2"] = "mistral-v0.2",
      ["mistralai/Mistral-7B-Instruct-v0.1"] = "mistral-v0.1",
      ["mistral-7b-instruct"] = "mistral-v0.2", ["mistral-7b-instruct-v0-3"] = "mistral-v0.3",
      ["mistralai/Mistral-Nemo-Instruct-2407"] = "mistral-nemo",
      ["mistral-nemo-12b-instruct-2407"] = "mistral-nemo",
      ["mixtral-8x7b-instruct-v0-1"] = "mixtral",
      ["mistralai/Mixtral-8x22B-Instruct-v0.1"] = "mistral-v0.3",
      ["llama-2-7b-chat"] = "llama-2", ["meta-llama/Llama-2-70b-chat-hf"] = "llama-2",
      ["codellama-13b-instruct"] = "codellama", ["codellama-70b-instruct"] = "codellama-70b",
      ["llama-3-8b-instruct"] = "llama-3", ["meta-llama/Meta-Llama-3-70B-Instruct"] = "llama-3",
      ["llama-3-1-8b-instruct"] = "llama-3.1", ["llama-3-2-1b-instruct"] = "llama-3.2",
      ["meta-llama/Meta-Llama-3.1-8B-Instruct"] = "llama-3.1",
      ["meta-llama/Llama-3.3-70B-Instruct"] = "llama-3.3",
      ["zephyr-7b-beta"] = "zephyr", ["HuggingFaceH4/zephyr-7b-beta"] = "zephyr",
      ["gemma-2b-instruct"] = "gemma", ["google/gemma-1.1-7b-it"] = "gemma",
      ["gemma-2-27b-instruct"] = "gemma", ["google/gemma-2-9b-it"] = "gemma",
      ["google/gemma-3-4b-it"] = "gemma-3", ["phi-3-mini-4k-instruct"] = "phi-3",
      ["phi-3-5-mini-instruct"] = "phi-3.5",
      ["microsoft/Phi-3-medium-4k-instruct"] = "phi-3-medium",
      ["microsoft/phi-4"] = "phi-4", ["microsoft/Phi-4-mini-instruct"] = "phi-4-mini",
      ["qwen2-5-7b-instruct"] = "qwen-2.5", ["Qwen/Qwen2.5-Coder-7B-Instruct"] = "qwen-2.5",
      ["Qwen/Qwen3-8B"] = "qwen-3", ["qwen3-30b-a3b"] = "qwen-3",
      ["Qwen/Qwen3-4B-Instruct-2507"] = "qwen-3-2507",
      ["mistralai/Mistral-Large-Instruct-2411"] = "mistral-v7",
      ["Qwen/Qwen2-1.5B-Instruct"] = "qwen-2", ["Qwen/Qwen1.5-72B-Chat"] = "qwen-1.5",
      ["CohereForAI/c4ai-command-r-v01"] = "command-r",
      ["upstage/SOLAR-10.7B-Instruct-v1.0"] = "solar",
      ["deepseek-ai/deepseek-llm-7b-chat"] = "deepseek-llm",
      ["deepseek-ai/deepseek-coder-6.7b-instruct"] = "deepseek-coder",
      ["deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct"] = "deepseek-v2",
      ["deepseek-ai/DeepSeek-V3"] = "deepseek-v3", ["deepseek-ai/DeepSeek-R1"] = "deepseek-r1",
      ["deepseek-r1-distill-qwen-32b"] = "deepseek-r1", ["lmsys/vicuna-7b-v1.5"] = "vicuna",
      ["teknium/OpenHermes-2.5-Mistral-7B"] = "chatml", ["llama-3.1"] = "llama-3.1",
    } do
      assert.equal(expected, format_of(name), name)
      assert.equal(expected, format_of(name:upper():gsub("-", "_")), name)
    end
  end)

  it("says that a model's format is not built in", function ()
    for _, name in ipairs { "Qwen/QwQ-32B", "Qwen/Qwen3-Coder-30B-A3B-Instruct",
      "solar-pro-preview-instruct", "gemma-3n-e4b-it", "deepseek-ai/DeepSeek-V3.1",
      "microsoft/Phi-4-multimodal-instruct",
      "llama-4-scout-instruct" }
    do
      assert.matches("from_tokenizer_config takes the model's own",
        refused(template.for_model, name), name)
    end
  end)

  it("says that a model is a base model", function ()
    for name, expected in pairs { ["mistral-7b"] = "mistral-v0.2", ["llama-3-1-8b"] = "llama-3.1",
      ["meta-llama/Llama-2-7b-hf"] = "llama-2", ["google/gemma-2-9b"] = "gemma" } do
      assert.matches("looks like a base model.*has \"" .. expected:gsub("%p", "%%%0"),
        refused(template.for_model, name), name)
    end
  end)

  it("lists the formats for other names", function ()
    assert.matches('^"gpt%-9": no chat format is known for it; there are ',
      refused(template.for_model, "gpt-9"))
    assert.error_matches(function () template.for_model {} end, "takes a name as a string")
  end)
end)
