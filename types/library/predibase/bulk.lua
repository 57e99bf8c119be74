---@meta predibase.bulk
-- SPDX-License-Identifier: MIT
-- Made from lua/predibase/bulk.lua by `make types`; do not edit.

---Bulk work: rows in, answers out. `client:run_bulk` makes a run, see `predibase.bulk.run`; this
---module puts its parts together.
---
---    local bulk = require "predibase.bulk"
---    bulk.rows.open("questions.csv")         -- reads and writes files of rows
---    bulk.merge("answers.jsonl")             -- joins the outputs of several machines
---    bulk.report("report.html", { summary = run:summary() })     -- a page about a run
---@class predibase.bulk
---@field rows predibase.bulk.rows Reads and writes files of rows, see `predibase.bulk.rows`.
local M = {}

---Joins the outputs of the shards of a run, see `predibase.bulk.merge`.
---@param out string path of the whole output
---@param options? predibase.MergeOptions
---@return table? # the summary
---@return predibase.Error # the error
---@return_overload table
---@return_overload nil, predibase.Error
function M.merge(out, options) end

---Writes the result of `merge` as a few lines of text.
---@param found table
---@return string[] # lines without line ends
function M.merge_lines(found) end

---Writes a page about a run, see `predibase.bulk.report`.
---@param path string
---@param data table `summary` (of the run), `evaluation`, and `run`: how it was run
---@return boolean? # true
---@return predibase.Error # the error, of kind "config"
---@return_overload boolean
---@return_overload nil, predibase.Error
function M.report(path, data) end

---Makes a run.
---
---Raises an error for options that do not exist or have the wrong type.
---@param client predibase.Client
---@param options predibase.BulkOptions see `client:run_bulk`
---@param view? table of an adapter, see `predibase.bulk.dialects`
---@return predibase.BulkRun # see `predibase.bulk.run`
function M.new(client, options, view) end

---Prepares the first requests of a run, and counts its rows and their tokens. Only `/tokenize` is
---called, and no output is opened.
---
---Raises an error as `client:run_bulk` does.
---@param client predibase.Client
---@param options predibase.BulkOptions as for `client:run_bulk`
---@param most integer number of requests to prepare
---@return table? # see `predibase.bulk.preview`
---@return predibase.Error # the error
---@return_overload table
---@return_overload nil, predibase.Error
function M.preview(client, options, most) end

---Writes what a run has done as a few lines of text.
---@param summary predibase.BulkSummary as `run:summary` returns it
---@return string[] # printable lines without line ends
function M.lines(summary) end

return M
