-- SPDX-License-Identifier: MIT
-- The faults that a client of a language model meets, and the tests that prove what becomes of
-- each. `make faults` runs these tests and prints a row for each fault; spec/fault_matrix_spec.lua
-- checks that they exist.
--
-- A row:
--
-- * `id`, `fault`, `injected`: how it is made, `must`: what has to come of it. In every row a call
--   also has exactly one outcome in bounded time, and leaves no connection; the client can be used
--   afterwards, and no outcome contains the API token.
-- * `curl`: the tests over libcurl. Each group has the name of a spec (`faults_body` is
--   spec/faults_body_spec.lua) and the names of tests. `{a|b}` stands for either, and `{all}` for
--   the ways of `ways`. `on = "luajit"`: on this Lua only.
-- * `nginx`: the tests inside nginx: `true` for the same ones, groups, or why the fault cannot
--   happen there.

local M = {}

--- Abbreviations for the ways to make a call.
M.ways = {
  all = "generate|stream|stream, polled",
  streams = "stream|stream, polled",
  calls = "generate|stream",
}

--- Which spec runs another one inside nginx, and the names of the tests that do so.
M.inside = {}

local function inside (outer, prefix, ...)
  for _, inner in ipairs { ... } do
    local file = inner:find "/" and "spec/" .. inner .. ".lua" or "spec/" .. inner .. "_spec.lua"
    M.inside[inner] = { spec = outer, ("%s every test of %s passes"):format(prefix, file) }
  end
end

inside("resty_faults", "inside nginx", "faults_body", "faults_coding", "faults_framing",
  "faults_head", "faults_hooks", "faults_lifetime", "faults_limits", "faults_mutations",
  "faults_retry", "faults_status", "faults_stream", "faults_connect")
inside("resty_streams", "inside nginx", "event", "json", "retry", "stream_clocks", "stream_close")
inside("resty_tls", "inside nginx, with TLS,", "nginx/tls")
M.inside.wire_sockets = { spec = "resty_wire" }
for part = 1, 16 do
  M.inside.wire_sockets[part] = ("inside nginx, part %d of 16 every test of "
    .. "spec/wire_sockets_spec.lua passes"):format(part)
end

--- Names of tests with the same beginning.
local function each (beginning, list)
  local names = {}
  for i, name in ipairs(list) do names[i] = beginning .. name end
  return names
end

--- A group of tests with the same beginning.
local function group (spec, beginning, list)
  local made = each(beginning, list)
  table.insert(made, 1, spec)
  return made
end

local function body (...) return group("faults_body", "A body that goes wrong: ", { ... }) end
local function head (...) return group("faults_head", "A head that goes wrong: ", { ... }) end
local function stream (...) return group("faults_stream", "A stream that goes wrong: ", { ... }) end
local function status (...)
  return group("faults_status", "An answer that is no success: ", { ... })
end
local function limits (...)
  return group("faults_limits", "An answer that is too long: ", { ... })
end
local function framing (...) return group("faults_framing", "Two ends of one body: ", { ... }) end
local function coding (...)
  return group("faults_coding", "Compression that was not asked for: ", { ... })
end
local function inside_tls (...) return group("nginx/tls", "TLS inside nginx ", { ... }) end

--- The tests of recorded answers, each whole, cut in two, and byte by byte.
local function recorded (...)
  return group("wire_sockets", "over a socket the accident ",
    each("{", { table.concat({ ... }, "|")
      .. "} comes out as expected, whole and cut in two" }))
end

M.rows = {
  { id = "F1", fault = "nobody listens at the port",
    injected = "a port that was just closed",
    must = "a connection error that names the server, after the retries",
    curl = { { "faults_connect",
      "A refused connection is tried three times and names its server ({all})" } }, nginx = true },

  { id = "F2", fault = "connecting is never answered",
    injected = "a listener with a full queue",
    must = "a timeout of the phase connect when its clock runs out",
    curl = { { "faults_connect", "A server with a full queue of connections is given up when the "
      .. "clock of connecting runs out ({all})" } }, nginx = true },

  { id = "F3", fault = "a name look-up hangs",
    injected = "getaddrinfo that sleeps; inside nginx a name server that is silent",
    must = "a timeout of the phase connect in time; other calls and frames go on meanwhile",
    curl = {
      group("faults_lookup", "A name look-up that ", {
        "hangs is given up when the clock of connecting runs out, each time",
        "hangs does not hold up another exchange of the pool",
        "hangs does not hold up another name, nor do thirty" }),
      group("faults_lookup_loops", "A name look-up that hangs ", {
        "delays no other stream: {frames|tasks|batches}",
        "does not delay the end of its call: {a clock that runs out|a stream that is closed|"
          .. "os.exit}" }),
    },
    nginx = { inside_tls "gives up a look-up of a name that the name server does not answer" } },

  { id = "F4", fault = "a name does not exist",
    injected = "a look-up that finds nothing",
    must = "a connection error of the phase resolve, after the retries",
    curl = { { "faults_lookup",
      "A name look-up that finds nothing is a failure that is tried again" } },
    nginx = { inside_tls "reports that a name does not exist" } },

  { id = "F5", fault = "TLS: wrong certificate or version, or none",
    injected = "another authority, another name, an old date, TLS 1.1, plain HTTP, a banner",
    must = "a tls error that names the server, in one try, before a word of the request is sent",
    curl = { group("tls", "TLS refuses, before it says a word of the request, ", {
      "a certificate of an authority that is not in ca_file",
      "a certificate that the system does not trust", "a certificate for another host",
      "a certificate that has run out", "a server that speaks TLS 1.1 at most",
      "a server that speaks plain HTTP", "a server that sends something else",
      "a server that refuses" }) },
    nginx = { inside_tls(
      "refuses a certificate of another name, of another authority, or an expired one",
      "fails if the server does not use TLS", "fails if the server speaks TLS 1.1 at most") } },

  { id = "F6", fault = "a server accepts and never answers",
    injected = "a connection that is held",
    must = "a timeout of the first token, or of the whole call, without a retry",
    curl = { head("a server that accepts and never answers is given up when the clock has run out "
      .. "(stream)", "a server that accepts and never answers is given up when all time is used "
      .. "({calls})") }, nginx = true },

  { id = "F7", fault = "a head comes byte by byte",
    injected = "a byte every 0.1 s",
    must = "the same timeouts: bytes of a head win no time",
    curl = { head("a head that comes byte by byte does not win time by that (stream)",
      "a head that comes byte by byte does not win time for the whole call ({calls})") },
    nginx = true },

  { id = "F8", fault = "a body comes byte by byte",
    injected = "every byte in a send of its own; recorded answers cut anywhere",
    must = "the same tokens as in one piece",
    curl = { body "every byte a send of its own makes the same tokens",
      body "a chunk for each byte is as good as any ({all})",
      recorded("ten-thousand-events-in-one-read", "two-and-a-half-events-in-one-read"),
      group("wire_sockets", "over a socket the accident ", {
        "{bom|crlf-line-ends|character-split-over-tokens} comes out the same byte by byte" }) },
    nginx = true },

  { id = "F9", fault = "only keep-alives come",
    injected = "comments, more often than the clock idle allows silence",
    must = "the stream stays open; the clocks of the first and the next token end it",
    curl = { stream("comments keep a stream open, but they are no first token (stream)",
      "comments keep a stream open, but they are no next token (stream)",
      "comments between two tokens only take time (stream)") }, nginx = true },

  { id = "F10", fault = "a stream falls silent after some tokens",
    injected = "three tokens, then nothing",
    must = "a timeout with the text so far, without a retry",
    curl = { stream("silence after three tokens ends with the clock of tokens (stream)",
      "silence after three tokens ends with the clock of bytes (stream)",
      "silence after three tokens ends with all time (stream)",
      "silence behind the head ends with the clock of the first token (stream)") },
    nginx = true },

  { id = "F11", fault = "a new connection ends without an answer",
    injected = "close instead of a head",
    must = "a connection error after the retries, or the answer of a later try",
    curl = { head("a connection that is closed without an answer is made anew ({all})",
      "the third try succeeds after two lost connections ({all})") }, nginx = true },

  { id = "F12", fault = "a kept connection ends with the next request",
    injected = "close and reset at the second request of a connection",
    must = "success in one attempt: the request is sent once more, and the server counts three",
    curl = { { "faults_connect", "A kept connection that ends ({close|reset}) with the next "
      .. "request on it is made anew by libcurl ({all})" } }, nginx = true },

  { id = "F13", fault = "a connection is reset",
    injected = "RST before the head, in it, in the body, behind the closing event",
    must = "a retry before the first token, an error with the text after it, success at the end",
    curl = {
      head("a connection that is reset without an answer is made anew ({all})",
        "a connection that is reset in the status line is made anew ({all})",
        "a connection that is reset in the head is made anew ({all})"),
      body("a body that is reset before its first byte is asked for again ({all})",
        "a body that is reset in its first event is asked for again ({all})",
        "a body that is reset in the middle is no whole one ({all})",
        "a reset behind the closing event changes nothing ({streams})",
        "a reset behind the whole body changes nothing ({all})") }, nginx = true },

  { id = "F14", fault = "a body is shorter than its Content-Length",
    injected = "half a body, then close",
    must = "a connection error; a stream keeps its three tokens",
    curl = { body "a body shorter than its Content-Length is no whole one ({all})" },
    nginx = true },

  { id = "F15", fault = "a chunked body is cut",
    injected = "close between chunks, in one, in a size, instead of the last one",
    must = "a connection error, or success if only the last chunk is missing",
    curl = { body("a chunked body that ends between two chunks is no whole one ({all})",
      "a chunked body that ends inside a chunk is no whole one ({all})",
      "a chunked body that ends inside the size of a chunk is no whole one ({all})",
      "a stream is complete with its closing event, though the last chunk is missing "
        .. "({streams})") }, nginx = true },

  { id = "F16", fault = "odd chunks",
    injected = "sizes that are none, extensions, trailers",
    must = "a protocol error for bad sizes; extensions and trailers are passed over",
    curl = { body("a chunk size that is no number is refused ({all})",
      "a chunk size of more than 64 bits is refused ({all})",
      "a negative chunk size is refused ({all})", "extensions of chunks are passed over ({all})",
      "trailers are passed over ({all})",
      "what comes behind the last chunk is not part of the answer ({all})") }, nginx = true },

  { id = "F17", fault = "the end of a connection cuts the body",
    injected = "a body without a length, cut by FIN, over TLS also without close_notify",
    must = "an error: HTTP does not say that something is missing, but the closing event or the "
      .. "end of the JSON is",
    curl = {
      body("a body that ends with its connection is not whole for that reason ({all})",
        "a body that ends with its connection before it began is no whole one (generate)",
        "a whole body that ends with its connection is whole ({all})"),
      group("tls", "TLS cut off ", {
        "before the closing event is an incomplete generation ({cut|cut-with-goodbye})",
        "in the middle of an answer is a lost connection ({cut|cut-with-goodbye})",
        "after the closing event is a success ({whole|whole-with-goodbye})" }) },
    nginx = {
      body("a body that ends with its connection is not whole for that reason ({all})",
        "a body that ends with its connection before it began is no whole one (generate)",
        "a whole body that ends with its connection is whole ({all})"),
      inside_tls "reports answers that are cut off, with or without a goodbye" } },

  { id = "F18", fault = "a head gives two ends of the body",
    injected = "chunks and a length, two lengths, a length that is none; another answer behind it",
    must = "the right answer or a protocol error; the connection is not used again",
    curl = {
      framing("{chunks and a Content-Length that is too short|chunks and a Content-Length that is "
        .. "too long|chunks before a Content-Length|chunks and the Content-Length of their data} "
        .. "does not reach the next call ({all})",
        "{two Content-Lengths, the first too short|two Content-Lengths, the last too short|"
        .. "two different Content-Lengths in one line|a Content-Length beyond every number|"
        .. "a Content-Length beyond 64 bits by one|a negative Content-Length|a Content-Length with "
        .. "a sign|a Content-Length in hexadecimal|a Content-Length with a letter behind it|a "
        .. "comma behind a Content-Length|an empty Content-Length} does not reach the next call "
        .. "({all})",
        "{a transfer coding that nobody knows|chunks in chunks|chunks that are not the last coding}"
        .. " does not reach the next call ({all})",
        "an error is reported by its status in spite of {content-length: 1000...|content-length: "
        .. "5, content-length: 6|transfer-encoding: xchunked} ({all})"),
      body("what comes behind the Content-Length is not part of the answer ({all})") },
    nginx = true },

  { id = "F19", fault = "a head that is too large or malformed",
    injected = "endless, 2000 fields, a megabyte, NUL, folded lines, no colon, no reason",
    must = "at most 32 KiB are read; what everybody tolerates is accepted",
    curl = {
      limits("{a head of fields without end|a field of a head without end} is not read to its end "
        .. "({all})"),
      head("a head of two thousand fields is refused ({all})",
        "a head with a field of a megabyte is refused ({all})",
        "a head of a hundred fields is read ({all})", "a NUL in a field is refused ({all})",
        "a line without a colon ends the call or is passed over ({all})",
        "a folded line, as HTTP once had them, is passed over ({all})",
        "a head that begins with a folded line does no harm ({all})",
        "a status without a reason is a status ({all})",
        "a field without a value is a field ({all})",
        "lines that end in LF alone are lines ({all})") }, nginx = true },

  { id = "F20", fault = "interim answers",
    injected = "103 and 100, without end, and 101",
    must = "passed over, but not without end; 101 is a protocol error",
    curl = {
      limits("interim answers without end is not read to its end ({all})"),
      head("103 Early Hints and 100 Continue are passed over ({all})",
        "an interim answer does not start the clock idle ({all})",
        "an unrequested 101 ends the call ({all})",
        "a connection that is closed behind an interim answer is made anew ({all})") },
    nginx = true },

  { id = "F21", fault = "a server that does not speak HTTP",
    injected = "an SSH banner, HTTP/0.9, an alert of TLS, random bytes, nothing",
    must = "a protocol error in one try; nothing at all is a lost connection",
    curl = { head("the banner of an SSH server is no answer ({all})",
      "an answer without a head, as of HTTP/0.9, is no answer ({all})",
      "an alert of TLS is no answer ({all})", "bytes without sense are no answer ({all})",
      "a connection that is closed without an answer is made anew ({all})") }, nginx = true },

  { id = "F22", fault = "a page instead of a stream",
    injected = "200 and text/html",
    must = "a protocol error with the content type and the beginning of the page",
    curl = { stream "a login page on the stream is no empty stream ({streams})",
      recorded "generate-html-login-page" }, nginx = true },

  { id = "F23", fault = "JSON instead of a stream, and the reverse",
    injected = "the other route's answer, and errors in both forms",
    must = "the error if it is one, else a protocol error",
    curl = { stream("an error as JSON on the stream is that error ({streams})",
      "an answer as JSON on the stream is refused ({streams})",
      "an event stream is no answer to generate (generate)",
      "an error in an event stream is one to generate too (generate)") }, nginx = true },

  { id = "F24", fault = "error pages of gateways",
    injected = "502, 503 and 504: HTML, text, nothing, 10 MB and more, no UTF-8, gzip",
    must = "an error of kind server with a short, readable text; 64 KiB are read at most",
    curl = {
      status("the page of a gateway is named by its title ({all})",
        "the plain text of a gateway is the message ({all})",
        "an answer without a body is an error by its status ({all})",
        "a page that is not UTF-8 is made readable ({all})",
        "a compressed page is an error by its status ({all})"),
      limits "an error page without end is not read to its end ({all})",
      recorded "error-page-of-10-mb" }, nginx = true },

  { id = "F25", fault = "errors that are plain text, or empty",
    injected = "422, 413, 415, 405, 404",
    must = "the kind of the status, with the text as the message",
    curl = { status("a text of the web framework is the message ({all})",
      "a refusal for size is one ({all})", "a refusal for type is one ({all})",
      "405 without a text is one ({all})", "404 without a text is one ({all})") }, nginx = true },

  { id = "F26", fault = "error objects of any shape",
    injected = "error as string, object, number, null, array; unknown types; huge, nested",
    must = "a stable kind, never an error of Lua",
    curl = { status("error as {a string|an object|a number|null|an array} ({all})",
      "JSON that has no error ({all})", "JSON that is no object ({all})",
      "an unknown error type leaves the decision to the status ({all})",
      "an error type goes before the status ({all})", "an error type that is a table ({all})",
      "a long error is cut ({all})", "a deeply nested error ({all})") }, nginx = true },

  { id = "F27", fault = "overload as the first event",
    injected = "200 and an error event",
    must = "tried again, then kind overloaded",
    curl = { stream("overload as the first event is tried again, and then reported ({streams})",
      "an overload, a cut and a reset are survived ({streams})") }, nginx = true },

  { id = "F28", fault = "an error event after some tokens",
    injected = "three tokens and an error event",
    must = "the tokens, then the error with their text; no retry",
    curl = { stream("overload after three tokens comes behind them and is final ({streams})",
      "a failure after three tokens comes behind them and is final ({streams})") },
    nginx = true },

  { id = "F29", fault = "events behind the closing one",
    injected = "tokens, errors, another closing event",
    must = "one completion; the rest is ignored",
    curl = { stream("events behind the closing one are not looked at ({streams})",
      "the first of two closing events counts ({streams})") }, nginx = true },

  { id = "F30", fault = "the connection stays open behind the end",
    injected = "a closing event or an error, then nothing",
    must = "the call returns at once",
    curl = { stream("the closing event is the end, though the connection stays open ({streams})",
      "nothing is waited for behind an error ({streams})") }, nginx = true },

  { id = "F31", fault = "events of the wrong shape",
    injected = "no JSON, other types, missing fields, huge numbers",
    must = "a protocol error behind the good tokens; null is nil; ids and seeds are exact",
    curl = {
      stream("an event {that is not JSON|that is half an object|that is an array|that is a number|"
        .. "that is null|whose token is null|whose token has no text|whose text is a number|whose "
        .. "id is a fraction|whose id is a string|whose generated text is an object} ends the "
        .. "stream ({streams})", "numbers that no double can hold come out exactly"),
      { "event", "event.decode refuses a wrong type in every field and names the field",
        "event.decode turns null into nil in every nullable place" },
      recorded "data-empty" }, nginx = true },

  { id = "F32", fault = "every form of an event stream",
    injected = "line ends, byte-order marks, U+2028, comments, several data lines, other fields",
    must = "as the standard of server-sent events says",
    curl = { recorded("cr-line-ends", "crlf-line-ends", "bom", "bom-in-data", "u2028-in-token",
      "u0085-in-token", "comments-and-unknown-fields", "two-data-lines-in-one-event",
      "two-spaces-after-colon", "event-without-space-after-colon", "event-named-error",
      "a-hundred-thousand-comments", "closing-event-without-blank-line") }, nginx = true },

  { id = "F33", fault = "events without end",
    injected = "an endless line, endless lines, a million comments, a million data lines",
    must = "too_large in bounded memory; comments are not kept",
    curl = { limits("{a line of an event without end|an event of lines without end} is not read to "
      .. "its end ({streams})", "a {comment|field} without end is not kept",
      "a million {comments|keepalives} before the first token are passed over ({streams})",
      "an event of a million lines is one event"), recorded "event-over-the-limit" },
    nginx = true },

  { id = "F34", fault = "characters in pieces",
    injected = "UTF-8 split over reads and tokens, lone bytes, lone surrogates",
    must = "bytes are joined; a lone surrogate becomes U+FFFD",
    curl = { recorded("character-split-over-tokens", "surrogates-in-two-tokens",
      "cut-inside-emoji", "empty-token-before-emoji", "escape-pair-cut"),
      { "event",
        "event.decode replaces each half of a surrogate pair that is split over two tokens" },
      { "json", "json.decode replaces an unpaired escaped surrogate by U+FFFD" } }, nginx = true },

  { id = "F35", fault = "JSON that is too deep or too large",
    injected = "a hundred thousand brackets, strings of megabytes, numbers of all sizes",
    must = "an error beyond 128 levels, no overflow of the C stack",
    curl = { { "json",
      "json.decode refuses nesting deeper than 128, also a hundred thousand levels",
      "json.decode reads a string of ten megabytes",
      "json.decode reads numbers of any size" },
      status "a deeply nested error ({all})" }, nginx = true },

  { id = "F36", fault = "JSON that only some accept",
    injected = "duplicate names, a byte-order mark, rests, NaN, 0x10, 01",
    must = "the last of two names counts; everything else is refused",
    curl = { { "json", "json.decode refuses invalid JSON and names the place",
      "a member of a JSON text is the last one of its name, as in decoding" },
      recorded("duplicate-keys", "trailing-garbage", "generate-nan") }, nginx = true },

  { id = "F37", fault = "redirects",
    injected = "301, 302, 303, 307, 308 to everywhere",
    must = "not followed; the other server sees nothing; the message names the host alone",
    curl = { group("faults_status", "A redirect ", { "{301 Moved Permanently|302 Found|303 See "
      .. "Other|307 Temporary Redirect|308 Permanent Redirect} is not followed, wherever it "
      .. "leads" }) }, nginx = true },

  { id = "F38", fault = "the token comes back",
    injected = "401 and 403 that repeat the API token in bodies and headers",
    must = "[redacted] in its place",
    curl = { status("a token that is sent back in {the body|a text|a header} is not shown ({all})"),
      stream "an error that holds the token shows it nowhere ({streams})" }, nginx = true },

  { id = "F39", fault = "429, once or for ever",
    injected = "Retry-After in all its forms",
    must = "the wait that was asked for, inside the total time",
    curl = { group("faults_retry", "A wait that the server asks for ", {
        "is not begun when it would not end in time ({all})",
        "is not begun when it exceeds the longest wait ({all})",
        "is not begun after the last retry has failed ({all})",
        "leaves the total time what it is ({calls})",
        "grows from one try to the next where the server asks for none",
        'is 0.02 s for "retry-after: 0.02" (stream)',
        'is 0.05 s for "Retry-After: 0.050" (stream, polled)',
        'is 0.02 s for "retry-after-ms: 20" (generate)',
        'is 0.005 s for "retry-after: nan" (stream)',
        'is 0.005 s for "retry-after: 1e9" (generate)',
        'is 0.005 s for "retry-after: -1" (generate)' }),
      group("retry", "retry.", { "date reads the three forms of RFC 9110",
        "after ignores implausible values",
        "after prefers milliseconds, and uses the reset of the rate limit last" }) },
    nginx = true },

  { id = "F40", fault = "every other status",
    injected = "400 to 600",
    must = "its kind, tried again or not",
    curl = { status("{402 Payment Required is of kind permission and final|408 Request Timeout is "
      .. "of kind server and tried again|409 Conflict is of kind server and tried again|425 Too "
      .. "Early is of kind server and tried again|500 Internal Server Error is of kind server and "
      .. "tried again|501 Not Implemented is of kind server and final|505 HTTP Version Not "
      .. "Supported is of kind server and final} ({all})", "204 is no answer ({all})",
      "503 Service Unavailable whose text breaks off stays what it is (transfer-encoding: chunked, "
        .. "reset) ({all})") }, nginx = true },

  { id = "F41", fault = "HTTP/2 by accident",
    injected = "RST_STREAM, GOAWAY, floods of PING and SETTINGS, no window, half frames",
    must = "retries before the first token, errors with the text after it; the rest does no harm",
    curl = { group("http2", "HTTP/2 by accident: ", {
      "{internal-error-before|cancel-before|no-error-before|calm-before|killed-before|too-long} is "
        .. "a lost connection that may be tried again",
      "{internal-error-after|cancel-after|no-error-after|refused-after|calm-after|"
        .. "goaway-in-the-middle|killed-after|impossible} two tokens is an error with their text, "
        .. "and no second try",
      "{goaway-finished|goaway-announced|pings|settings} does no harm",
      "goaway-unseen is a lost connection, or made up for by libcurl",
      "a refused stream is sent again by libcurl, and counts as one try",
      "a server that refuses every stream is asked once more for each try",
      "half a frame ends by the clock, and its connection is not used again",
      "a server that never takes the body of the request is given up by the clock" }) },
    nginx = "the client speaks only HTTP/1.1 there" },

  { id = "F42", fault = "compression that nobody asked for",
    injected = "gzip, deflate, bombs of 100 MiB, cut, twice, not named, as a transfer coding",
    must = "refused without decompression; errors keep their status",
    curl = { coding("{gzip|x-gzip|deflate|gzip that is cut off|gzip in gzip|gzip in gzip that is "
        .. "named once|a hundred megabytes of gzip|a hundred megabytes of deflate|gzip that is not "
        .. "named|a hundred megabytes of gzip that is not named|the transfer coding gzip|the "
        .. "transfer coding gzip, cut off|a hundred megabytes of the transfer coding gzip|an error "
        .. "page of gzip|an error page of a hundred megabytes of gzip|an error page with the "
        .. "transfer coding gzip} is refused ({all})"),
      body 'the content coding "br" is refused ({all})' }, nginx = true },

  { id = "F43", fault = "proxies",
    injected = "407, 502 and silence at CONNECT, a lost proxy, one that buffers whole streams",
    must = "a connection error of the phase proxy; for https the proxy sees neither token nor text",
    curl = { group("proxy", "A proxy ", { "that wants a password is an error that says so, and is "
      .. "not asked again", "that cannot reach the server is an error that may be tried again",
      "that hangs in CONNECT is given up after the time to connect",
      "that closes the connection is a lost connection",
      "that is not there is a lost connection that names the proxy",
      "that is asked for https never sees the token or the prompt",
      "that is asked for https cannot put itself in the server's place",
      "that sends a stream only when it is complete delivers all of it" }) },
    nginx = { inside_tls("uses a tunnel of the proxy, and sends plain requests to the proxy itself",
      "sends the user name and password of the proxy",
      "reports a proxy that fails, and shows it neither the token nor the prompt") } },

  { id = "F44", fault = "a reader slower than its server",
    injected = "tokens without end, and a reader that stops",
    must = "the server has to wait; memory stays flat; every token comes in order",
    curl = { group("faults_limits", "A reader that is slower than its server ", {
      "stops the server, keeps its memory, and gets every token in order",
      "needs the same memory however long it reads" }) }, nginx = true },

  { id = "F45", fault = "a reader that leaves",
    injected = "break, errors, os.exit, a coroutine that is never resumed, a dropped stream",
    must = "the server sees the connection close",
    curl = {
      group("lifetime", "over the network, ", {
        "leaving a for loop by {break|an error|return} closes the connection at once where Lua can",
        "leaving a for loop by {break|an error|return} closes the connection at the latest when it "
          .. "is collected",
        "forgetting a stream in the middle closes its connection when it is collected",
        "a coroutine that died while it waited and is never told does not keep a closed stream",
        "a coroutine that died is collected with its stream, its client and its loop" }),
      group("lifetime_process", "a process that ends ", {
        "by {os.exit|os.exit in the loop|os.exit from a coroutine|its last line} in the middle of "
          .. "a stream does so quietly" }) },
    nginx = { group("resty_threads", "the light threads of a stream inside nginx ", {
        "let the request end if their reader is killed while {reading|beginning|doing something "
          .. "else}", "let the request end if their reader is suspended forever" }),
      group("resty", "a client inside nginx ", {
        "ends a stream that was dropped without being closed",
        "closes a stream when its browser has disconnected" }) } },

  { id = "F46", fault = "hooks that do what they should not",
    injected = "errors, collections, calls of their own, closes",
    must = "the error reaches the caller; nothing else is touched",
    curl = { group("faults_hooks", "A hook that ", {
      "raises an error does no harm ({on_request|on_response|on_retry}, {all})",
      "collects garbage does no harm ({on_request|on_response|on_retry}, {all})",
      "makes a call of its own on the same client does no harm ({on_request|on_response|on_retry}, "
        .. "{all})",
      "closes the client does no harm ({on_request|on_response|on_retry}, {all})",
      "closes its stream ends it ({on_request|on_response|on_retry|on_token})",
      "raises an error does no harm (on_token, {streams})" }) }, nginx = true },

  { id = "F47", fault = "the end of clients with open streams",
    injected = "close and garbage collection in any order, lua_close in mid-stream",
    must = "no memory error; all connections are closed",
    curl = {
      group("lifetime", "over the network, ", {
        "closing a client any number of times ends a hundred streams",
        "forgetting a client with a hundred streams closes all connections" }),
      { "faults_lifetime", "A hundred open streams end with their client, closed in any order",
        "A hundred open streams end when they are collected in any order" },
      { "curl_lifetime", "pools and exchanges may be collected or closed in any order" },
      { "lifetime_process",
        "a process that ends by os.exit with a hundred streams in the middle of a stream does so "
          .. "quietly" },
      { "c/host_lifetime", "Lua states one after the other, each closed in mid-stream",
        "they leave no descriptor behind" } },
    nginx = { { "faults_lifetime",
        "A hundred open streams end with their client, closed in any order",
        "A hundred open streams end when they are collected in any order" },
      { "resty_process", "a process of nginx that ends in mid-stream closes its connections" } } },

  { id = "F48", fault = "forks and threads",
    injected = "fork with open connections; threads with a Lua state of their own",
    must = "the child gets a clear error; threads work side by side",
    curl = {
      { "c/host_lifetime", "Lua states in several threads at once",
        "threads leave no descriptor behind",
        "a forked child gets the error that the client is its parent's",
        "a forked child may use a client that was not used before the fork",
        "the parent goes on with its streams and its connections",
        "forks leave no descriptor behind" },
      { "thread", "Threads with a Lua state of their own each make calls of their own" },
      { "fork", "A forked child does not keep the connection of a closed {stream|client|forgotten "
        .. "stream} open", on = "luajit" } },
    nginx = { { "resty", "a client inside nginx may be made before the workers, and then uses "
      .. "different request ids in each" } } },

  { id = "F49", fault = "no descriptor is left",
    injected = "a process with a small limit that uses it up",
    must = "a connection error, and success when there are some again",
    curl = { { "faults_connect", "A process that has no descriptor left cannot connect, and can "
      .. "again when it has some ({cold|warm})" } },
    nginx = { { "resty_process", "a process of nginx that has no descriptor left cannot connect, "
      .. "and can again when it has some" } } },

  { id = "F50", fault = "a storm of signals",
    injected = "a thousand SIGALRM and SIGCHLD in a second, and Ctrl-C",
    must = "no call breaks, no token is lost; Ctrl-C ends the wait",
    curl = { { "faults_signals", "A storm of signals breaks no call and loses no token" },
      { "lifetime_process",
        "a process that waits in {generate|next|a for loop} can be interrupted, and close what it "
          .. "has" } },
    nginx = { { "resty_process", "a process of nginx in a storm of signals loses no token" } } },

  { id = "F51", fault = "the wall clock jumps",
    injected = "a clock that moves by a day, back and forth, in a stream",
    must = "no timeout fires early or late, and all times are true",
    curl = { group("clock_jumps", "A clock that jumps by a day ", {
      "ends no stream, and changes no duration", "delays no timeout",
      "changes no wait before a retry" }) },
    nginx = { { "resty_process",
      "a process of nginx whose clock jumps by a day ends no stream and delays no timeout" } } },

  { id = "F52", fault = "servers that restart, and requests that fail",
    injected = "a restart between two calls; 10,000 calls of which half of the requests fail",
    must = "each call comes out as the seed says, in at most three attempts, and leaves nothing",
    curl = { { "faults_connect", "A kept connection is not needed: the server may restart between "
        .. "two calls ({all})" },
      { "faults_retry", "When every other request fails all calls come out as the seed says, and "
        .. "leave nothing ({all})" } }, nginx = true },

  { id = "F53", fault = "any damage at all",
    injected = "10,000 damages of good answers, some of them recorded, each with its seed",
    must = "one outcome each, of a kind that exists; the next call is not touched",
    curl = { { "faults_mutations",
      "A damaged answer has one outcome, whatever the damage ({sized|chunked|recorded}, {all})" } },
    nginx = true },
}

return M
