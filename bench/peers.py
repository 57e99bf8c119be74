# SPDX-License-Identifier: MIT
"""Measures Python clients at the jobs of ours.lua and many.lua.

usage: peers.py lorax|huggingface|openai stream URL TOKENS FILE
       peers.py lorax|huggingface|openai generate URL CALLS
       peers.py lorax|huggingface|openai many URL STREAMS TOKENS

stream: one stream; FILE has its text. generate: calls one after the other. many: STREAMS streams of
pace.c at once, with asyncio; the first half of the tokens counts for CPU time and memory, the
second half for the delay. Each client is used as its documentation shows it, and the text of the
tokens is joined and compared with what the server has sent. Prints lines "NAME VALUE".
"""
import asyncio
import gc
import re
import sys
import time

TIMEOUT = 600
DELAY_STEP = 10_000  # nanoseconds in one bucket, as in floor.c
STAMP = re.compile(r"\d{20}")


class Lorax:
    """lorax-client. Its URL has no path of its own, and closing tokens are marked as special."""

    end = ""

    def __init__(self, url):
        from lorax import AsyncClient, Client

        self.blocking = Client(url, timeout=TIMEOUT)
        self.asynchronous = AsyncClient(url, timeout=TIMEOUT)

    def generate(self):
        return self.blocking.generate("water").generated_text

    def texts(self):
        for response in self.blocking.generate_stream("water"):
            if not response.token.special:
                yield response.token.text

    async def async_texts(self):
        async for response in self.asynchronous.generate_stream("water"):
            if not response.token.special:
                yield response.token.text


class HuggingFace:
    """huggingface_hub. It returns the closing token's text, too."""

    end = "</s>"

    def __init__(self, url):
        import huggingface_hub as hub
        import httpx2

        # The default limit of connections is lower than the number of streams.
        hub.set_async_client_factory(lambda: httpx2.AsyncClient(timeout=None, limits=httpx2.Limits()))
        self.blocking = hub.InferenceClient(url, timeout=TIMEOUT)
        self.asynchronous = hub.AsyncInferenceClient(url, timeout=TIMEOUT)

    def generate(self):
        return self.blocking.text_generation("water")

    def texts(self):
        return self.blocking.text_generation("water", stream=True)

    async def async_texts(self):
        async for text in await self.asynchronous.text_generation("water", stream=True):
            yield text


class OpenAI:
    """openai, with chat completions. The last chunk has no content."""

    end = ""

    def __init__(self, url):
        from openai import AsyncOpenAI, OpenAI as Client

        options = {"base_url": url + "/v1", "api_key": "none", "timeout": TIMEOUT, "max_retries": 0}
        self.blocking = Client(**options)
        self.asynchronous = AsyncOpenAI(**options)
        self.request = {"model": "water", "messages": [{"role": "user", "content": "water"}]}

    def generate(self):
        return self.blocking.chat.completions.create(**self.request).choices[0].message.content

    def texts(self):
        for chunk in self.blocking.chat.completions.create(**self.request, stream=True):
            yield chunk.choices[0].delta.content or ""

    async def async_texts(self):
        chunks = await self.asynchronous.chat.completions.create(**self.request, stream=True)
        async for chunk in chunks:
            yield chunk.choices[0].delta.content or ""


def print_value(name, value):
    print(f"{name} {value:.3f}")


def stream(peer, tokens, path):
    with open(path, encoding="utf-8") as file:
        expected = file.read()
    cpu = time.process_time()
    text = "".join(peer.texts())
    cpu = time.process_time() - cpu
    assert text == expected + peer.end, "the text is not the server's"
    print_value("tokens_per_cpu_s", tokens / cpu)


def generate(peer, calls):
    assert peer.generate() == "water"
    cpu, began = time.process_time(), time.monotonic()
    for _ in range(calls):
        assert peer.generate() == "water"
    print_value("calls_per_s", calls / (time.monotonic() - began))
    print_value("cpu_us_per_call", (time.process_time() - cpu) * 1e6 / calls)


def rss_kib():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4


class Many:
    """Reads many streams at once; see many.lua, which measures in the same places."""

    def __init__(self, peer, streams, tokens):
        self.peer, self.streams, self.tokens = peer, streams, tokens
        self.open = 0  # streams whose first token has arrived
        self.seen, self.half = 0, None  # tokens, and half of those that are expected
        self.measured = False  # CPU time and memory
        self.delays = {}

    def begin_half(self):
        self.seen, self.half = 0, self.streams * (self.tokens // 2)
        self.cpu = time.process_time()

    def end_half(self):
        print_value("cpu_us_per_token", (time.process_time() - self.cpu) * 1e6 / self.seen)
        print_value("kib_per_stream", (rss_kib() - self.before) / self.streams)
        self.measured = True

    async def read_one(self):
        pieces, plain = [], 1 + self.tokens // 2
        async for text in self.peer.async_texts():
            pieces.append(text)
            if len(pieces) == 1:
                self.open += 1
                if self.open == self.streams:
                    self.begin_half()
                continue
            # A slow client can be in the second half of one stream and in the first of another.
            if len(pieces) > plain and text.startswith("0"):
                bucket = (time.monotonic_ns() - int(text)) // DELAY_STEP
                self.delays[bucket] = self.delays.get(bucket, 0) + 1
            if not self.measured:
                self.seen += 1
                if self.seen == self.half:
                    self.end_half()
        return "".join(pieces)

    def percentile(self, share):
        wanted = sum(self.delays.values()) * share
        for bucket in sorted(self.delays):
            wanted -= self.delays[bucket]
            if wanted <= 0:
                return (bucket + 1) * DELAY_STEP / 1e6
        raise AssertionError("no token had a time stamp")

    async def run(self, first):
        async for _ in first.async_texts():  # creates everything that all streams share
            pass
        gc.collect()
        self.before = rss_kib()
        texts = await asyncio.gather(*[self.read_one() for _ in range(self.streams)])
        expected = " water" * (1 + self.tokens) + self.peer.end
        assert all(STAMP.sub(" water", text) == expected for text in texts), "a stream was cut"
        for share in 50, 99:
            print_value(f"delay_ms_p{share}", self.percentile(share / 100))


def main(who, job, url, count, rest=None):
    kind = {"lorax": Lorax, "huggingface": HuggingFace, "openai": OpenAI}[who]
    peer, count = kind(url), int(count)
    if job == "stream":
        stream(peer, count, rest)
    elif job == "generate":
        generate(peer, count)
    else:
        first = kind(re.match("http://[^/]*", url)[0] + "/1/1/1000")
        asyncio.run(Many(peer, count, int(rest)).run(first))


main(*sys.argv[1:])
