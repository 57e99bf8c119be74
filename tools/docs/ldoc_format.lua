-- SPDX-License-Identifier: MIT
-- What LDoc does with the Markdown of comments: nothing, because MkDocs converts it. Only the code
-- that LDoc has made HTML of becomes Markdown again. LDoc requires this module by the name in its
-- setting `format`.

local ENTITIES = { ["&lt;"] = "<", ["&gt;"] = ">", ["&amp;"] = "&", ["&quot;"] = '"',
  ["&apos;"] = "'" }

return function (text)
  return (text:gsub("<pre>(.-)</pre>", function (code)
    code = code:gsub("</?span[^>]*>", ""):gsub("</?a[^>]*>", ""):gsub("&%l+;", ENTITIES)
    return ("\n```lua\n%s\n```\n"):format((code:gsub("^\n", ""):gsub("%s+$", "")))
  end))
end
