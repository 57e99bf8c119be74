---@meta predibase.mock.server
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/mock/server.lua by `make types`; do not edit.

---The options of a stand-in server.
---@class predibase.fields.MockOptions
---@field host? string the address to listen at; loopback only (default `"127.0.0.1"`)
---@field port? integer 0: any free port (default 0)
---@field token? string requests without this bearer token get 401
---@field delay? number seconds between tokens (default 0)
---@field keepalive_interval? number seconds between comments while nothing is sent (default 15)
---@field script? table<string, predibase.MockFaults|predibase.MockFaults[]> path -> faults
---@field seed? string a decimal number of 64 bits from which seeds for requests are drawn
---@field server? "lorax"|"openai" the API (default `"lorax"`)
---@field classify? "lorax"|"managed" the form of `/classify` (default `"lorax"`)
---@field model_id? string the name of the model
---@field adapter_source? string of adapters in requests that name none (default `"pbase"`)
---@field max_concurrent_requests? integer as the router's option (default 1024)
---@field max_best_of? integer as the router's option (default 2)
---@field max_stop_sequences? integer as the router's option (default 10)
---@field max_input_length? integer most tokens of a prompt (default 1792)
---@field max_total_tokens? integer most tokens of prompt and answer together (default 2048)
---@field embedding_size? integer numbers of a vector (default 256)
---@field fault_rate? number how many requests fail by chance, from 0 to 1 (default 0)
---@field max_seconds? number after which the server closes itself
---@field max_requests? integer after which the server closes itself
---@field log_limit? integer requests that `log` remembers (default 1000)
---@field on_error? fun(text: string) called with the text of an error in the server itself

---The options of a stand-in server.
---@class predibase.MockOptions : predibase.fields.MockOptions, predibase.Known<predibase.fields.MockOptions>
---@field host? string the address to listen at; loopback only (default `"127.0.0.1"`)

---A stand-in server in this process.
---@class predibase.MockServer
---@field url string where it listens
---@field host string the address
---@field port integer the port
local MockServer = {}

---Sets what happens to requests for a path: a table of faults, or an array of them. Those with
---`when` are for requests whose body contains that text; of the others there is one for each
---request in turn (the last one stays). nil removes the script.
---@param path string as requested, without `~` segments; or a route such as `/generate`, which means this route under any prefix; or `*` for every request
---@param script? predibase.MockFaults|predibase.MockFaults[]
function MockServer:script(path, script) end

---Returns the faults of a request; those in its path take precedence over those of its script.
---Without either there may be one by chance, see `predibase.mock.random_faults`.
---@param path string
---@param route? string
---@param found table faults in the path
---@param body string of the request
---@return table
---@return string? # the name under which refusals by `overload` are counted
function MockServer:faults(path, route, found, body) end

---Counts a request as active, unless `overload` or `max_concurrent_requests` refuse it.
---@param context table
---@return boolean # true when it is refused
function MockServer:overloaded(context) end

---Draws a seed for a request that has none.
---@return string # decimal digits
function MockServer:seed() end

---Returns the requests, oldest first: `{ number, method, target, path, route, version, headers,
---body, status, tokens, complete, closed_by = nil|"client"|"server", seconds, error }`.
---@return predibase.MockRequest[]
function MockServer:log() end

---Counts connections and requests.
---@return predibase.MockConnections # `accepted` and `open` connections, `active` requests
function MockServer:connections() end

---Returns the metrics, with the number of active requests.
---@return table # see `predibase.mock.prometheus`
function MockServer:metrics_now() end

---Makes every request fail that generates tokens, like the requests of one GPU batch of a real
---server.
---@param except table the context of the request that caused the error and fails by itself
function MockServer:fail_batch(except) end

---Behaves as if the router's process had ended: closes all connections and accepts no more.
function MockServer:crash() end

---Closes the listening socket and every connection. May be called again.
function MockServer:close() end

---A request that a stand-in server got.
---@class predibase.MockRequest
---@field number integer of the request, from 1
---@field method string of HTTP
---@field target string as requested
---@field path string without faults
---@field route? string that answered
---@field version string of HTTP
---@field headers table<string, string> lower-case name -> value
---@field body string the bytes
---@field status? integer of the answer
---@field tokens? integer that were sent
---@field complete? boolean whether the answer was sent to its end
---@field closed_by? "client"|"server" who closed the connection
---@field seconds? number that it took
---@field error? string an error in the server itself

---The numbers of connections and requests.
---@class predibase.MockConnections
---@field accepted integer connections so far
---@field open integer connections
---@field active integer requests

---The stand-in server: its options, its listening socket, its connections, scripts and log.
---It runs on luv's default loop and does nothing while that loop does not run.
---@class predibase.mock.server
---@field options table Every option: its default, or its type where there is none.
local M = {}

---Checks options and fills in what is missing. Raises an error for a wrong type, an address that
---is not loopback, and an unknown name, with the nearest existing one.
---@param options? table
---@param more? table further options in the form of `M.options`; their defaults win
---@return table
function M.check(options, more) end

---Starts a server on luv's default loop.
---@param options table as `check` returns them
---@return predibase.MockServer? # with `url`, `host` and `port`
---@return string? # why the address cannot be used
---@return_overload predibase.MockServer
---@return_overload nil, string
function M.new(options) end

return M
