# SPDX-License-Identifier: MIT
"""Uses the gateway of examples/openresty through OpenAI's own client, and counts the checks."""

import json
import os
import sys
import traceback

# Only loopback is wanted: no proxies, no settings of the user.
os.environ["NO_PROXY"] = "127.0.0.1"
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
    os.environ.pop(name, None)

import openai  # noqa: E402

KEY = os.environ["GATEWAY_KEY"]
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
ANSWER = "The capital of France is Paris."
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}

passed = 0
failed = []


def check(what, condition, shown=None):
    """Counts one check."""
    global passed
    if condition:
        passed += 1
    else:
        failed.append(what)
        print(f"not ok: {what}: {shown!r}")


def same(what, got, wanted):
    check(what, got == wanted, got)


def client(variable="GATEWAY", key=KEY):
    return openai.OpenAI(base_url=os.environ[variable], api_key=key, max_retries=0)


def error_of(call):
    """Returns the exception that a call raises."""
    try:
        call()
    except openai.OpenAIError as error:
        return error
    return None


def models(api):
    names = [model.id for model in api.models.list()]
    same("the models are listed", names, ["base", "my-repo/3", "missing/1"])
    same("a model is found by its name", api.models.retrieve("my-repo/3").id, "my-repo/3")
    error = error_of(lambda: api.models.retrieve("other"))
    check("an unknown model is not found", isinstance(error, openai.NotFoundError), error)
    same("its code", error.code, "model_not_found")


def whole(api):
    answer = api.chat.completions.create(
        model="base", messages=QUESTION, temperature=0, max_tokens=20
    )
    choice = answer.choices[0]
    check("the answer is about the question", ANSWER in choice.message.content, choice)
    same("the answer's role", choice.message.role, "assistant")
    same("its object", answer.object, "chat.completion")
    same("its model", answer.model, "base")
    check("its end is known", choice.finish_reason in ("stop", "length"), choice.finish_reason)
    usage = answer.usage
    check("prompt tokens are counted", usage.prompt_tokens > 5, usage)
    check("completion tokens are counted", 0 < usage.completion_tokens <= 20, usage)
    same("the sum", usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
    answer = api.chat.completions.create(model="base", messages=QUESTION, max_tokens=2)
    same("an answer that is cut", answer.choices[0].finish_reason, "length")
    same("its number of tokens", answer.usage.completion_tokens, 2)
    seeds = [
        api.chat.completions.create(
            model="base", messages=QUESTION, seed=7, temperature=1.2, max_tokens=10
        ).choices[0].message.content
        for _ in range(2)
    ]
    same("the same seed gives the same answer", seeds[0], seeds[1])
    answer = api.chat.completions.create(
        model="base", messages=QUESTION, temperature=0, max_tokens=20, stop=" Paris"
    )
    check("a stop sequence is left out", "Paris" not in answer.choices[0].message.content, answer)
    same("an answer that stops there", answer.choices[0].finish_reason, "stop")


def adapter(api):
    with_adapter = api.chat.completions.create(
        model="my-repo/3", messages=QUESTION, temperature=0, max_tokens=20
    )
    check("an adapter answers", "Well," in with_adapter.choices[0].message.content, with_adapter)
    same("the adapter's name is the model", with_adapter.model, "my-repo/3")
    error = error_of(lambda: api.chat.completions.create(model="missing/1", messages=QUESTION))
    check("a broken adapter is an error", isinstance(error, openai.InternalServerError), error)


def stream(api):
    chunks = list(
        api.chat.completions.create(
            model="base", messages=QUESTION, temperature=0, max_tokens=20, stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    check("the stream is about the question", ANSWER in text, text)
    same("the first chunk has the role", chunks[0].choices[0].delta.role, "assistant")
    same("all chunks have one id", len({c.id for c in chunks}), 1)
    same("their object", {c.object for c in chunks}, {"chat.completion.chunk"})
    check("the end is known", chunks[-2].choices[0].finish_reason in ("stop", "length"), chunks[-2])
    same("the last chunk has no choices", chunks[-1].choices, [])
    check("it has the usage", chunks[-1].usage.completion_tokens > 0, chunks[-1].usage)
    check("only it has the usage", all(c.usage is None for c in chunks[:-1]))
    same_text = api.chat.completions.create(
        model="base", messages=QUESTION, temperature=0, max_tokens=20
    ).choices[0].message.content
    same("streamed and whole answers agree", text, same_text)
    chunks = list(
        api.chat.completions.create(model="base", messages=QUESTION, max_tokens=2, stream=True)
    )
    same("a stream that is cut", chunks[-1].choices[0].finish_reason, "length")
    check("no usage that was not wanted", all(c.usage is None for c in chunks))


def helper(api):
    """OpenAI's own accumulator of streams."""
    with api.chat.completions.stream(
        model="base", messages=QUESTION, temperature=0, max_tokens=20
    ) as events:
        done = [e for e in events if e.type == "content.done"]
        final = events.get_final_completion()
    check("the accumulator has the text", ANSWER in final.choices[0].message.content, final)
    same("it sees the end of the content", len(done), 1)


def completions(api):
    answer = api.completions.create(
        model="base", prompt="What is the capital of France?", temperature=0, max_tokens=10
    )
    check("a completion continues", ANSWER in answer.choices[0].text, answer)
    same("the completion's object", answer.object, "text_completion")
    chunks = list(
        api.completions.create(
            model="base", prompt="What is the capital of France?", temperature=0, max_tokens=10,
            stream=True,
        )
    )
    same("streamed and whole completions agree", "".join(c.choices[0].text for c in chunks),
         answer.choices[0].text)


def structured(api):
    answer = api.chat.completions.create(
        model="base", messages=QUESTION, max_tokens=200, temperature=0,
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "place",
                "schema": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
                    "required": ["city", "people"],
                },
            },
        },
    )
    value = json.loads(answer.choices[0].message.content)
    same("a schema decides the fields and their order", list(value), ["city", "people"])


def tools():
    api = client("GATEWAY_TOOLS")
    messages = [{"role": "user", "content": "How is the weather in Köln?"}]
    first = api.chat.completions.create(model="base", messages=messages, tools=[WEATHER])
    message = first.choices[0].message
    same("an answer that is a call", first.choices[0].finish_reason, "tool_calls")
    same("it has no text", message.content, None)
    call = message.tool_calls[0]
    same("the name of the call", call.function.name, "weather")
    same("its arguments", json.loads(call.function.arguments), {"city": "Köln"})
    check("it has an id", len(call.id) > 0, call.id)
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = api.chat.completions.create(model="base", messages=messages, tools=[WEATHER])
    same("the answer after the result", second.choices[0].message.content, "It is sunny.")
    same("its end", second.choices[0].finish_reason, "stop")

    with api.chat.completions.stream(model="base", messages=messages[:1], tools=[WEATHER]) as events:
        final = events.get_final_completion().choices[0]
    same("a streamed call", final.finish_reason, "tool_calls")
    same("its name", final.message.tool_calls[0].function.name, "weather")
    same("its arguments", json.loads(final.message.tool_calls[0].function.arguments),
         {"city": "Köln"})
    check("nothing of the call is text", not final.message.content, final.message.content)
    chunks = list(
        api.chat.completions.create(model="base", messages=messages, tools=[WEATHER], stream=True)
    )
    texts = [c.choices[0].delta.content for c in chunks if c.choices[0].delta.content]
    same("the streamed answer after the result", "".join(texts), "It is sunny.")
    error = error_of(
        lambda: api.chat.completions.create(
            model="base", messages=messages[:1], tools=[WEATHER], tool_choice="required"
        )
    )
    check("a call cannot be forced", isinstance(error, openai.BadRequestError), error)
    same("the field", error.param, "tool_choice")


def embeddings(api):
    texts = ["A fox lives in a lighthouse.", "The sky is blue.", "The sky is very blue."]
    answer = api.embeddings.create(model="base", input=texts)
    vectors = [each.embedding for each in answer.data]
    same("one vector for each text", len(vectors), 3)
    same("in order", [each.index for each in answer.data], [0, 1, 2])
    same("their object", answer.object, "list")
    check("a vector has numbers", all(isinstance(x, float) for x in vectors[0]), vectors[0][:3])

    def product(a, b):
        return sum(x * y for x, y in zip(a, b))

    check("similar texts have similar vectors",
          product(vectors[1], vectors[2]) > product(vectors[0], vectors[2]))
    floats = api.embeddings.create(model="base", input=texts, encoding_format="float")
    check("as numbers they are the same",
          all(abs(a - b) < 1e-6 for a, b in zip(floats.data[0].embedding, vectors[0])))
    single = api.embeddings.create(model="base", input=texts[0]).data[0].embedding
    check("a text alone has the same vector",
          all(abs(a - b) < 1e-6 for a, b in zip(single, vectors[0])))
    for what, given in (("no texts", []), ("tokens", [[1, 2, 3]]), ("a number", [7])):
        error = error_of(lambda given=given: api.embeddings.create(model="base", input=given))
        check(what, isinstance(error, openai.BadRequestError), error)
        same(what + ", the field", error.param, "input")


def errors(api):
    def asked(**fields):
        return error_of(
            lambda: api.chat.completions.create(
                **{"model": "base", "messages": QUESTION, **fields}
            )
        )

    error = error_of(lambda: client(key="sk-wrong").models.list())
    check("a wrong key", isinstance(error, openai.AuthenticationError), error)
    same("its code", error.code, "invalid_api_key")
    for what, fields, param in (
        ("a temperature below 0", {"temperature": -1}, "temperature"),
        ("no tokens", {"max_tokens": 0}, "max_tokens"),
        ("two answers", {"n": 2}, "n"),
        ("a field that does not exist", {"extra_body": {"temprature": 1}}, "temprature"),
        ("no messages", {"messages": []}, "messages"),
    ):
        error = asked(**fields)
        check(what, isinstance(error, openai.BadRequestError), error)
        same(what + ", the field", error.param, param)
        same(what + ", the type", error.type, "invalid_request_error")
        streamed = asked(stream=True, **fields)
        check(what + ", in a stream", isinstance(streamed, openai.BadRequestError), streamed)
    error = asked(messages=[{"role": "user", "content": "word " * 5000}])
    check("a prompt that is too long", isinstance(error, openai.BadRequestError), error)
    same("its code", error.code, "context_length_exceeded")
    error = asked(messages=[{"role": "user", "content": "x" * 1200000}])
    check("a body that is too large", getattr(error, "status_code", 0) == 413, error)
    error = asked(model="other")
    check("a model that is not served", isinstance(error, openai.NotFoundError), error)


def broken():
    api = client("GATEWAY_BROKEN")
    error = error_of(lambda: api.chat.completions.create(model="base", messages=QUESTION))
    check("a rate limit", isinstance(error, openai.RateLimitError), error)
    same("when to come back", error.response.headers.get("retry-after"), "1")
    texts = []

    def read():
        for part in api.chat.completions.create(model="base", messages=QUESTION, stream=True):
            texts.append(part.choices[0].delta.content)

    error = error_of(read)
    same("the text before a stream breaks off", "".join(texts), "one two")
    check("the stream raises", isinstance(error, openai.APIError), error)
    check("it tells why", "CUDA out of memory" in str(error), error)


def main():
    api = client()
    parts = [
        (models, api), (whole, api), (adapter, api), (stream, api), (helper, api),
        (completions, api), (structured, api), (embeddings, api), (errors, api), (tools,), (broken,),
    ]
    for part, *arguments in parts:
        try:
            part(*arguments)
        except Exception:
            traceback.print_exc(file=sys.stdout)
            failed.append(part.__name__)
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
