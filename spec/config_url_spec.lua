-- SPDX-License-Identifier: MIT
local random = require "spec.support.random"
local url = require "predibase.config.url"

local function refused (text)
  local parts, problem = url.parse(text)
  assert.is_nil(parts, text)
  return problem
end

describe("url.parse", function ()
  it("accepts the URL to which /generate is appended", function ()
    assert.same({ url = "http://127.0.0.1:8080", scheme = "http", host = "127.0.0.1",
      port = 8080, loopback = true }, url.parse("http://127.0.0.1:8080"))
    assert.same({ url = "https://lorax.example.com/a/b-c_d.e~f", scheme = "https",
      host = "lorax.example.com", port = 443, loopback = false },
      url.parse("https://lorax.example.com/a/b-c_d.e~f"))
  end)

  it("removes slashes from the end, and converts scheme and host to lower case", function ()
    for _, text in ipairs { "http://h/x/", "http://h/x///", "HTTP://H/x", "http://h:80/x" } do
      assert.equal("http://h/x", url.parse(text).url)
    end
    assert.equal("https://h", url.parse("https://h:443///").url)
    assert.equal("https://h:80", url.parse("https://h:80").url)
    assert.equal("http://svc.cluster.local./x", url.parse("http://svc.cluster.local./x").url)
  end)

  it("recognises the loopback addresses of this machine", function ()
    for _, host in ipairs { "localhost", "LOCALHOST", "127.0.0.1", "127.255.0.9", "[::1]",
      "[0:0:0:0:0:0:0:1]", "[0000::0001]" } do
      assert.is_true(url.parse("http://" .. host .. ":1").loopback, host)
    end
    for _, host in ipairs { "localhost.evil.com", "127.evil.com", "128.0.0.1", "[::2]", "[::]",
      "[1::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "notlocalhost", "10.0.0.1" } do
      assert.is_false(url.parse("http://" .. host .. ":1").loopback, host)
    end
  end)

  it("returns an IPv6 address without brackets as host", function ()
    local parts = url.parse("http://[2001:DB8::1:10.0.0.1]:8080/x")
    assert.equal("2001:db8::1:10.0.0.1", parts.host)
    assert.equal("http://[2001:db8::1:10.0.0.1]:8080/x", parts.url)
  end)

  it("refuses everything but http and https", function ()
    for _, text in ipairs { "", "lorax.example.com", "lorax.example.com:80", "//h", "/x", "http:",
      "http:/h", "https//h", "ftp://h", "file:///etc/hostname", "gopher://h", "httpx://h",
      "unix:/x", "javascript:x", "://h" } do
      assert.matches("^must begin with https:// or http://", refused(text))
    end
  end)

  it("refuses user names and passwords without showing them", function ()
    for _, text in ipairs { "http://user:SENTINEL@h", "http://SENTINEL@h",
      "http://a:b@c:SENTINEL@h", "https://example.com:SENTINEL@127.0.0.1/x" } do
      local problem = refused(text)
      assert.matches("^must not have a user name or password", problem)
      assert.is_nil(problem:find("SENTINEL", 1, true))
    end
  end)

  it("refuses a query and a fragment without showing them", function ()
    assert.equal('must not have a query, got the string "http://h/x?…"',
      refused("http://h/x?key=SENTINEL"))
    assert.equal('must not have a query, got the string "http://h?…"', refused("http://h?SENTINEL"))
    assert.equal('must not have a fragment, got the string "http://h/#…"',
      refused("http://h/#SENTINEL"))
  end)

  it("refuses invalid ports", function ()
    for _, port in ipairs { "0", "65536", "-1", "x", "", "080800", "1e3", "80a", "99999999999" } do
      assert.matches("^has a port that is not a number from 1 to 65535",
        refused("http://h:" .. port))
    end
    assert.matches("^has a port", refused("http://[::1]x"))
    assert.equal(65535, url.parse("http://h:65535").port)
  end)

  it("refuses hosts that another program may read as other hosts", function ()
    for _, host in ipairs { "", ":80", "127.1", "2130706433", "0x7f000001", "0x7f.1", "127.0.0.1.",
      "127.0.0.01", "0177.0.0.1", "256.0.0.1", "1.2.3", "1.2.3.4.5", "a..b", ".a", "-a",
      "a-", "a b", "a\\b", "a%2eb", "a*b", "::1", "a:b:80", "[::1", "::1]", "[]", "[:]", "[1:2]",
      "[g::1]", "[::1::]", "[:::]", "[1:2:3:4:5:6:7:8:9]", "[::1.2.3]", "[12345::]",
      "[fe80::1%eth0]", "[fe80::1%25eth0]", "[v1.x]", ("a"):rep(64), ("a."):rep(127) .. "a",
      "exa\204\129mple.com" } do
      assert.matches("^has a ", refused("http://" .. host .. "/x"))
    end
    local long = ("a."):rep(126) .. "a"
    assert.equal(253, #long)
    assert.equal(long, url.parse("http://" .. long).host)
    assert.equal(("a"):rep(63), url.parse("http://" .. ("a"):rep(63)).host)
    assert.matches('write its "xn%-%-" form', refused("http://bücher.example"))
    assert.matches("an IPv6 zone, which is not supported", refused("http://[fe80::1%25eth0]"))
    assert.matches("write an IPv6 address in brackets", refused("http://::1"))
  end)

  it("refuses paths that would not arrive unchanged", function ()
    for _, path in ipairs { "/..", "/a/../b", "/.", "/a/./b", "//a", "/a//b", "/%2e%2e", "/a%2fb",
      "/a b", "/ü", "/a\\b", "/a;\"b", "/<x>", "/{x}", "/a|b" } do
      assert.matches("path", refused("http://h" .. path))
    end
  end)

  it("refuses an address of an endpoint, and names the part to remove", function ()
    for _, ending in ipairs { "/generate", "/generate_stream", "/v1", "/v1/completions",
      "/v1/chat/completions" } do
      for _, tail in ipairs { "", "/", "//" } do
        assert.matches("^must not end in " .. ending .. "; remove it, ",
          refused("https://h/x" .. ending .. tail))
      end
    end
    assert.is_table(url.parse("https://h/my-v1"))
  end)

  it("refuses control characters, white space at the ends, and URLs of 10 kB", function ()
    assert.matches("^begins or ends with white space; strip it", refused("http://h\n"))
    assert.matches("^begins or ends with white space; strip it", refused(" http://h"))
    assert.matches("^has a control character %(byte 0x0d at position 9%)$",
      refused("http://h\r\nX-Injected: yes"))
    assert.matches("^has a control character", refused("http://h\0.evil.com"))
    assert.equal("is 10000 bytes long; at most 2048 are allowed",
      refused("http://h/" .. ("x"):rep(9991)))
  end)
end)

describe("url.segment_problem", function ()
  it("accepts names of letters, digits and - . _ ~", function ()
    for _, name in ipairs { "acme", "8a1b2c3d", "mistral-7b-instruct", "a.b_c~d", "...", "-",
      ("x"):rep(255) } do
      assert.is_nil(url.segment_problem(name))
    end
  end)

  it("refuses names that could change another segment, or would have to be escaped", function ()
    for _, name in ipairs { ".", "..", "a/b", "/", "a?b", "a#b", "a%2fb", "%2e%2e", "a b", "ü",
      "a:b", "a@b", "a\\b", "a\0b", "a\r\nb", "\127", "a;b", "a&b", "a\239\188\143b" } do
      assert.matches("^must consist of letters, digits and %- %. _ ~ only, got the string ",
        url.segment_problem(name))
    end
  end)

  it("names the probable mistake", function ()
    assert.equal("is empty", url.segment_problem(""))
    assert.equal("is 10000 bytes long; at most 255 are allowed",
      url.segment_problem(("x"):rep(10000)))
    assert.matches("^ends in a newline, so it probably came from a file",
      url.segment_problem("acme\n"))
    assert.matches("must be a name, not a URL; use base_url for a URL",
      url.segment_problem("https://h/x"))
  end)
end)

describe("url.deployment_problem", function ()
  it("recognises a Hugging Face path", function ()
    assert.equal('must be the name of a deployment such as "mistral-7b-v0.1"; a Hugging Face path '
      .. 'was probably pasted, got the string "mistralai/Mistral-7B-v0.1"',
      url.deployment_problem("mistralai/Mistral-7B-v0.1"))
    assert.matches("^must be the name of a deployment; a Hugging Face path was probably pasted",
      url.deployment_problem("a/b c"))
  end)

  it("is otherwise as strict as segment_problem", function ()
    assert.is_nil(url.deployment_problem("mistral-7b"))
    for _, name in ipairs { "", "..", "a?b", "https://h/x", ("a/"):rep(5000) } do
      assert.equal(url.segment_problem(name), url.deployment_problem(name))
    end
  end)
end)

describe("url.proxy", function ()
  it("returns a URL without user name and password for display", function ()
    assert.same({ full = "http://me:p%40ss@proxy:3128", shown = "http://proxy:3128",
      secrets = { "p%40ss", "p@ss" }, loopback = false },
      url.proxy("http://me:p%40ss@proxy:3128/"))
    assert.same({ full = "socks5h://127.0.0.1:1080", shown = "socks5h://127.0.0.1:1080",
      secrets = {}, loopback = true }, url.proxy("socks5h://127.0.0.1:1080"))
    assert.same({ full = "https://p", shown = "https://p", secrets = {}, loopback = false },
      url.proxy("HTTPS://P"))
  end)

  it("refuses invalid proxies without showing them", function ()
    for _, text in ipairs { "", "SENTINEL:3128", "ftp://SENTINEL", "socks4://SENTINEL",
      "http://u:SENT/INEL@h", "http://u:SENTINEL@", "http://u:SENTINEL@h:0", "http://SENTINEL h",
      "http://u:SENTINEL@h\r\nX: y", "http://u:SENTINEL@h/path", "http://u:SENTINEL@h?x" } do
      local proxy, problem = url.proxy(text)
      assert.is_nil(proxy)
      assert.is_nil(problem:find("SENTINEL", 1, true))
      assert.is_nil(problem:find("INEL", 1, true))
    end
  end)
end)

describe("random bytes", function ()
  local rng = random.new(20261123)
  local pieces = { "/", "..", "%2f", "?", "#", "@", ":", "\\", "\r\n", "[", "]", "generate", "v1",
    "evil.com", "é", "\0", "http://", "127.0.0.1", ".", "a" }

  local function soup ()
    local out = {}
    for i = 1, rng:int(1, 6) do
      out[i] = rng:int(1, 3) == 1 and rng:bytes(rng:int(1, 4)) or rng:pick(pieces)
    end
    return table.concat(out)
  end

  it("never change host or number of segments when they are tenant and deployment", function ()
    local accepted = 0
    for _ = 1, 3000 do
      local tenant, deployment = soup(), soup()
      if not url.segment_problem(tenant) and not url.deployment_problem(deployment) then
        accepted = accepted + 1
        local text = url.managed(tenant, deployment).url
        local host, path = text:match("^https://([^/]*)(/.*)$")
        assert.equal("serving.app.predibase.com", host)
        assert.equal("/" .. tenant .. "/deployments/v2/llms/" .. deployment, path)
        assert.equal(5, select(2, path:gsub("/", "")))
        assert.is_nil(path:find("[^%w/._~-]"))
      end
    end
    assert.is_true(accepted > 0)
  end)

  it("never change the host when they are the base URL", function ()
    local accepted = 0
    for _ = 1, 6000 do
      local host = rng:pick { "h.example", "127.0.0.1", "[::1]" }
      local path = rng:int(1, 2) == 1 and "/" .. soup() or soup()
      local parts = url.parse("http://" .. host .. path)
      if parts then
        accepted = accepted + 1
        local given = ("http://" .. host .. path):match("^http://([^/]*)"):gsub(":0*80$", "")
        local seen, rest = parts.url:match("^http://([^/]*)(.*)$")
        assert.equal(given:lower(), seen)
        assert.is_nil(rest:find("[%z\1-\32\127-\255%%?#\\]"))
        assert.is_nil((rest .. "/"):find("/%.%.?/"))
        assert.is_nil(rest:find("//", 1, true))
      end
    end
    assert.is_true(accepted > 100)
  end)
end)
