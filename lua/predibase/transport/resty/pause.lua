-- SPDX-License-Identifier: MIT
--- Waiting on semaphores of nginx, and who still can.
--
-- nginx may end a request by itself, for example because of a condition in the visitor's head. From
-- then on a wait fails at once, without waiting; a loop that took this for a timeout would not end.
-- @module predibase.transport.resty.pause

local ngx = ngx

local M = {}

--- Waits until a semaphore is posted, or for a time. Never raises.
-- @tparam table semaphore of `ngx.semaphore`
-- @tparam number seconds
-- @treturn[1] boolean true when it was posted, false when the time has passed
-- @treturn[2] nil
-- @treturn[2] string why no wait is possible here
function M.wait(semaphore, seconds)
  local ran, ok, why = pcall(semaphore.wait, semaphore, seconds)
  if not ran then return nil, tostring(ok) end
  if ok then return true end
  if why == "timeout" then return false end
  return nil, tostring(why)
end

--- The failure of an exchange whose request cannot wait any more.
-- @tparam string why see `wait`
-- @treturn table
function M.failure(why)
  return { kind = "cancelled", phase = "closed",
    message = "nginx has probably ended this request, so its code cannot wait any more: " .. why }
end

--- Raises a plain string when nginx has ended the request whose code calls. Everything that this
-- code could do next would raise as well, and nginx's log shows strings only.
function M.stop()
  if pcall(ngx.get_phase) then return end
  error("predibase: nginx has ended this request, so its code cannot go on; a condition in the "
    .. "visitor's head (If-Match and the like) may be the reason", 0)
end

--- How it stands with a coroutine of this request: one that has ended is a "zombie" until its
-- parent asks for it, and one that is suspended may never be resumed.
-- @tparam ?thread co
-- @treturn string "busy" (it runs, or waits for nginx), "suspended" or "gone"
function M.state(co)
  local status = co and coroutine.status(co)
  if status == "running" or status == "normal" then return "busy" end
  return status == "suspended" and status or "gone"
end

return M
