-- SPDX-License-Identifier: MIT
-- Controls a headless Chromium through chromedriver (W3C WebDriver: JSON over HTTP on loopback).
--
--    local page = browser.open("http://127.0.0.1:8080/", { width = 360, height = 640 })
--    page:type("#prompt", "Hello" .. browser.ENTER)
--    page:wait "document.title === 'Chat'"
--    after_each(browser.stop)
--
-- The functions block, so the servers that the browser uses must be in other processes.

local child = require "spec.support.child"
local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"
local uv = require "luv"

local M = {}

--- Keys that are not characters (W3C WebDriver, section 17.4.2).
M.ENTER, M.ESCAPE, M.TAB = "\238\128\135", "\238\128\140", "\238\128\132"

--- The longest wait for a condition of a page, in seconds. A page that hangs makes the test fail.
M.PATIENCE = 20

local ELEMENT = "element-6066-11e4-a52e-4f735466cecf"     -- how WebDriver names a reference

local driver, pages = nil, {}

local Page = {}
Page.__index = Page

local function start_driver ()
  if driver then return end
  driver = child.start("chromedriver", { args = { "--port=0" }, env = child.STRANGER })
  child.wait(function () return driver.stdout:find "successfully on port (%d+)" or driver.code end,
    "chromedriver")
  driver.port = assert(driver.stdout:match "successfully on port (%d+)",
    driver.stdout .. driver.stderr)
end

local function command (method, path, body)
  local sent = type(body) == "table" and cjson.encode(body) or body
  local parts = {}
  local _, status = http.request {
    method = method, url = ("http://127.0.0.1:%s%s"):format(driver.port, path),
    headers = { ["content-type"] = "application/json", ["content-length"] = sent and #sent or 0 },
    source = ltn12.source.string(sent or ""), sink = ltn12.sink.table(parts),
  }
  assert(#parts > 0, status)
  local value = cjson.decode(table.concat(parts)).value
  if status ~= 200 then
    error(("%s %s: %s: %s"):format(method, path, tostring(value.error),
      tostring(value.message)), 0)
  end
  return value
end

--- Opens a page in a browser of its own.
-- @tparam string url
-- @tparam ?table options `width` and `height` in CSS pixels, `dark`
-- @treturn table the page
function M.open (url, options)
  options = options or {}
  local width, height = options.width or 1000, options.height or 760
  start_driver()
  local made = command("POST", "/session", { capabilities = { alwaysMatch = {
    browserName = "chrome",
    ["goog:loggingPrefs"] = { browser = "ALL" },
    ["goog:chromeOptions"] = { args = { "--headless=new", "--no-sandbox", "--disable-gpu",
      "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--no-proxy-server",
      ("--window-size=%d,%d"):format(width, height) } },
  } } })
  local page = setmetatable({ path = "/session/" .. made.sessionId }, Page)
  pages[#pages + 1] = page
  page:devtools("Emulation.setDeviceMetricsOverride", { width = width, height = height,
    deviceScaleFactor = 1, mobile = width < 500 })
  page:devtools("Emulation.setEmulatedMedia", { features = {
    { name = "prefers-color-scheme", value = options.dark and "dark" or "light" },
  } })
  page:visit(url)
  return page
end

--- Runs a command of the Chrome DevTools Protocol.
function Page:devtools (name, parameters)
  return command("POST", self.path .. "/goog/cdp/execute", { cmd = name, params = parameters })
end

function Page:visit (url)
  command("POST", self.path .. "/url", { url = url })
end

--- Returns the value of a JavaScript expression.
function Page:value (expression)
  local script = cjson.encode("return " .. expression)
  return command("POST", self.path .. "/execute/sync", ('{"script":%s,"args":[]}'):format(script))
end

--- Waits until an expression is true; otherwise raises an error that contains the page's text.
function Page:wait (expression)
  local deadline = os.time() + M.PATIENCE
  while os.time() <= deadline do
    if self:value(expression) == true then return end
    uv.sleep(20)
  end
  error(("never true: %s\nthe page:\n%s"):format(expression,
    self:value "document.body.innerText"), 2)
end

local function element (page, css)
  local found = command("POST", page.path .. "/element", { using = "css selector", value = css })
  return page.path .. "/element/" .. found[ELEMENT]
end

--- Types into an element.
function Page:type (css, keys)
  command("POST", element(self, css) .. "/value", { text = keys })
end

--- Presses a key, wherever the page's focus is.
function Page:press (key)
  command("POST", self.path .. "/actions", { actions = { {
    type = "key", id = "keyboard",
    actions = { { type = "keyDown", value = key }, { type = "keyUp", value = key } },
  } } })
end

--- Clicks an element; raises when something covers it.
function Page:click (css)
  command("POST", element(self, css) .. "/click", "{}")
end

--- Returns the warnings and errors in the browser's log since the last call: array of texts.
function Page:complaints ()
  local list = {}
  for _, entry in ipairs(command("POST", self.path .. "/se/log", { type = "browser" })) do
    list[#list + 1] = entry.message
  end
  return list
end

--- Saves a screenshot in build/screenshots.
function Page:shoot (name)
  local path = (os.getenv "BUILDDIR" or "build") .. "/screenshots"
  uv.fs_mkdir(path, 493)      -- 0755
  local data = require "mime".unb64(command("GET", self.path .. "/screenshot"))
  local file = assert(io.open(("%s/%s.png"):format(path, name), "wb"))
  file:write(data)
  file:close()
end

function Page:close ()
  if self.closed then return end
  self.closed = true
  command("DELETE", self.path)
end

--- Closes all pages and the driver.
function M.stop ()
  local list = pages
  pages = {}
  for _, page in ipairs(list) do page:close() end
  if not driver then return end
  uv.kill(driver.pid, "sigterm")
  driver:wait()
  driver = nil
end

return M
