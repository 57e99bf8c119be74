// SPDX-License-Identifier: MIT
// Measures Node's fetch with eventsource-parser at the jobs of ours.lua and many.lua.
// usage: node peers.mjs stream URL TOKENS FILE
//        node peers.mjs generate URL CALLS
//        node peers.mjs many URL STREAMS TOKENS
// The jobs are those of peers.py. The text of the tokens is joined and compared with what the
// server has sent. Prints lines "NAME VALUE".

import assert from "node:assert";
import { readFileSync } from "node:fs";
import { EventSourceParserStream } from "eventsource-parser/stream";

const DELAY_STEP = 10_000; // nanoseconds in one bucket, as in floor.c

const print = (name, value) => console.log(`${name} ${value.toFixed(3)}`);
const now = () => Number(process.hrtime.bigint());

/** Returns the CPU time of all threads of the process, in microseconds. */
function cpuUs() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function post(url) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ inputs: "water" }),
  });
  assert(response.ok);
  return response;
}

/** Yields the texts of all tokens that are not special. */
async function* texts(url) {
  const response = await post(url + "/generate_stream");
  const events = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const event of events) {
    const { token } = JSON.parse(event.data);
    if (!token.special) yield token.text;
  }
}

async function stream(url, tokens, path) {
  const expected = readFileSync(path, "utf8");
  const cpu = cpuUs();
  let text = "";
  for await (const piece of texts(url)) text += piece;
  const taken = cpuUs() - cpu;
  assert(text === expected, "the text is not the server's");
  print("tokens_per_cpu_s", (tokens * 1e6) / taken);
}

async function generate(url, calls) {
  const call = async () => {
    const answer = await (await post(url + "/generate")).json();
    assert(answer.generated_text === "water");
  };
  await call();
  const cpu = cpuUs();
  const began = now();
  for (let i = 0; i < calls; i++) await call();
  print("calls_per_s", (calls * 1e9) / (now() - began));
  print("cpu_us_per_call", (cpuUs() - cpu) / calls);
}

const rssKib = () => process.memoryUsage.rss() / 1024;

/** Reads many streams at once; see many.lua, which measures in the same places. */
async function many(url, streams, tokens) {
  let open = 0; // streams whose first token has arrived
  let seen = 0;
  let cpu = 0;
  let measured = false; // CPU time and memory
  const plain = 1 + Math.floor(tokens / 2);
  const half = streams * Math.floor(tokens / 2);
  const delays = new Map();

  for await (const _ of texts(url.match("http://[^/]*")[0] + "/1/1/1000"));
  const before = rssKib();

  const readOne = async () => {
    let text = "";
    let count = 0;
    for await (const piece of texts(url)) {
      text += piece;
      if (++count === 1) {
        if (++open === streams) {
          seen = 0;
          cpu = cpuUs();
        }
        continue;
      }
      // A slow client can be in the second half of one stream and in the first of another.
      if (count > plain && piece[0] === "0") {
        const bucket = Math.floor((now() - Number(piece)) / DELAY_STEP);
        delays.set(bucket, (delays.get(bucket) ?? 0) + 1);
      }
      if (!measured && ++seen === half) {
        print("cpu_us_per_token", (cpuUs() - cpu) / seen);
        print("kib_per_stream", (rssKib() - before) / streams);
        measured = true;
      }
    }
    return text;
  };
  const all = await Promise.all(Array.from({ length: streams }, readOne));
  const expected = " water".repeat(tokens + 1);
  for (const text of all) {
    assert(text.replace(/\d{20}/g, " water") === expected, "a stream was cut");
  }

  const samples = [...delays.values()].reduce((a, b) => a + b, 0);
  assert(samples > 0, "no token had a time stamp");
  for (const share of [50, 99]) {
    let wanted = (samples * share) / 100;
    for (const bucket of [...delays.keys()].sort((a, b) => a - b)) {
      wanted -= delays.get(bucket);
      if (wanted <= 0) {
        print(`delay_ms_p${share}`, ((bucket + 1) * DELAY_STEP) / 1e6);
        break;
      }
    }
  }
}

const [job, url, count, rest] = process.argv.slice(2);
if (job === "stream") await stream(url, Number(count), rest);
else if (job === "generate") await generate(url, Number(count));
else await many(url, Number(count), Number(rest));
process.exit(0);
