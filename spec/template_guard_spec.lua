-- SPDX-License-Identifier: MIT
local guards = require "predibase.template.guard"
local random = require "spec.support.random"

local guard = guards.new({ "<s>", "</s>", "<|eot_id|>", "\n\n", " " },
  { "<|reserved_%d+|>" },
  { tags = { "[INST]" }, titles = { "Response" }, speakers = { "USER" } })

local function neutralised(text)
  return (assert(guard.admit(text, "neutralise")))
end

describe("a guard", function ()
  it("finds special tokens wherever they are", function ()
    assert.equal("</s>", guard.find "a</s>b")
    assert.equal("</s>", guard.find "<</s>/s>")
    assert.equal("<|reserved_12|>", guard.find "<|reserved_<|reserved_12|>")
    assert.is_nil(guard.find "a < s> <|eot_id |> [ INST] <|reserved_x|> \n\n")
  end)

  it("finds real tokens in their own letters only, plain marks in any", function ()
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

  it("leaves no token where one was in another", function ()
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

  it("takes time that grows with the text, not with its square", function ()
    local text = ("</s>"):rep(20000)
    assert.equal(("< /s>"):rep(20000), neutralised(text))
  end)

  it("takes the longest of the tokens that begin at one place", function ()
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
    local function time(count)
      local list = {}
      for i = 1, count do list[i] = tokens[i] end
      local some = guards.new(list)
      local start = os.clock()
      for _ = 1, 20 do assert.is_nil(some.find(text)) end
      return os.clock() - start
    end
    -- As many passes as tokens would take more than a hundred times as long.
    local few, all = time(10), time(2000)
    assert.is_true(all < 20 * few + 0.02, ("%.3f s, %.3f s"):format(few, all))
    assert.equal("<SPECIAL_1999>", guards.new(tokens).find(text .. "<SPECIAL_1999>"))
  end)

  it("tells two texts with other tokens apart", function ()
    assert.equal(guard.sequence "a<s>b</s>", guard.sequence "<s>xx</s>y")
    assert.are_not.equal(guard.sequence "a<s>b</s>", guard.sequence "<s>xx</s>y</s>")
    assert.is_true(guard.edges "a <")
    assert.is_false(guard.edges "a")
    assert.is_false(guard.edges(guard.blank "a < b > c | [d]: #"))
  end)

  it("looks at the ends of long texts only, behind white space", function ()
    local long = ("word "):rep(40) .. "<" .. (" word"):rep(40)
    assert.is_true(guard.suspicious(long))
    assert.is_false(guard.edges(long))
    assert.is_true(guard.edges(long .. "<"))
    assert.is_true(guard.edges("s>" .. long))
    assert.is_false(guard.edges(long .. (" "):rep(100)))
    assert.is_true(guard.edges(long .. "<" .. (" "):rep(100)))
    assert.is_true(guard.edges(("\194\160"):rep(50) .. "s>" .. long))
  end)

  it("without tokens finds nothing", function ()
    local none = guards.new {}
    assert.is_nil(none.find "</s>")
    assert.equal("</s>", none.admit("</s>", "refuse"))
    assert.is_false(none.edges "<>")
    assert.equal("<>", none.blank "<>")
  end)
end)
