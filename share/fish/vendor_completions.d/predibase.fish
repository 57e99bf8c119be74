# SPDX-License-Identifier: MIT
# Completion of the command predibase for fish.
# Made by tools/pages.lua from the options of the command; make pages.

# Options that take a value in the next word.
set -g __predibase_valued --template --var --file --schema --client-stop --adapter-id --adapter-source --merged-adapters --adapter-token-file --best-of --temperature --repetition-penalty --frequency-penalty --presence-penalty --top-k --top-p --typical-p --max-new-tokens --stop --truncate --return-k-alternatives --seed --response-format --extra --base-url --tenant-id --deployment --server --token-file --header --ca-file --client-cert --client-key --client-key-password-file --proxy --http-version --user-agent --timeout --connect-timeout --first-token-timeout --token-timeout --idle-timeout --max-retries --max-event-bytes --max-response-bytes --format --system --tools --load --max-input-tokens --columns --dialect --prompt-template --id --limit --sample --shard --out --out-format --evaluate --evaluate-how --report --concurrency --rate-limit --max-tokens --max-cost --price-in --price-out --into --input --input-format --input-columns --batch-size --content-type --accept --classify --host --port --delay --fault-rate --max-seconds --max-requests

# Reads the words before the cursor: prints the command in the first line, the
# names of options and the numbers of arguments that are given in the others,
# and "ended" after the word --.
function __predibase_scan
    set -l words (commandline -opc)
    set -e words[1]
    set -l command
    set -l used
    set -l waiting
    set -l ended
    set -l given 0
    for i in (seq (count $words))
        set -l word $words[$i]
        if test -n "$waiting"
            set waiting
        else if test -z "$ended" -a "$word" = --
            set ended ended
        else if test -z "$ended"; and string match -qr -- '^-.' $word
            set -l name (string replace -r '=.*' '' -- $word)
            if not string match -q -- '*=*' $word; and contains -- $name $__predibase_valued
                set waiting $name
                # Its value is completed, so that it can be given still.
                if test $i -eq (count $words)
                    break
                end
            end
            set -a used $name
        else if test -z "$command"
            set command $word
        else if test "$command" = batch -a "$word" = merge -a $i -eq 2
            set command batch-merge
        else
            set given (math $given + 1)
            set -a used $given
        end
    end
    echo $command
    for name in $used $ended
        echo $name
    end
end

# __predibase_can COMMANDS OPTION [OTHER]...: succeeds if one of the commands,
# with commas between them, can get the option: it is not given yet, and none of
# the others is. An OPTION that can be given several times is "".
function __predibase_can
    set -l scan (__predibase_scan)
    contains -- "$scan[1]" (string split , -- $argv[1]); or return 1
    contains -- ended $scan[2..]; and return 1
    for name in $argv[2..]
        contains -- "$name" $scan[2..]; and return 1
    end
    return 0
end

# __predibase_argument COMMAND NUMBER [OTHER]...: succeeds if the next argument of
# the command has the number, and none of the options is given.
function __predibase_argument
    set -l scan (__predibase_scan)
    test "$scan[1]" = "$argv[1]"; or return 1
    contains -- $argv[2] $scan[2..]; and return 1
    test $argv[2] -eq 1; or contains -- (math $argv[2] - 1) $scan[2..]; or return 1
    for name in $argv[3..]
        contains -- $name $scan[2..]; and return 1
    end
    return 0
end

# Completes @ and the name of a file, alone or after NAME=.
function __predibase_at_files
    set -l word (string replace -r '^--[^=]*=' '' -- (commandline -ct))
    set -l parts (string match -r '^((?:[^=@]+=)?@)(.*)$' -- $word); or return
    for path in (__fish_complete_path $parts[3])
        echo $parts[2]$path
    end
end

complete -c predibase -f

complete -c predibase -n "__predibase_can '' ''" -a generate -d 'Generate text and stream it to standard output'
complete -c predibase -n "__predibase_can '' ''" -a chat -d 'Talk to a model in the terminal'
complete -c predibase -n "__predibase_can '' ''" -a batch -d 'Answer the rows of a file'
complete -c predibase -n "__predibase_can '' ''" -a embed -d 'Print the vectors of texts'
complete -c predibase -n "__predibase_can '' ''" -a classify -d 'Print the entities in texts, or their labels'
complete -c predibase -n "__predibase_can '' ''" -a tokenize -d 'Print the tokens of texts'
complete -c predibase -n "__predibase_can '' ''" -a info -d 'Print the server\'s model and limits'
complete -c predibase -n "__predibase_can '' ''" -a health -d 'Tell whether the server can answer'
complete -c predibase -n "__predibase_can '' ''" -a metrics -d 'Print the numbers that the server counts'
complete -c predibase -n "__predibase_can '' ''" -a request -d 'Send a request to any path of the server'
complete -c predibase -n "__predibase_can '' ''" -a doctor -d 'Find out why calls fail: configuration, network, TLS, token, deployment'
complete -c predibase -n "__predibase_can '' ''" -a mock -d 'Start a stand-in LoRAX server on this machine'
complete -c predibase -n '__predibase_argument batch 1' -a merge -d 'Join the files of shards'
complete -c predibase -n "__predibase_can '',generate,chat,batch,batch-merge,embed,classify,tokenize,info,health,metrics,request,doctor,mock --help" -s h -l help -d 'Show this help message and exit'
complete -c predibase -n "__predibase_can '' --version" -l version -d 'Print the version and exit'
complete -c predibase -n "__predibase_can generate --template --file 1" -l template -d 'Make the prompt from a template, filled in by --var' -r -F
complete -c predibase -n "__predibase_can generate ''" -l var -d 'A value for the template, or @FILE to read it (@@ for a leading @)' -x -a '(__predibase_at_files)'
complete -c predibase -n "__predibase_can generate --file --template 1" -l file -d 'Read the prompt from a file' -r -F
complete -c predibase -n "__predibase_can generate --no-stream" -l no-stream -d 'Wait for the whole answer'
complete -c predibase -n "__predibase_can generate --schema --response-format --return-full-text" -l schema -d 'Answer with JSON that fits the JSON schema in this file' -r -F
complete -c predibase -n "__predibase_can generate --json" -l json -d 'Print JSON instead of text'
complete -c predibase -n "__predibase_can generate,chat --stats" -l stats -d 'Print tokens, time to first token, tokens per second'
complete -c predibase -n "__predibase_can generate,chat,batch --trim-stop" -l trim-stop -d 'Remove the text of --stop from the end'
complete -c predibase -n "__predibase_can generate,chat,batch ''" -l client-stop -d 'End the text before this string, anywhere in it' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify --adapter-id" -l adapter-id -d 'Adapter to answer with, such as my-repo/3' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed --adapter-source" -l adapter-source -d 'Where the adapter is: pbase (default), hub, s3 or local' -x -a 'hub local s3 pbase'
complete -c predibase -n "__predibase_can generate,chat,batch,embed --merged-adapters" -l merged-adapters -d 'Adapters to merge: {"ids": [...], "weights": [...]}' -x -a '(__predibase_at_files)'
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify --adapter-token-file" -l adapter-token-file -d 'File with the token for the adapter\'s repository, not for the API' -r -F
complete -c predibase -n "__predibase_can generate,chat --best-of" -l best-of -d 'Generate this many and answer with the best (with --no-stream)' -x
complete -c predibase -n "__predibase_can generate,chat,batch --temperature" -l temperature -d '0 picks the likeliest token' -x
complete -c predibase -n "__predibase_can generate,chat,batch --repetition-penalty" -l repetition-penalty -d 'Above 1 makes repeating a token less likely' -x
complete -c predibase -n "__predibase_can generate,chat,batch --frequency-penalty" -l frequency-penalty -d 'From -2 to 2, by how often a token came before' -x
complete -c predibase -n "__predibase_can generate,chat,batch --presence-penalty" -l presence-penalty -d 'From -2 to 2, by whether a token came before' -x
complete -c predibase -n "__predibase_can generate,chat,batch --top-k" -l top-k -d 'Choose from the K likeliest tokens' -x
complete -c predibase -n "__predibase_can generate,chat,batch --top-p" -l top-p -d 'Choose from the likeliest tokens that add up to P' -x
complete -c predibase -n "__predibase_can generate,chat,batch --typical-p" -l typical-p -d 'Choose from typical tokens that add up to P' -x
complete -c predibase -n "__predibase_can generate,chat,batch --do-sample" -l do-sample -d 'Sample even if no other option makes the server do it'
complete -c predibase -n "__predibase_can generate,chat,batch --max-new-tokens" -l max-new-tokens -d 'At most this many tokens' -x
complete -c predibase -n "__predibase_can generate,chat,batch --ignore-eos-token" -l ignore-eos-token -d 'Go on after the end-of-text token'
complete -c predibase -n "__predibase_can generate --return-full-text --schema" -l return-full-text -d 'The result begins with the prompt'
complete -c predibase -n "__predibase_can generate,chat,batch ''" -l stop -d 'End the answer with this text, which stays in it' -x
complete -c predibase -n "__predibase_can generate,chat,batch --truncate" -l truncate -d 'Keep the last N tokens of the prompt' -x
complete -c predibase -n "__predibase_can generate,chat,batch --watermark" -l watermark -d 'Watermark the text'
complete -c predibase -n "__predibase_can generate,chat --details" -l details -d 'Print the server\'s details of the answer, as JSON on standard error'
complete -c predibase -n "__predibase_can generate,chat --decoder-input-details" -l decoder-input-details -d 'Details of the prompt\'s tokens, too (with --no-stream)'
complete -c predibase -n "__predibase_can generate,chat --return-k-alternatives" -l return-k-alternatives -d 'List the K likeliest tokens at each place (see --json)' -x
complete -c predibase -n "__predibase_can generate,chat,batch --apply-chat-template" -l apply-chat-template -d 'Sent to the server'
complete -c predibase -n "__predibase_can generate,chat,batch --seed" -l seed -d 'Seed of the random choice, up to 2^64 - 1' -x
complete -c predibase -n "__predibase_can generate --response-format --schema" -l response-format -d 'Shape of the answer: {"type": "json_object", "schema": {...}}' -x -a '(__predibase_at_files)'
complete -c predibase -n "__predibase_can generate,chat,batch --no-check-schema" -l no-check-schema -d 'Send a schema although the server is known to fail with it'
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify ''" -l extra -d 'A parameter that has no option yet, as NAME=JSON' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --base-url" -l base-url -d 'Address to which /generate is appended' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --tenant-id" -l tenant-id -d 'Tenant of the deployment' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --deployment" -l deployment -d 'Name of the deployment' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --server" -l server -d 'Whose API it has: lorax (the default) or openai' -x -a 'lorax openai'
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --token-file --no-token" -l token-file -d 'File with the API token' -r -F
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --no-token --token-file" -l no-token -d 'Send no API token, even if a variable has one'
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor ''" -l header -d 'An additional header' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --ca-file" -l ca-file -d 'Certificate authorities to trust' -r -F
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --client-cert" -l client-cert -d 'Certificate of this client' -r -F
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --client-key" -l client-key -d 'Its private key' -r -F
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --client-key-password-file" -l client-key-password-file -d 'File with the key\'s password' -r -F
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --proxy --no-proxy" -l proxy -d 'Proxy to use' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --no-proxy --proxy" -l no-proxy -d 'Use no proxy, even if a variable names one'
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --http-version" -l http-version -d '1.1 or 2' -x -a '1.1 2'
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --insecure" -l insecure -d 'Do not check the server\'s certificate'
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --allow-plain-http" -l allow-plain-http -d 'Send the token over http to other machines, too'
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --user-agent" -l user-agent -d 'Text after the client\'s own user agent' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request,doctor --verbose" -l verbose -d 'Print on standard error what is sent and received, with prompts but without secrets'
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request --timeout" -l timeout -d 'Most seconds for the whole call' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request --connect-timeout" -l connect-timeout -d 'Most seconds to connect' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request --first-token-timeout" -l first-token-timeout -d 'Most seconds to the first token' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request --token-timeout" -l token-timeout -d 'Most seconds between two tokens' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request --idle-timeout" -l idle-timeout -d 'Most seconds without any byte' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request --max-retries" -l max-retries -d 'Tries after the first one' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request --max-event-bytes" -l max-event-bytes -d 'Largest event of a stream' -x
complete -c predibase -n "__predibase_can generate,chat,batch,embed,classify,tokenize,info,health,metrics,request --max-response-bytes" -l max-response-bytes -d 'Largest answer' -x
complete -c predibase -n "__predibase_can chat --format" -l format -d 'Chat format, or the model that has it' -x -a 'alpaca chatml codellama codellama-70b command-r deepseek-coder deepseek-llm deepseek-r1 deepseek-v2 deepseek-v2.5 deepseek-v3 gemma gemma-3 hermes llama-2 llama-3 llama-3.1 llama-3.2 llama-3.3 mistral-nemo mistral-v0.1 mistral-v0.1-2023 mistral-v0.2 mistral-v0.2-2023 mistral-v0.3 mistral-v7 mixtral phi-3 phi-3-medium phi-3-small phi-3.5 phi-4 phi-4-mini qwen-1.5 qwen-2 qwen-2.5 qwen-3 qwen-3-2507 solar vicuna zephyr'
complete -c predibase -n "__predibase_can chat --system --load" -l system -d 'The system message, or @FILE to read it (@@ for a leading @)' -x -a '(__predibase_at_files)'
complete -c predibase -n "__predibase_can chat --tools" -l tools -d 'Lua file that returns a list of tools, each with run' -r -F
complete -c predibase -n "__predibase_can chat --load --system" -l load -d 'Continue a conversation written by /save' -r -F
complete -c predibase -n "__predibase_can chat --max-input-tokens" -l max-input-tokens -d 'Leave out the oldest turns above this number of tokens' -x
complete -c predibase -n "__predibase_can chat,batch --return-full-text" -l return-full-text -d 'The result begins with the prompt'
complete -c predibase -n "__predibase_can chat,batch --response-format" -l response-format -d 'Shape of the answer: {"type": "json_object", "schema": {...}}' -x -a '(__predibase_at_files)'
complete -c predibase -n "__predibase_can batch --format" -l format -d 'jsonl, csv, tsv or lines' -x -a 'jsonl csv tsv lines'
complete -c predibase -n "__predibase_can batch --columns" -l columns -d 'Names of the columns of CSV or TSV that has no header line, with commas between them' -x
complete -c predibase -n "__predibase_can batch --no-quotes" -l no-quotes -d 'Quotes in CSV or TSV have no meaning'
complete -c predibase -n "__predibase_can batch --dialect" -l dialect -d 'What kind of rows all rows are: template, prompt, predibase or openai' -x -a 'template prompt predibase openai'
complete -c predibase -n "__predibase_can batch --template --prompt-template" -l template -d 'Make the prompt of each row from the template in this file' -r -F
complete -c predibase -n "__predibase_can batch --prompt-template --template" -l prompt-template -d 'The same, with the template itself' -x
complete -c predibase -n "__predibase_can batch --id" -l id -d 'Column that identifies a row' -x
complete -c predibase -n "__predibase_can batch --limit --sample" -l limit -d 'Only the first N rows' -x
complete -c predibase -n "__predibase_can batch --sample --limit" -l sample -d 'Only N rows, spread by chance, and the same ones each time' -x
complete -c predibase -n "__predibase_can batch --shard" -l shard -d 'Only every N-th row, beginning with row I (from 0), into OUT.I-of-N' -x -a 'auto'
complete -c predibase -n "__predibase_can batch --dry-run" -l dry-run -d 'Print the first requests, and how many tokens all of them have'
complete -c predibase -n "__predibase_can batch --out" -l out -d 'File for the answers' -r -F
complete -c predibase -n "__predibase_can batch,batch-merge --out-format" -l out-format -d 'jsonl, csv or tsv' -x -a 'jsonl csv tsv'
complete -c predibase -n "__predibase_can batch --ordered" -l ordered -d 'Write the answers in the order of the rows'
complete -c predibase -n "__predibase_can batch --timing" -l timing -d 'Write the seconds that each answer took'
complete -c predibase -n "__predibase_can batch --keep-changed" -l keep-changed -d 'Go on although rows or options have changed since'
complete -c predibase -n "__predibase_can batch --evaluate" -l evaluate -d 'Compare each answer with this column: accuracy, confusion matrix' -x
complete -c predibase -n "__predibase_can batch --evaluate-how" -l evaluate-how -d 'exact, normalised or json' -x -a 'exact normalised json'
complete -c predibase -n "__predibase_can batch --report" -l report -d 'Write a page with plots and examples' -r -F
complete -c predibase -n "__predibase_can batch --quiet" -l quiet -d 'Print no progress and no summary'
complete -c predibase -n "__predibase_can batch --concurrency" -l concurrency -d 'Requests at the same time, or auto (the default): as many as the server bears' -x -a 'auto'
complete -c predibase -n "__predibase_can batch ''" -l rate-limit -d 'Most requests or tokens in a period' -x
complete -c predibase -n "__predibase_can batch --max-tokens" -l max-tokens -d 'Take no more rows after this many tokens, those of prompts and of earlier runs included' -x
complete -c predibase -n "__predibase_can batch --max-cost" -l max-cost -d 'Take no more rows after this cost' -x
complete -c predibase -n "__predibase_can batch --price-in" -l price-in -d 'Price of a million tokens of prompts' -x
complete -c predibase -n "__predibase_can batch --price-out" -l price-out -d 'Price of a million tokens of answers' -x
complete -c predibase -n "__predibase_can batch --best-of" -l best-of -d 'Generate this many and answer with the best' -x
complete -c predibase -n "__predibase_can batch-merge --into" -l into -d 'File to write' -r -F
complete -c predibase -n "__predibase_can batch-merge --input" -l input -d 'The input of the run, to find rows that are missing' -r -F
complete -c predibase -n "__predibase_can batch-merge --input-format" -l input-format -d 'jsonl, csv, tsv or lines' -x -a 'jsonl csv tsv lines'
complete -c predibase -n "__predibase_can batch-merge --input-columns" -l input-columns -d 'Names of the columns of an input in CSV or TSV that has no header line, with commas between them' -x
complete -c predibase -n "__predibase_can batch-merge --input-no-quotes" -l input-no-quotes -d 'Quotes in an input in CSV or TSV have no meaning'
complete -c predibase -n "__predibase_can batch-merge --ordered" -l ordered -d 'Write the rows in the order of the input'
complete -c predibase -n "__predibase_can batch-merge --partial" -l partial -d 'Join what is there although shards or rows are missing'
complete -c predibase -n "__predibase_can batch-merge --force" -l force -d 'Replace the file if it exists'
complete -c predibase -n "__predibase_can embed,classify,tokenize --file 1" -l file -d 'Read the text from a file' -r -F
complete -c predibase -n "__predibase_can embed,classify,tokenize --lines 1" -l lines -d 'Each line of the file, or of standard input, is a text'
complete -c predibase -n "__predibase_can embed,classify,tokenize --json" -l json -d 'Print a JSON object for each text'
complete -c predibase -n "__predibase_can embed,classify --batch-size" -l batch-size -d 'Texts in one request' -x
complete -c predibase -n "__predibase_can embed,classify --concurrency" -l concurrency -d 'Requests at the same time' -x
complete -c predibase -n "__predibase_can tokenize --no-special-tokens" -l no-special-tokens -d 'Leave out the tokens that begin and end a text'
complete -c predibase -n "__predibase_can tokenize --count" -l count -d 'Print the number of tokens of each text'
complete -c predibase -n "__predibase_can info,health,metrics --json" -l json -d 'Print JSON'
complete -c predibase -n "__predibase_can request --content-type" -l content-type -d 'Content type of the body' -x -a 'application/json text/plain'
complete -c predibase -n "__predibase_can request --accept" -l accept -d 'Content type to ask for' -x -a 'application/json text/event-stream text/plain'
complete -c predibase -n "__predibase_can request --stream" -l stream -d 'Print the data of each event of a stream as it arrives'
complete -c predibase -n "__predibase_can request --json" -l json -d 'Print status, headers and body as JSON'
complete -c predibase -n "__predibase_can doctor --timeout" -l timeout -d 'Most seconds for each request (20)' -x
complete -c predibase -n "__predibase_can doctor --connect-timeout" -l connect-timeout -d 'Most seconds to connect (10)' -x
complete -c predibase -n "__predibase_can doctor --json" -l json -d 'Print one JSON object per line'
complete -c predibase -n "__predibase_can mock --server" -l server -d 'Whose API to speak: lorax (the default) or openai' -x -a 'lorax openai'
complete -c predibase -n "__predibase_can mock --classify" -l classify -d 'Whose form /classify has: lorax (the default) or managed' -x -a 'lorax managed'
complete -c predibase -n "__predibase_can mock --host" -l host -d 'Address on loopback to listen on' -x -a '127.0.0.1 ::1'
complete -c predibase -n "__predibase_can mock --port" -l port -d 'Port to listen on' -x
complete -c predibase -n "__predibase_can mock --delay" -l delay -d 'Seconds between two tokens' -x
complete -c predibase -n "__predibase_can mock --seed" -l seed -d 'Determines the seeds of requests that have none' -x
complete -c predibase -n "__predibase_can mock --fault-rate" -l fault-rate -d 'Let this part of the requests fail, from 0 to 1' -x
complete -c predibase -n "__predibase_can mock --max-seconds" -l max-seconds -d 'End after this number of seconds' -x
complete -c predibase -n "__predibase_can mock --max-requests" -l max-requests -d 'End after this number of requests' -x
complete -c predibase -n "__predibase_can mock --quiet" -l quiet -d 'Do not print the URL'
complete -c predibase -n '__predibase_argument batch 1' -F
complete -c predibase -n '__predibase_argument batch-merge 1' -F
complete -c predibase -n '__predibase_argument request 1' -a 'GET POST PUT PATCH DELETE OPTIONS'
complete -c predibase -n '__predibase_argument request 2' -a '/info /health /metrics /generate /generate_stream /tokenize /embed /classify /v1/models /v1/completions /v1/chat/completions'
complete -c predibase -n '__predibase_argument request 3' -a '(__predibase_at_files)'
