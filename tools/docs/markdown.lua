-- SPDX-License-Identifier: MIT
-- Converts Markdown to HTML for LDoc with cmark-gfm, the reference implementation of GitHub's
-- Markdown. LDoc requires this module by the name in its setting `format`. It adds what GitHub
-- adds itself, the anchors of headings, and corrects the code blocks that LDoc has converted.

--- Returns the anchor that GitHub gives a heading.
local function anchor_of (html)
  local text = html:gsub("<[^>]*>", ""):gsub("&%a+;", ""):lower()
  text = text:gsub("[^%w%s_\128-\255-]", ""):gsub("%s", "-")
  return text
end

--- Escapes the code in `<pre>` blocks of LDoc, which escapes nothing in comments, and joins their
-- lines, because a blank line would end a block of HTML.
local function escape_code (text)
  return (text:gsub("<pre.-</pre>", function (block)
    return (block:gsub("<(/?%a*)", function (tag)
      if not tag:find "^/?span$" and not tag:find "^/?pre$" then return "&lt;" .. tag end
    end):gsub("\n%s*\n", "\n&#32;\n"))
  end))
end

local function run_cmark (text)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
  local pipe = assert(io.popen("cmark-gfm --unsafe --extension table <" .. path))
  local html = pipe:read "*a"
  local ok = pipe:close()
  os.remove(path)
  assert(ok, "cmark-gfm failed")
  return html
end

return function (text)
  -- LDoc's anchors of sections would stand in the text.
  text = escape_code((text:gsub('<a name="[^"]*"></a>\n', "")))
  return (run_cmark(text):gsub("<h(%d)>(.-)</h%1>", function (level, inner)
    return ('<h%s id="%s">%s</h%s>'):format(level, anchor_of(inner), inner, level)
  end))
end
