-- SPDX-License-Identifier: MIT
-- The tables of docs/gateways.md: how they are made from the rows of a run, written and compared.

local M = {}

M.FILE = "docs/gateways.md"

local CLIENTS = { ["1.1"] = "1.1", ["2"] = "2", nginx = "nginx" }

--- Returns what depends on the timing in a row.
local function varying (row)
  local varies = row.situation.varies
  if varies and (not varies.client or varies.client == row.client) then return varies end
  return {}
end

--- Returns how a number is shown: "any" when it depends on the timing.
local function number (row, name, value)
  if varying(row)[name] then return "any" end
  return value and ("%d"):format(value) or ""
end

--- Returns the cells of a row that ends in one of several ways.
local function one_of (row, kinds)
  local cells, known = {}, false
  for i, kind in ipairs(kinds) do
    cells[i] = "`" .. kind .. "`"
    known = known or kind == row.found.kind
  end
  if not known then return nil end
  return table.concat(cells, " or ") .. " |  |  |  | any | any"
end

--- Returns the cells of a row that tell what came of the call.
local function outcome (row)
  local found, retryable, kinds = row.found, "", varying(row).outcomes
  local cells = kinds and one_of(row, kinds)
  if cells then return cells end
  if not found.ok then retryable = found.retryable and "yes" or "no" end
  return table.concat({
    found.ok and "ok" or "`" .. found.kind .. "`",
    found.status and ("%d"):format(found.status) or "",
    retryable,
    row.method == "stream" and ("%d"):format(found.tokens or 0) or "",
    row.method == "ready" and "" or number(row, "attempts", found.attempts),
    number(row, "requests", found.requests),
  }, " | ")
end

local METHODS = { generate = "`generate`", stream = "stream", ready = "`wait_ready`" }

--- Merges the rows of a situation that have the same outcome, first over the clients.
local function lines_of (rows)
  local lines, at = {}, {}
  for _, row in ipairs(rows) do
    local result = outcome(row)
    local key = row.method .. result
    if not at[key] then
      at[key] = { method = row.method, result = result, clients = {} }
      lines[#lines + 1] = at[key]
    end
    table.insert(at[key].clients, CLIENTS[row.client])
  end
  return lines
end

--- Makes the table of a gateway.
-- @tparam table gateway `situations`
-- @tparam table rows by the id of the situation
-- @treturn string Markdown
function M.table_of (gateway, rows)
  local out = { "| situation | call | HTTP | outcome | status | retryable | tokens | attempts | "
    .. "requests |", "|---|---|---|---|---|---|---|---|---|" }
  for _, situation in ipairs(gateway.situations) do
    for i, line in ipairs(lines_of(rows[situation.id])) do
      out[#out + 1] = ("| %s | %s | %s | %s |"):format(i == 1 and situation.what or "",
        METHODS[line.method], table.concat(line.clients, ", "), line.result)
    end
  end
  return table.concat(out, "\n") .. "\n"
end

local function read ()
  local file = assert(io.open(M.FILE, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- Returns the beginning of the page, the table of a gateway, and the end of the page.
local function parts (gateway)
  local text = read()
  local mark = ("<!-- made by make gateways PAGE=1: %s -->\n"):format(gateway.name)
  local _, from = text:find(mark, 1, true)
  if not from then error(M.FILE .. " lacks the line " .. mark, 0) end
  from = from + 2             -- an empty line separates a comment from a table
  local to = text:find("\n<!-- end -->", from - 1, true)
  return text:sub(1, from - 1), text:sub(from, to - 1) , text:sub(to)
end

--- Writes a table into the page.
function M.write (gateway, made)
  local before, _, after = parts(gateway)
  local file = assert(io.open(M.FILE, "wb"))
  file:write(before, made, after)
  file:close()
end

--- Compares a table with the one in the page.
-- @treturn table the lines that differ: `- ` in the page only, `+ ` found only
function M.differences (gateway, made)
  local _, old = parts(gateway)
  local function set (text)
    local lines, last = {}, ""
    for line in text:gmatch "[^\n]+" do
      -- a line without a situation belongs to the one above
      local situation = line:match "^| (.-) |"
      if situation ~= "" then last = situation or "" end
      lines[#lines + 1] = situation == "" and "| " .. last .. line:sub(3) or line
    end
    return lines
  end
  local function missing (lines, others, sign, out)
    local there = {}
    for _, line in ipairs(others) do there[line] = true end
    for _, line in ipairs(lines) do
      if not there[line] then out[#out + 1] = sign .. line end
    end
  end
  local out, page, found = {}, set(old), set(made)
  missing(page, found, "- ", out)
  missing(found, page, "+ ", out)
  return out
end

return M
