---@meta _
-- SPDX-License-Identifier: MIT
-- Made from the tables in LDoc comments of internal modules by `make types`; do not edit.

---Tables that have no other keys than the fields of a class.
---@alias predibase.Known<T> table<keyof T, any>

---The options of `bulk.merge`.
---@class predibase.fields.MergeOptions
---@field into? string the path to write to
---@field format? "jsonl"|"csv"|"tsv" by default that of the extension
---@field input? string|file* the input of the run, to find out whether each row has an answer
---@field input_options? predibase.RowsOptions how it is read
---@field ordered? boolean write the records in the order of the input (default false)
---@field force? boolean replace an output that exists (default false)
---@field partial? boolean merge although shards or rows are missing (default false)

---The options of `bulk.merge`.
---@class predibase.MergeOptions : predibase.fields.MergeOptions, predibase.Known<predibase.fields.MergeOptions>
---@field into? string the path to write to

---The options of `client:run_bulk`: either `input` or `rows`, and others.
---@class predibase.fields.BulkOptions
---@field input? string|file* the path of a file, or an open file
---@field rows? (table|string)[]|fun(): (table|string|nil) an array, or a function that returns the next row and nil at the end; a row is a table of its columns, or a prompt
---@field format? "jsonl"|"csv"|"tsv"|"lines" of the file (default: that of its extension)
---@field columns? string[] the names of the columns, for CSV without a header line
---@field quotes? boolean `false` for CSV and TSV in which quotes have no meaning
---@field template? string|predibase.Template|predibase.ChatFormat|fun(row: table): (string|predibase.Message[]) a text with `{names}`, a template, a chat format, or a function that returns a prompt or messages
---@field dialect? "template"|"prompt"|"predibase"|"openai" how rows become calls (default: found by their fields)
---@field id? string the column with the ids
---@field options? predibase.SendOptions of all calls; `max_retries` is 8 by default
---@field out? string|fun(record: string) the path of the output, or a function that takes the text of each record
---@field out_format? "jsonl"|"csv"|"tsv" the format of the output
---@field ordered? boolean in the order of the rows (default false)
---@field timing? boolean with the seconds of each answer (default false)
---@field keep_changed? boolean keep answers of rows or options that have changed since then (default false)
---@field concurrency? integer|"auto" requests at the same time, 1 to 1000 (default `"auto"`: from 16 up to 256)
---@field limit? integer the first rows only
---@field sample? integer this many rows, drawn from all of them
---@field shard? string `"I/N"`, `"auto"` or `"auto/N"`, see `predibase.bulk.shards`
---@field max_tokens? integer no row is begun that would exceed them
---@field max_cost? number no row is begun that would exceed it
---@field price_in? number of a million tokens of prompts
---@field price_out? number of a million tokens of answers
---@field evaluate? string|{column: string, how: string?} the column with the expected answers, see `predibase.bulk.evaluation`

---The options of `client:run_bulk`: either `input` or `rows`, and others.
---@class predibase.BulkOptions : predibase.fields.BulkOptions, predibase.Known<predibase.fields.BulkOptions>
---@field input? string|file* the path of a file, or an open file

---The options of `client:chat_session`: its own, and those of its calls.
---@class predibase.fields.SessionOptions : predibase.fields.FormatOptions, predibase.SessionCalls
---@field over? "generate"|"chat" how the messages are sent (default `"generate"`)
---@field format? string|predibase.ChatFormat a chat format, its name, or the name of a model (default: that of the deployment)
---@field system? string the system message
---@field messages? predibase.Message[] the first messages of the history
---@field max_input_tokens? integer older turns that do not fit are not sent
---@field count_tokens? fun(text: string): number counts the tokens of a text, in place of the server's tokenizer
---@field stop_on_server? boolean with `client_stop`: stop the model at the sequence (default false)

---The options of `client:chat_session`: its own, and those of its calls.
---@class predibase.SessionOptions : predibase.fields.SessionOptions, predibase.Known<predibase.fields.SessionOptions>
---@field over? "generate"|"chat" how the messages are sent (default `"generate"`)

---The options of `session:send` and `session:stream`: those of `generate`, or over `"chat"` those
---of `chat_completion`.
---@class predibase.fields.SendOptions : predibase.SessionCalls
---@field keep_text? boolean `false` does not keep the text for the result (default true)

---The options of `session:send` and `session:stream`: those of `generate`, or over `"chat"` those
---of `chat_completion`.
---@class predibase.SendOptions : predibase.fields.SendOptions, predibase.Known<predibase.fields.SendOptions>
---@field keep_text? boolean `false` does not keep the text for the result (default true)

---What the options of a session and those of its calls have in common.
---@class predibase.SessionCalls : predibase.GenerateParameters, predibase.ChatParameters, predibase.fields.TextOptions, predibase.fields.CallOptions
---@field return_full_text? boolean put the prompt before the generated text (default false)
---@field on_token? fun(token: predibase.SessionDelta) receives each token or delta

---The options of `session:run` and `session:run_stream`.
---@class predibase.fields.RunOptions : predibase.fields.SendOptions
---@field max_rounds? integer most answers of the model (default 8)
---@field on_tool? fun(call: predibase.ToolCall, result: string) observes the result of each call
---@field on_tool_error? fun(call: predibase.ToolCall, err: any): string? returns what the model is told of a tool's error, or nil to stop

---The options of `session:run` and `session:run_stream`.
---@class predibase.RunOptions : predibase.fields.RunOptions, predibase.Known<predibase.fields.RunOptions>
---@field max_rounds? integer most answers of the model (default 8)

---The result of a call of a session.
---@class predibase.SessionResult : predibase.ChatResult
---@field rounds? integer of `session:run`: the number of answers

---The parameters of chat completions.
---@class predibase.ChatParameters
---@field max_tokens? integer most tokens of the answer, above 0
---@field max_new_tokens? integer the same by its name in `generate`
---@field max_completion_tokens? integer the same by its newer name in OpenAI's API
---@field adapter_id? string `repo/version` at Predibase (default: the base model)
---@field model? string the same by its name in OpenAI's API
---@field adapter_source? "pbase"|"hub"|"local"|"s3" where the adapter is (default `"pbase"`)
---@field api_token? string for private adapters of the hub
---@field temperature? number 0 or more; 0 always takes the most likely token
---@field top_p? number above 0, at most 1
---@field top_k? integer only the so many most likely tokens
---@field n? integer make so many answers
---@field stop? string|string[] the sequences at which the server stops
---@field presence_penalty? number -2 to 2
---@field frequency_penalty? number -2 to 2
---@field repetition_penalty? number above 0
---@field repitition_penalty? number the spelling of Predibase's documentation
---@field ignore_eos_token? boolean go on after the end-of-sequence token
---@field seed? integer|string 0 to 2^64 - 1, or its decimal digits
---@field response_format? predibase.ResponseFormat the form of the answer
---@field tool_prompt? string LoRAX: what the model is told about the tools
---@field guideline? string LoRAX: a further text of the template
---@field tools? predibase.Tool[] functions that the model may call
---@field tool_choice? string|table `"auto"`, `"none"`, `"required"`, the name of a tool, or OpenAI's table
---@field extra? table<string, any> further fields of the request

---The options of `client:chat_completion`.
---@class predibase.fields.ChatOptions : predibase.ChatParameters, predibase.fields.TextOptions, predibase.fields.CallOptions
---@field stop_on_server? boolean with `client_stop`: stop the model at the sequence (default false)

---The options of `client:chat_completion`.
---@class predibase.ChatOptions : predibase.fields.ChatOptions, predibase.Known<predibase.fields.ChatOptions>
---@field stop_on_server? boolean with `client_stop`: stop the model at the sequence (default false)

---The options of `client:chat_completion_stream`.
---@class predibase.fields.ChatStreamOptions : predibase.ChatParameters, predibase.fields.TextOptions, predibase.fields.CallOptions
---@field keep_text? boolean `false` does not keep the text for the result (default true)
---@field on_token? fun(delta: predibase.Delta) receives each delta

---The options of `client:chat_completion_stream`.
---@class predibase.ChatStreamOptions : predibase.fields.ChatStreamOptions, predibase.Known<predibase.fields.ChatStreamOptions>
---@field keep_text? boolean `false` does not keep the text for the result (default true)

---The options of `client:chat_completion_many`.
---@class predibase.fields.ChatManyOptions : predibase.ChatParameters, predibase.fields.TextOptions, predibase.fields.CallOptions
---@field concurrency? integer requests at the same time, 1 to 1000 (default 32)
---@field retry_generation? boolean send a conversation once more whose error is of kind "generation" (default true)

---The options of `client:chat_completion_many`.
---@class predibase.ChatManyOptions : predibase.fields.ChatManyOptions, predibase.Known<predibase.fields.ChatManyOptions>
---@field concurrency? integer requests at the same time, 1 to 1000 (default 32)

---A conversation of `client:chat_completion_many` with its own options.
---@class predibase.fields.ConversationEntry : predibase.fields.ChatOptions
---@field messages predibase.Message[] the conversation

---A conversation of `client:chat_completion_many` with its own options.
---@class predibase.ConversationEntry : predibase.fields.ConversationEntry, predibase.Known<predibase.fields.ConversationEntry>
---@field messages predibase.Message[] the conversation

---What one chunk of a stream adds to a completion.
---@class predibase.CompletionDelta
---@field text string may be empty
---@field finish_reason? string in the last delta: why the answer ended
---@field raw_finish_reason? string the server's word for it

---What one chunk of a stream adds to a chat completion.
---@class predibase.Delta : predibase.CompletionDelta
---@field reasoning? string what it adds to the reasoning
---@field tool_calls? predibase.ToolCall[] in the last delta: all calls of tools

---A token or a delta of a session: the fields of both.
---@class predibase.SessionDelta : predibase.Delta
---@field id? integer the number of the token
---@field logprob? number the logarithm of its probability
---@field special? boolean true for markers of the model
---@field skipped? boolean true when the server did not need the model for it
---@field alternative_tokens? predibase.PromptToken[] the most likely tokens

---The result of `client:chat_completion`.
---@class predibase.ChatResult : predibase.Result
---@field message predibase.Message to append to the messages
---@field tool_calls? predibase.ToolCall[] the functions that the model calls
---@field choices? predibase.ChatChoice[] all answers, when there are several

---One of several answers to a conversation.
---@class predibase.ChatChoice
---@field text string the text
---@field message predibase.Message to append to the messages
---@field tool_calls? predibase.ToolCall[] the functions that the model calls
---@field reasoning? string what the model wrote before its answer
---@field finish_reason? string why the answer ended
---@field raw_finish_reason? string the server's word for it
---@field stop_sequence? string the sequence that was removed from its end

---A call of a tool.
---@class predibase.ToolCall
---@field id string answers have it as `tool_call_id`
---@field name string of the tool
---@field arguments? table<string, any> nil when the text is not a JSON object
---@field raw_arguments string the text

---The options of `client:classify`.
---@class predibase.fields.ClassifyOptions : predibase.fields.CallOptions
---@field adapter_id? string `repo/version` at Predibase (default: the base model)
---@field model? string the same by its name in OpenAI's API
---@field api_token? string for private adapters
---@field extra? table<string, any> further fields of the request
---@field batch_size? integer texts in a request, 1 to 2048 (default 32)
---@field concurrency? integer requests at the same time, 1 to 1000 (default 8)

---The options of `client:classify`.
---@class predibase.ClassifyOptions : predibase.fields.ClassifyOptions, predibase.Known<predibase.fields.ClassifyOptions>
---@field adapter_id? string `repo/version` at Predibase (default: the base model)

---The classification of a text. LoRAX returns an array of entities, other servers a label.
---@class predibase.Classification
---@field [integer] predibase.Entity the entities in the text, from LoRAX
---@field label? string the most probable class, from other servers
---@field probs? number[] the probability of each class
---@field num_classes? integer the number of classes

---An entity in a text, such as a name.
---@class predibase.Entity
---@field entity_group string such as `"PER"`
---@field score number how sure the model is, 0 to 1
---@field word string the entity as the model's vocabulary writes it
---@field first integer the position of its first byte, as `text:sub(first, last)` takes it
---@field last integer the position of its last byte

---The parameters of completions.
---@class predibase.CompletionParameters
---@field max_tokens? integer most tokens of the answer, above 0
---@field max_new_tokens? integer the same by its name in `generate`
---@field max_completion_tokens? integer the same by its newer name in OpenAI's API
---@field adapter_id? string `repo/version` at Predibase (default: the base model)
---@field model? string the same by its name in OpenAI's API
---@field adapter_source? "pbase"|"hub"|"local"|"s3" where the adapter is (default `"pbase"`)
---@field api_token? string for private adapters of the hub
---@field temperature? number 0 or more; 0 always takes the most likely token
---@field top_p? number above 0, at most 1
---@field top_k? integer only the so many most likely tokens
---@field n? integer make so many answers; LoRAX allows only 1
---@field best_of? integer make so many answers and return the most likely one
---@field echo? boolean put the prompt before the text
---@field return_full_text? boolean the same by its name in `generate`
---@field logprobs? integer return probabilities; not with LoRAX
---@field stop? string|string[] the sequences at which the server stops
---@field presence_penalty? number -2 to 2
---@field frequency_penalty? number -2 to 2
---@field repetition_penalty? number above 0
---@field repitition_penalty? number the spelling of Predibase's documentation
---@field ignore_eos_token? boolean go on after the end-of-sequence token
---@field seed? integer|string 0 to 2^64 - 1, or its decimal digits
---@field extra? table<string, any> further fields of the request

---The options of `client:completion`.
---@class predibase.fields.CompletionOptions : predibase.CompletionParameters, predibase.fields.TextOptions, predibase.fields.CallOptions
---@field stop_on_server? boolean with `client_stop`: stop the model at the sequence (default false)

---The options of `client:completion`.
---@class predibase.CompletionOptions : predibase.fields.CompletionOptions, predibase.Known<predibase.fields.CompletionOptions>
---@field stop_on_server? boolean with `client_stop`: stop the model at the sequence (default false)

---The options of `client:completion_stream`.
---@class predibase.fields.CompletionStreamOptions : predibase.CompletionParameters, predibase.fields.TextOptions, predibase.fields.CallOptions
---@field keep_text? boolean `false` does not keep the text for the result (default true)
---@field on_token? fun(delta: predibase.CompletionDelta) receives each delta

---The options of `client:completion_stream`.
---@class predibase.CompletionStreamOptions : predibase.fields.CompletionStreamOptions, predibase.Known<predibase.fields.CompletionStreamOptions>
---@field keep_text? boolean `false` does not keep the text for the result (default true)

---The result of `client:completion`.
---@class predibase.CompletionResult : predibase.Result
---@field choices? predibase.CompletionChoice[] all answers, when there are several
---@field logprobs? any the probabilities, as the server sent them

---One of several answers to a completion.
---@class predibase.CompletionChoice
---@field text string the text
---@field finish_reason? string why it ended
---@field raw_finish_reason? string the server's word for it
---@field stop_sequence? string the sequence that was removed from its end
---@field reasoning? string what the model wrote before its answer
---@field logprobs? any the probabilities, as the server sent them

---The options of `predibase.new`. The environment supplies what is missing, see
---`predibase.config`.
---@class predibase.fields.ClientOptions : predibase.fields.CallOptions, predibase.fields.TextOptions
---@field api_token? string|false|fun(): (string?, any) the API token of Predibase, or a function that returns it (or nil and why there is none), called before each attempt; `false` sends none
---@field tenant_id? string the tenant at Predibase
---@field deployment? string the deployment at Predibase
---@field base_url? string|string[] the part of the URL before `/generate`; replaces tenant and deployment; an array for several servers that serve the same
---@field defaults? predibase.ClientDefaults parameters for every call
---@field proxy? string|false a URL with `http`, `https`, `socks5` or `socks5h`; `false`: no proxy, even if the environment names one
---@field ca_file? string the path of a file with certificate authorities (PEM)
---@field client_cert? string the path of the client's certificate (PEM)
---@field client_key? string the path of its key (PEM)
---@field client_key_password? string the password of the key
---@field verify? boolean check the server's certificate (default true)
---@field http_version? "1.1"|"2" the version of HTTP (default: the best one that the server supports)
---@field server? "lorax"|"openai" the API that the server has (default `"lorax"`)
---@field allow_plain_http? boolean send the token over plain HTTP to addresses that are not loopback (default false)
---@field max_event_bytes? integer largest event of a stream (default 8 MiB)
---@field max_response_bytes? integer largest whole response (default 64 MiB)
---@field user_agent? string is put in front of the library's own name
---@field loop? predibase.Loop how the client waits (default: it blocks, or yields in a task of `predibase.async`)
---@field transport? table replaces libcurl, for tests
---@field concurrency? integer|false most requests at the same time
---@field rate_limit? predibase.RateLimit|false most requests and tokens in a time
---@field fallback? predibase.Client[]|false clients that are asked when this one fails
---@field keep_text? boolean keep the texts of streams for their results (default true)
---@field stop_on_server? boolean let `generate` stop the model at a sequence of `client_stop` (default false)
---@field on_token? fun(token: predibase.Token|predibase.Delta) receives each token of a stream

---The options of `predibase.new`. The environment supplies what is missing, see
---`predibase.config`.
---@class predibase.ClientOptions : predibase.fields.ClientOptions, predibase.Known<predibase.fields.ClientOptions>
---@field api_token? string|false|fun(): (string?, any) the API token of Predibase, or a function that returns it (or nil and why there is none), called before each attempt; `false` sends none

---The options of every call.
---@class predibase.fields.CallOptions
---@field timeout? number|predibase.Timeouts seconds for the whole call with its retries (default 600; streams have no limit), or a table of timeouts
---@field max_retries? integer attempts after the first one, 0 to 100 (default 2)
---@field headers? table<string, string> further headers of the request
---@field cold_start? number|false seconds for which the call waits while the deployment starts
---@field traceparent? string|false|fun(): (string|table|nil) the trace that the call belongs to, see docs/deployments.md
---@field on_request? fun(request: predibase.RequestInfo) is called before each attempt
---@field on_response? fun(response: predibase.ResponseInfo) is called when the head of a response has come
---@field on_retry? fun(retry: predibase.RetryInfo) is called before each further attempt
---@field on_error? fun(err: predibase.Error) observes the final error of the call
---@field on_wire? fun(record: predibase.WireRecord) is called with what is sent and received, without secrets; over libcurl only

---The options of every call.
---@class predibase.CallOptions : predibase.fields.CallOptions, predibase.Known<predibase.fields.CallOptions>
---@field timeout? number|predibase.Timeouts seconds for the whole call with its retries (default 600; streams have no limit), or a table of timeouts

---The options of calls that generate text.
---@class predibase.fields.TextOptions
---@field trim_stop? boolean remove the sequence of `stop` at which the server stopped from the end of the text (default false)
---@field client_stop? string|string[] end the text before the first of these sequences
---@field reasoning? boolean|predibase.Marks separate what the model writes before its answer: between the marks of the chat format (`true`), between these marks, or not at all (`false`)
---@field format? string|predibase.ChatFormat the chat format of the prompt, or its name
---@field check_schema? boolean refuse a schema that the server cannot turn into a grammar (default true)
---@field check_limits? predibase.ServerLimits|false what `client:info()` says: the call is checked before it is sent

---The options of calls that generate text.
---@class predibase.TextOptions : predibase.fields.TextOptions, predibase.Known<predibase.fields.TextOptions>
---@field trim_stop? boolean remove the sequence of `stop` at which the server stopped from the end of the text (default false)

---The timeouts of a call, in seconds.
---@class predibase.fields.Timeouts
---@field connect? number name look-up, TCP, proxy and TLS together (default 10)
---@field first_token? number from sending a stream's request to its first token (default 600)
---@field token? number from one token to the next (default 120)
---@field idle? number time without any byte, once the response has begun (default 60)
---@field total? number|false the call including its retries; `false`: no limit

---The timeouts of a call, in seconds.
---@class predibase.Timeouts : predibase.fields.Timeouts, predibase.Known<predibase.fields.Timeouts>
---@field connect? number name look-up, TCP, proxy and TLS together (default 10)

---A limit of requests and tokens in a time.
---@class predibase.fields.RateLimit
---@field requests? integer most requests in the time
---@field tokens? integer most tokens in the time
---@field seconds? number the time (default 1)

---A limit of requests and tokens in a time.
---@class predibase.RateLimit : predibase.fields.RateLimit, predibase.Known<predibase.fields.RateLimit>
---@field requests? integer most requests in the time

---The limits of a server that are checked before a call is sent.
---@class predibase.ServerLimits
---@field max_input_length? integer most tokens of a prompt
---@field max_total_tokens? integer most tokens of prompt and answer together
---@field max_best_of? integer largest `best_of`
---@field max_stop_sequences? integer most sequences in `stop`

---What `on_request` is called with. Secrets are removed.
---@class predibase.RequestInfo
---@field method string of HTTP
---@field url string of the request
---@field headers table<string, string> of the request
---@field attempt integer the number of the attempt, from 1

---What `on_response` is called with.
---@class predibase.ResponseInfo
---@field status integer of HTTP
---@field headers table<string, string> lower-case name -> value
---@field attempt integer the number of the attempt, from 1

---What `on_retry` is called with.
---@class predibase.RetryInfo
---@field error predibase.Error why the attempt failed
---@field attempt integer the number of the attempt that failed, from 1
---@field delay number seconds until the next attempt

---What `on_wire` is called with. Secrets are removed from its text.
---@class predibase.WireRecord
---@field kind string "info" (about the connection), "request" (the head of a request), "sent" (its body), "response" (the head of a response), "body" (its body) or "event" (an event of a stream)
---@field text string lines without the last line end; at most 64 KiB of a body or event
---@field size? integer bytes of the whole body or event
---@field request integer the number of the request in this process
---@field attempt integer the number of the attempt, from 1
---@field time number seconds since the call began

---The options of `client:embed`.
---@class predibase.fields.EmbedOptions : predibase.fields.ClassifyOptions
---@field adapter_source? string where the adapter is (default `"pbase"`)
---@field merged_adapters? predibase.MergedAdapters several adapters in place of one

---The options of `client:embed`.
---@class predibase.EmbedOptions : predibase.fields.EmbedOptions, predibase.Known<predibase.fields.EmbedOptions>
---@field adapter_source? string where the adapter is (default `"pbase"`)

---A generated token.
---@class predibase.Token
---@field id integer the number of the token
---@field text string its text
---@field logprob? number the logarithm of its probability
---@field special? boolean true for markers of the model, such as `</s>`
---@field skipped? boolean true when the server did not need the model for it
---@field alternative_tokens? predibase.PromptToken[] the most likely tokens, with `return_k_alternatives`

---A token of a prompt, or an alternative of a generated one.
---@class predibase.PromptToken
---@field id integer the number of the token
---@field text string its text
---@field logprob? number the logarithm of its probability

---The details of an answer.
---@class predibase.Details
---@field finish_reason string the server's word for why the answer ended
---@field prompt_tokens? integer the number of tokens of the prompt
---@field generated_tokens? integer the number of tokens of the answer
---@field skipped_tokens? integer how many of them needed no model
---@field seed? integer|string the seed that was used
---@field prefill? predibase.PromptToken[] the tokens of the prompt
---@field tokens? predibase.Token[] the tokens of the answer
---@field best_of_sequences? predibase.Sequence[] the other answers of `best_of`

---Another answer of `best_of`.
---@class predibase.Sequence : predibase.Details
---@field generated_text string the text
---@field text? string the answer alone, if the text was shortened or the reasoning separated
---@field reasoning? string what the model wrote before its answer
---@field stop_sequence? string the sequence that was removed from its end

---The options of `client:generate`.
---@class predibase.fields.GenerateOptions : predibase.GenerateParameters, predibase.fields.TextOptions, predibase.fields.CallOptions
---@field return_full_text? boolean put the prompt before the generated text (default false)
---@field stop_on_server? boolean with `client_stop`: stop the model at the sequence. The answer then comes from a stream and has no `details.tokens` and no times of the server (default false)

---The options of `client:generate`.
---@class predibase.GenerateOptions : predibase.fields.GenerateOptions, predibase.Known<predibase.fields.GenerateOptions>
---@field return_full_text? boolean put the prompt before the generated text (default false)

---The options of `client:generate_stream`.
---@class predibase.fields.GenerateStreamOptions : predibase.GenerateParameters, predibase.fields.TextOptions, predibase.fields.CallOptions
---@field return_full_text? boolean put the prompt before the generated text (default false)
---@field keep_text? boolean `false` does not keep the text of the tokens for the result, for long streams (default true)
---@field on_token? fun(token: predibase.Token) receives each token

---The options of `client:generate_stream`.
---@class predibase.GenerateStreamOptions : predibase.fields.GenerateStreamOptions, predibase.Known<predibase.fields.GenerateStreamOptions>
---@field return_full_text? boolean put the prompt before the generated text (default false)

---The options of `client:generate_many`.
---@class predibase.fields.GenerateManyOptions : predibase.GenerateParameters, predibase.fields.TextOptions, predibase.fields.CallOptions
---@field return_full_text? boolean put the prompt before the generated text (default false)
---@field concurrency? integer requests at the same time, 1 to 1000 (default 32)
---@field retry_generation? boolean send a prompt once more whose error is of kind "generation" (default true)

---The options of `client:generate_many`.
---@class predibase.GenerateManyOptions : predibase.fields.GenerateManyOptions, predibase.Known<predibase.fields.GenerateManyOptions>
---@field return_full_text? boolean put the prompt before the generated text (default false)

---A prompt of `client:generate_many` with its own options, which replace the common ones.
---@class predibase.fields.PromptEntry : predibase.fields.GenerateOptions
---@field prompt string the prompt

---A prompt of `client:generate_many` with its own options, which replace the common ones.
---@class predibase.PromptEntry : predibase.fields.PromptEntry, predibase.Known<predibase.fields.PromptEntry>
---@field prompt string the prompt

---What `client:info` returns. What the server does not know is nil.
---@class predibase.Info : predibase.ServerLimits
---@field model_id string the model
---@field model_sha? string its revision
---@field model_dtype? string the type of its numbers
---@field model_device_type? string such as `"cuda"`
---@field model_pipeline_tag? string such as `"text-generation"`
---@field version? string of the server
---@field sha? string of the server
---@field docker_label? string of the server
---@field request_logger_url? string where the server logs requests
---@field eager_prefill? boolean a setting of the server's batches
---@field waiting_served_ratio? number a setting of the server's batches
---@field max_concurrent_requests? integer most requests at the same time
---@field max_batch_total_tokens? integer most tokens of a batch
---@field max_waiting_tokens? integer a setting of the server's batches
---@field validation_workers? integer processes that check requests

---The options of `client:generate_json`. Without `schema` and `response_format` the answer is any
---JSON object.
---@class predibase.fields.GenerateJsonOptions : predibase.GenerateParameters, predibase.fields.TextOptions, predibase.fields.CallOptions
---@field schema? string|table a JSON schema for an object or a list: JSON text, a table, or a value of `predibase.template.ordered`

---The options of `client:generate_json`. Without `schema` and `response_format` the answer is any
---JSON object.
---@class predibase.GenerateJsonOptions : predibase.fields.GenerateJsonOptions, predibase.Known<predibase.fields.GenerateJsonOptions>
---@field schema? string|table a JSON schema for an object or a list: JSON text, a table, or a value of `predibase.template.ordered`

---The options of `client:chat_completion_json`.
---@class predibase.fields.ChatJsonOptions : predibase.ChatParameters, predibase.fields.TextOptions, predibase.fields.CallOptions
---@field schema? string|table as for `client:generate_json`

---The options of `client:chat_completion_json`.
---@class predibase.ChatJsonOptions : predibase.fields.ChatJsonOptions, predibase.Known<predibase.fields.ChatJsonOptions>
---@field schema? string|table as for `client:generate_json`

---@class predibase.Task
local Task = {}

---Waits for the end of the task and returns its results. Outside of tasks, it runs the tasks until
---this one has ended.
---
---Raises an error the error of its function; an error of kind "cancelled" if this task or the calling task is cancelled.
---@return any # the results of its function
function Task:await() end

---Waits for the end of the task like `await`, but returns its error instead of raising it.
---
---Raises an error an error of kind "cancelled" if the calling task is cancelled.
---@return boolean # true, and then the results of its function; or false
---@return any # the error of its function; an error of kind "cancelled" if the task was cancelled
---@return_overload boolean
---@return_overload boolean, any
function Task:join() end

---Cancels the task: its current wait, or else its next one, raises an error of kind "cancelled".
---Also closes the connections of all streams and calls that this task was the last to wait for. A
---task that catches the error can still do work that needs no wait; each later wait raises the
---error again, and the task counts as cancelled however it ends.
---@return boolean # false if the task had already ended or was already cancelled
function Task:cancel() end

---Returns the state of the task.
---@return string # "running", "done", "failed" or "cancelled"
function Task:status() end

---The options of `client:metrics`.
---@class predibase.fields.MetricsOptions : predibase.fields.CallOptions
---@field text? boolean return Prometheus' text format unread (default false)

---The options of `client:metrics`.
---@class predibase.MetricsOptions : predibase.fields.MetricsOptions, predibase.Known<predibase.fields.MetricsOptions>
---@field text? boolean return Prometheus' text format unread (default false)

---The options of `client:metrics` for Prometheus' text format.
---@class predibase.fields.MetricsTextOptions : predibase.fields.MetricsOptions
---@field text true return Prometheus' text format unread

---The options of `client:metrics` for Prometheus' text format.
---@class predibase.MetricsTextOptions : predibase.fields.MetricsTextOptions, predibase.Known<predibase.fields.MetricsTextOptions>
---@field text true return Prometheus' text format unread

---A metric of a server.
---@class predibase.Metric
---@field type string "counter", "gauge", "histogram", "summary" or "untyped"
---@field value? number of a counter or a gauge
---@field sum? number of a histogram or a summary
---@field count? number of a histogram or a summary
---@field series predibase.MetricSeries[] the numbers with labels

---A number of a metric with labels.
---@class predibase.MetricSeries
---@field labels table<string, string> name -> value
---@field value number the number
---@field part? "sum"|"count"|"bucket" which number of a histogram or a summary

---What is known about vectors and classifications besides their values.
---@class predibase.About
---@field usage predibase.Usage the numbers of tokens, where the server counts them
---@field timing predibase.Timing in seconds; `total` is of the whole call
---@field request_id? string of the first request
---@field request_ids string[] of all requests
---@field requests integer their number
---@field attempts integer of all requests
---@field trace_id? string for questions to the provider
---@field headers table<string, string> of the first response: lower-case name -> value
---@field status integer of HTTP
---@field adapter_id? string the adapter that was used
---@field model_id? string the model
---@field client? predibase.Client the client that answered, with the option `fallback`

---The options of `client:request`.
---@class predibase.fields.RequestOptions : predibase.fields.CallOptions
---@field stream? boolean read the answer as a stream of events (default false)
---@field accept? string the media types that are wanted (default `*/*`)
---@field content_type? string of the body (default `application/json`)

---The options of `client:request`.
---@class predibase.RequestOptions : predibase.fields.RequestOptions, predibase.Known<predibase.fields.RequestOptions>
---@field stream? boolean read the answer as a stream of events (default false)

---The options of `client:request` for a stream of events.
---@class predibase.fields.RequestStreamOptions : predibase.fields.RequestOptions
---@field stream true read the answer as a stream of events

---The options of `client:request` for a stream of events.
---@class predibase.RequestStreamOptions : predibase.fields.RequestStreamOptions, predibase.Known<predibase.fields.RequestStreamOptions>
---@field stream true read the answer as a stream of events

---The answer to `client:request`.
---@class predibase.RawResponse
---@field status integer of HTTP
---@field headers table<string, string> lower-case name -> value
---@field body string the bytes
---@field json? any the decoded body, if its content type is JSON
---@field request_id? string the `X-Request-Id` that was sent
---@field trace_id? string for questions to the provider
---@field timing predibase.Timing in seconds
---@field attempts integer the number of attempts
---@field client? predibase.Client the client that answered, with the option `fallback`

---An event of a stream of `client:request`.
---@class predibase.RawEvent
---@field text string the data of the event

---The options of `client:wait_ready`.
---@class predibase.fields.WaitOptions
---@field timeout? number seconds (default 600)
---@field on_wait? fun(wait: predibase.WaitInfo) is called before each pause

---The options of `client:wait_ready`.
---@class predibase.WaitOptions : predibase.fields.WaitOptions, predibase.Known<predibase.fields.WaitOptions>
---@field timeout? number seconds (default 600)

---What `on_wait` is called with.
---@class predibase.WaitInfo
---@field error predibase.Error why the server is not ready
---@field attempt integer the number of questions so far
---@field waited number seconds since the beginning
---@field delay number seconds until the next question

---Options of `format:render` that adapters and conversations accept.
---@class predibase.fields.FormatOptions
---@field special_tokens_in_text? "refuse"|"neutralise"|"allow" what happens to texts that contain special tokens
---@field enable_thinking? boolean `false` for models that think by default
---@field variables? table<string, any> of a model's own template
---@field date_string? string for formats that contain today's date
---@field now? number Unix seconds, for formats that contain today's date

---Options of `format:render` that adapters and conversations accept.
---@class predibase.FormatOptions : predibase.fields.FormatOptions, predibase.Known<predibase.fields.FormatOptions>
---@field special_tokens_in_text? "refuse"|"neutralise"|"allow" what happens to texts that contain special tokens

---The times of a call in seconds. The client measures the first two, the server's headers have the
---others.
---@class predibase.Timing
---@field total number the whole call
---@field first_token? number until the first token of a stream
---@field total_server? number the whole request in the server
---@field validation? number of the request
---@field queue? number in the queue of the server
---@field inference? number of the model
---@field compute? number all work of the server
---@field time_per_token? number mean of all tokens
---@field time_to_first_token? number in the server
---@field time_per_output_token? number mean of the tokens after the first

---The numbers of tokens that are known.
---@class predibase.Usage
---@field prompt_tokens? integer of the prompt
---@field completion_tokens? integer of the answer
---@field total_tokens? integer of both

---@class predibase.AnswerReader
local AnswerReader = {}

---Processes a piece of text.
---@param text string
---@return string # the text of the answer that may be shown now
---@return string # the same of the reasoning
function AnswerReader:feed(text) end

---Ends the text.
---@return string # the rest of the answer
---@return string # the rest of the reasoning
---@return predibase.ToolCall[]? # the calls, see `format:parse`; nil when there are none
function AnswerReader:finish() end

---Tells whether a special token has to be fed all the same, because it is one of the marks.
---@param text string of the token
---@return boolean
function AnswerReader:is_mark(text) end

---The options of `client:tokenize`.
---@class predibase.fields.TokenizeOptions : predibase.fields.CallOptions
---@field add_special_tokens? boolean include the tokens that begin and end a text (default true)

---The options of `client:tokenize`.
---@class predibase.TokenizeOptions : predibase.fields.TokenizeOptions, predibase.Known<predibase.fields.TokenizeOptions>
---@field add_special_tokens? boolean include the tokens that begin and end a text (default true)

---A token of `client:tokenize`.
---@class predibase.TextToken
---@field id integer the number of the token
---@field text string the token as the model's vocabulary writes it
---@field start integer the position of its first character, from 0
---@field stop integer the position of the character after it
