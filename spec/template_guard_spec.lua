-- SPDX-License-Identifier: MIT
local guards = require "predibase.template.guard"
local random = require "spec.support.random"

local guard = guards.new({ "<s>", "</s>", "<|eot_id|>", "\n\n", " " },
  { "<|reserved_%d+|>" },
  { tags = { "[INST]" }, titles = { "Response" }, speakers = { "USER" } })

local function neutralised (text)
  return (assert(guard.admit(text, "neutralise")))
end

describe("a guard", function ()
  it("finds special tokens wherever they are", function ()
    assert.equal("</s>", guard.find "a</s>b")
    assert.equal("</s>", guard.find "<</s>/s>")
    assert.equal("<|reserved_12|>", guard.find "<|reserved_<|reserved_12|>")
    assert.is_nil(guard.find "a < s> <|eot_id |> [ INST] <|reserved_x|> \n\n")
  end)

  it("finds tokens in their own case only, plain marks in any case", function ()
    assert.is_nil(guard.find "</S> <|EOT_ID|>")
    assert.equal("[inst]", guard.find "a [inst] b")
    assert.equal("[InSt]", guard.find "[InSt]")
  end)

  it("finds titles at the beginning of a line", function ()
    assert.equal("### Response:", guard.find "### Response: x")
    assert.equal("  ## response:", guard.find "a\n  ## response:")
    assert.equal("#response:", guard.find "a\r#response:")
    assert.is_nil(guard.find "see ### Response: there")
    assert.is_nil(guard.find "### Responses:")
  end)

  it("finds speakers at the beginning of a line, in capitals anywhere", function ()
    assert.equal("user:", guard.find "a\n user:":match "%S+")
    assert.equal("USER:", guard.find "Fine. USER: next")
    assert.is_nil(guard.find "the user: Bob")
    assert.is_nil(guard.find "SUPERUSER: x")
  end)

  it("puts one space inside", function ()
    assert.equal("a< /s>b< |eot_id|>", neutralised "a</s>b<|eot_id|>")
    assert.equal("[ INST] x\n### Response :", neutralised "[INST] x\n### Response:")
    assert.equal("USER : a", neutralised "USER: a")
    assert.equal("< |reserved_1|>", neutralised "<|reserved_1|>")
  end)

  it("leaves no token where one contained another", function ()
    for _, text in ipairs { "<</s>/s>", "</</s>s>", "<s<s>>", "<|reserved_1<|reserved_2|>|>" } do
      assert.is_nil(guard.find(neutralised(text)), text)
    end
  end)

  it("refuses unless it is asked to neutralise", function ()
    local text, problem = guard.admit("a</s>", "refuse")
    assert.is_nil(text)
    assert.equal('has the special token "</s>" in its text; the option special_tokens_in_text = '
      .. '"neutralise" lets it pass as plain text', problem)
    assert.equal("a", guard.admit("a", "refuse"))
  end)

  it("leaves nothing to find in any text, and changes spaces only", function ()
    local source = random.new(20261123)
    local pieces = { "<", "</", "s>", "<s>", "</s>", "<|", "eot_id", "|>", "<|eot_id|>", "[", "]",
      "INST", "[INST]", "\n", "###", " ", "Response", ":", "USER", "<|reserved_7|>", "x",
      "\195\164" }
    for _ = 1, 2000 do
      local out = {}
      for i = 1, source:int(1, 12) do out[i] = source:pick(pieces) end
      local text = table.concat(out)
      local changed = neutralised(text)
      assert.is_nil(guard.find(changed), text)
      assert.equal((text:gsub(" ", "")), (changed:gsub(" ", "")))
      if not guard.find(text) then assert.equal(text, changed) end
    end
  end)

  it("neutralises thousands of tokens in one text", function ()
    local text = ("</s>"):rep(20000)
    assert.equal(("< /s>"):rep(20000), neutralised(text))
  end)

  it("finds the longest of the tokens that begin at one place", function ()
    local nested = guards.new { "<", "<a", "<a>", "<ab>", "\0x", "\195\164>" }
    assert.equal("<a", nested.find "x<a")
    assert.equal("<a>", nested.find "x<a>")
    assert.equal("<ab>", nested.find "x<ab>")
    assert.equal("<a\0<\0<a>", nested.sequence "<ac<d<a>")
    assert.equal("\0x", nested.find "a\0\0x")
    assert.equal("\195\164 >", (nested.admit("\195\164>", "neutralise")))
  end)

  it("looks for a thousand tokens in one pass", function ()
    local tokens = {}
    for i = 0, 1999 do tokens[i + 1] = ("<SPECIAL_%d>"):format(i) end
    local text = ("some words, <b>code</b> and <SPECIAL_> "):rep(2000)
    -- Counts the searches in the text; the module keeps string.find in a local variable.
    local find, count = string.find, 0
    string.find = function (...)         -- luacheck: ignore
      count = count + 1
      return find(...)
    end
    package.loaded["predibase.template.guard"] = nil
    local counted = require "predibase.template.guard"
    string.find = find                   -- luacheck: ignore
    package.loaded["predibase.template.guard"] = guards
    local function searches (number)
      local list = {}
      for i = 1, number do list[i] = tokens[i] end
      local some = counted.new(list)
      count = 0
      assert.is_nil(some.find(text))
      return count
    end
    assert.is_true(searches(10) > 2000)
    assert.equal(searches(10), searches(2000))
    assert.equal("<SPECIAL_1999>", guards.new(tokens).find(text .. "<SPECIAL_1999>"))
  end)

  it("distinguishes texts with different tokens", function ()
    assert.equal(guard.sequence "a<s>b</s>", guard.sequence "<s>xx</s>y")
    assert.not_equal(guard.sequence "a<s>b</s>", guard.sequence "<s>xx</s>y</s>")
    assert.is_true(guard.edges "a <")
    assert.is_false(guard.edges "a")
    assert.is_false(guard.edges(guard.blank "a < b > c | [d]: #"))
  end)

  it("checks only the ends of long texts, without white space", function ()
    local long = ("word "):rep(40) .. "<" .. (" word"):rep(40)
    assert.is_true(guard.suspicious(long))
    assert.is_false(guard.edges(long))
    assert.is_true(guard.edges(long .. "<"))
    assert.is_true(guard.edges("s>" .. long))
    assert.is_false(guard.edges(long .. (" "):rep(100)))
    assert.is_true(guard.edges(long .. "<" .. (" "):rep(100)))
    assert.is_true(guard.edges(("\194\160"):rep(50) .. "s>" .. long))
  end)

  it("finds nothing without tokens", function ()
    local none = guards.new {}
    assert.is_nil(none.find "</s>")
    assert.equal("</s>", none.admit("</s>", "refuse"))
    assert.is_false(none.edges "<>")
    assert.equal("<>", none.blank "<>")
  end)
end)
