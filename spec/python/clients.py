# SPDX-License-Identifier: MIT
"""Uses the stand-in server through openai and huggingface_hub, and prints TAP.

usage: clients.py INTERPRETER
"""
import json
import os
import subprocess
import sys

# Only loopback is wanted: no reports, no proxies, no tokens of the user.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["NO_PROXY"] = "127.0.0.1"
for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "PREDIBASE_API_TOKEN", "OPENAI_API_KEY",
                 "OPENAI_BASE_URL", "PREDIBASE_MOCK_TOKEN"):
    os.environ.pop(variable, None)

import openai  # noqa: E402
from huggingface_hub import InferenceClient  # noqa: E402

BASE_MODEL = "predibase/stand-in"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
ANSWER = "The capital of France is Paris."
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a town",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["location"],
        },
    },
}
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds numbers",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
        },
    },
}
counts = {True: 0, False: 0}


def check(name, run):
    """Runs one check: a function that raises unless all is well."""
    try:
        run()
        passed = True
        print("ok", name)
    except Exception as error:  # a failed check must not end the others
        passed = False
        print("not ok", name, "#", type(error).__name__, error)
    counts[passed] += 1


def equal(expected, value):
    assert expected == value, f"expected {expected!r}, got {value!r}"


class Server:
    """A stand-in server that runs while the `with` block does."""

    def __init__(self, *options):
        self.options = options

    def __enter__(self):
        arguments = ["--delay", "0", "--max-seconds", "120", *self.options]
        program = "os.exit(require 'predibase.mock'.main {" + ",".join(map(repr, arguments)) + "})"
        self.process = subprocess.Popen([sys.argv[1], "-e", program], stdout=subprocess.PIPE,
                                        text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise SystemExit("the stand-in server did not start: " + repr(line))
        self.url = line.split()[-1]
        self.client = openai.OpenAI(base_url=self.url + "/v1", api_key="x", max_retries=0)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()


def deltas(stream):
    return [chunk.choices[0].delta for chunk in stream if chunk.choices]


def lorax(server):
    """The routes of a LoRAX server below /v1."""
    chat = server.client.chat.completions

    def whole():
        result = chat.create(model="", messages=QUESTION, temperature=0)
        equal(ANSWER, result.choices[0].message.content.strip())
        equal("stop", result.choices[0].finish_reason)
        assert result.usage.completion_tokens > 1

    def stream():
        parts = deltas(chat.create(model="", messages=QUESTION, temperature=0, stream=True))
        equal(ANSWER, "".join(part.content or "" for part in parts).strip())
        assert len(parts) > 5

    def adapter():
        result = chat.create(model="acme/pirate/1", messages=QUESTION, temperature=0)
        assert result.choices[0].message.content.startswith(" Arr,")

    def length():
        result = chat.create(model="", messages=QUESTION, temperature=0, max_tokens=2)
        equal("length", result.choices[0].finish_reason)
        equal(2, result.usage.completion_tokens)

    def two():
        result = chat.create(model="", messages=QUESTION, n=2)
        equal([0, 1], [choice.index for choice in result.choices])

    def tools():
        result = chat.create(model="", tools=[WEATHER], messages=[
            {"role": "user", "content": "What is the weather in Oslo for 3 days?"}])
        call = result.choices[0].message.tool_calls[0]
        equal("get_weather", call.function.name)
        equal({"location": "Oslo", "days": 3}, json.loads(call.function.arguments))

    def tools_in_stream():
        parts = deltas(chat.create(model="", tools=[WEATHER], stream=True, messages=[
            {"role": "user", "content": "What is the weather in Oslo for 3 days?"}]))
        value = json.loads("".join(part.content or "" for part in parts))
        equal({"_name": "get_weather", "location": "Oslo", "days": 3}, value["function"])

    def schema():
        result = chat.create(model="", messages=QUESTION, response_format={
            "type": "json_schema", "json_schema": {"name": "x", "schema": {
                "type": "object", "properties": {"town": {"type": "string"}}}}})
        equal(["town"], list(json.loads(result.choices[0].message.content)))

    def completion():
        result = server.client.completions.create(model="", prompt="The capital of Italy?",
                                                  temperature=0)
        equal("The capital of Italy is Rome.", result.choices[0].text.strip())

    def completion_stream():
        chunks = list(server.client.completions.create(model="", prompt="The capital of Italy?",
                                                       temperature=0, stream=True))
        equal("The capital of Italy is Rome.",
              "".join(chunk.choices[0].text for chunk in chunks).strip())
        equal("stop", chunks[-1].choices[0].finish_reason)

    def refusal():
        try:
            chat.create(model="", messages=QUESTION, temperature=-1)
        except openai.UnprocessableEntityError as error:
            equal("validation", error.response.json()["error_type"])
            return
        raise AssertionError("no error")

    def unknown_tool():
        try:
            chat.create(model="", messages=QUESTION, tools=[WEATHER], tool_choice="required")
        except openai.UnprocessableEntityError as error:
            equal("Tool error: Tool with name required not found", error.response.json()["error"])
            return
        raise AssertionError("no error")

    for run in (whole, stream, adapter, length, two, tools, tools_in_stream, schema, completion,
                completion_stream, refusal, unknown_tool):
        check("openai, lorax: " + run.__name__, run)


def openai_api(server):
    """The routes of a server that speaks OpenAI's API."""
    client = server.client
    chat = client.chat.completions

    def whole():
        result = chat.create(model=BASE_MODEL, messages=QUESTION, temperature=0)
        equal("chat.completion", result.object)
        equal(ANSWER, result.choices[0].message.content.strip())
        equal("stop", result.choices[0].finish_reason)
        assert result.id.startswith("chatcmpl-")

    def stream():
        chunks = list(chat.create(model=BASE_MODEL, messages=QUESTION, temperature=0, stream=True,
                                  stream_options={"include_usage": True}))
        equal(ANSWER, "".join(part.content or "" for part in deltas(chunks)).strip())
        equal(["assistant"], [part.role for part in deltas(chunks) if part.role])
        equal([], chunks[-1].choices)
        assert chunks[-1].usage.completion_tokens > 1
        equal("stop", chunks[-2].choices[0].finish_reason)

    def stop():
        options = dict(model=BASE_MODEL, messages=QUESTION, temperature=0, stop=" is Paris")
        result = chat.create(**options)
        equal("The capital of France", result.choices[0].message.content.strip())
        parts = deltas(chat.create(stream=True, **options))
        equal("The capital of France", "".join(part.content or "" for part in parts).strip())

    def three():
        result = chat.create(model=BASE_MODEL, messages=QUESTION, n=3)
        equal([0, 1, 2], [choice.index for choice in result.choices])

    def tools():
        result = chat.create(model=BASE_MODEL, tools=[WEATHER, ADD], messages=[
            {"role": "user", "content": "The weather in San Francisco? Add the numbers 1 and 2"}])
        calls = result.choices[0].message.tool_calls
        equal(["add", "get_weather"], sorted(call.function.name for call in calls))
        equal("tool_calls", result.choices[0].finish_reason)
        assert result.choices[0].message.content is None
        assert calls[0].id != calls[1].id

    def tools_in_stream():
        chunks = list(chat.create(model=BASE_MODEL, tools=[WEATHER], stream=True, messages=[
            {"role": "user", "content": "The weather in Oslo for 3 days?"}]))
        pieces = [call for part in deltas(chunks) for call in part.tool_calls or []]
        equal("get_weather", pieces[0].function.name)
        assert pieces[0].id and all(piece.id is None for piece in pieces[1:])
        assert len(pieces) > 3
        equal({"location": "Oslo", "days": 3},
              json.loads("".join(piece.function.arguments for piece in pieces)))
        equal("tool_calls", chunks[-1].choices[0].finish_reason)

    def tool_loop():
        messages = [{"role": "user", "content": "What is the weather in Oslo?"}]
        message = chat.create(model=BASE_MODEL, tools=[WEATHER],
                              messages=messages).choices[0].message
        messages += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id,
                               "content": "12 degrees"}]
        result = chat.create(model=BASE_MODEL, tools=[WEATHER], messages=messages)
        assert "12 degrees" in result.choices[0].message.content
        equal("stop", result.choices[0].finish_reason)

    def forced_tool():
        for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
            result = chat.create(model=BASE_MODEL, tools=[WEATHER], tool_choice=choice,
                                 messages=[{"role": "user", "content": "Hello"}])
            equal("get_weather", result.choices[0].message.tool_calls[0].function.name)

    def schema():
        result = chat.create(model=BASE_MODEL, messages=QUESTION, response_format={
            "type": "json_schema", "json_schema": {"name": "x", "schema": {
                "type": "object", "properties": {"town": {"type": "string"}}}}})
        equal(["town"], list(json.loads(result.choices[0].message.content)))

    def completion():
        result = client.completions.create(model=BASE_MODEL, prompt="The capital of Italy?",
                                           temperature=0)
        equal("The capital of Italy is Rome.", result.choices[0].text.strip())

    def completion_stream():
        chunks = list(client.completions.create(model=BASE_MODEL, prompt="The capital of Italy?",
                                                temperature=0, stream=True))
        equal("The capital of Italy is Rome.",
              "".join(chunk.choices[0].text for chunk in chunks).strip())

    def embeddings():
        result = client.embeddings.create(model=BASE_MODEL, input=[
            "a refund for my order", "Refunds are paid in five days", "The weather in Oslo"])
        equal([0, 1, 2], [item.index for item in result.data])
        first, near, far = (item.embedding for item in result.data)

        def similarity(a, b):
            return sum(x * y for x, y in zip(a, b))

        assert abs(similarity(first, first) - 1) < 1e-5
        assert similarity(first, near) > similarity(first, far)

    def embeddings_as_numbers():
        as_base64 = client.embeddings.create(model=BASE_MODEL, input="x y", dimensions=16)
        numbers = client.embeddings.create(model=BASE_MODEL, input="x y", dimensions=16,
                                           encoding_format="float")
        equal(16, len(numbers.data[0].embedding))
        for a, b in zip(as_base64.data[0].embedding, numbers.data[0].embedding):
            assert abs(a - b) < 1e-6

    def models():
        equal([BASE_MODEL], [model.id for model in client.models.list()])
        equal(BASE_MODEL, client.models.retrieve(BASE_MODEL).id)

    def errors():
        for kind, options in (
                (openai.NotFoundError, dict(model="missing/1", messages=QUESTION)),
                (openai.BadRequestError, dict(model="x", messages=QUESTION, temperature=-1)),
                (openai.BadRequestError, dict(model="x", messages=QUESTION, n=99)),
                (openai.BadRequestError, dict(model="x", messages=[{"role": 1}]))):
            try:
                chat.create(**options)
            except kind as error:
                assert error.body["message"] and error.body["type"] == "invalid_request_error"
            else:
                raise AssertionError("no error")

    for run in (whole, stream, stop, three, tools, tools_in_stream, tool_loop, forced_tool, schema,
                completion, completion_stream, embeddings, embeddings_as_numbers, models, errors):
        check("openai, openai: " + run.__name__, run)


def hugging_face(server):
    """text_generation of huggingface_hub, which posts to the URL itself."""
    client = InferenceClient(model=server.url)
    prompt = "What is the capital of Japan?"

    def whole():
        equal(client.text_generation(prompt, max_new_tokens=7).strip(),
              "The capital of Japan is Tokyo,")

    def stream():
        tokens = list(client.text_generation(prompt, max_new_tokens=7, stream=True))
        equal(7, len(tokens))
        equal("The capital of Japan is Tokyo,", "".join(tokens).strip())

    def details():
        result = client.text_generation(prompt, max_new_tokens=7, details=True)
        equal("length", result.details.finish_reason)
        equal(7, len(result.details.tokens))

    def stream_details():
        events = list(client.text_generation(prompt, max_new_tokens=7, details=True, stream=True))
        equal("length", events[-1].details.finish_reason)
        assert events[-1].generated_text

    def chat():
        result = client.chat_completion(QUESTION, temperature=0)
        # it sends a name of its own as the model, which is an adapter here
        equal("Well, " + ANSWER, result.choices[0].message.content.strip())

    for run in (whole, stream, details, stream_details, chat):
        check("huggingface_hub: " + run.__name__, run)


print("openai", openai.__version__)
with Server() as running:
    lorax(running)
    hugging_face(running)
with Server("--server", "openai") as running:
    openai_api(running)
print(f"{counts[True]} passed, {counts[False]} failed")
sys.exit(counts[False] > 0)
