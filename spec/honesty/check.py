# SPDX-License-Identifier: MIT
"""Uses the stand-in server through lorax-client and huggingface_hub, and prints TAP."""

import os
import subprocess
import sys
import traceback
import warnings

# Only loopback is wanted: no reports, no proxies, no tokens of the user.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["NO_PROXY"] = "127.0.0.1"
for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "PREDIBASE_API_TOKEN"):
    os.environ.pop(name, None)
warnings.simplefilter("ignore")

import lorax.errors  # noqa: E402
from huggingface_hub import InferenceClient  # noqa: E402
from huggingface_hub import errors as hub_errors  # noqa: E402
from lorax import Client  # noqa: E402

PROMPT = "What is the capital of France?"
ANSWER = " The capital of France is Paris."
DELAY = 0.02
TOKEN = "pb_honesty"


class Server:
    """The stand-in as `predibase mock` runs it, ended by its own process id."""

    def __init__(self, interpreter, token=None):
        program = (
            "os.exit(require 'predibase.mock'.main "
            "{ '--delay', '0', '--max-seconds', '120' })"
        )
        environment = dict(os.environ)
        environment.pop("PREDIBASE_MOCK_TOKEN", None)
        if token:
            environment["PREDIBASE_MOCK_TOKEN"] = token
        self.process = subprocess.Popen(
            [interpreter, "-e", program],
            stdout=subprocess.PIPE, text=True, env=environment,
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise SystemExit("the stand-in server did not start: " + repr(line))
        self.url = line.split()[-1]

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()


def raises(kinds, call):
    try:
        call()
    except kinds as error:
        return error
    raise AssertionError("no error was raised")


def streamed_text(responses):
    return "".join(r.token.text for r in responses if not r.token.special)


# --- lorax-client -------------------------------------------------------------------------------

def lorax_generates(url):
    response = Client(url).generate(PROMPT, max_new_tokens=32)
    assert response.generated_text == ANSWER, response.generated_text
    details = response.details
    assert details.finish_reason.value == "eos_token"
    assert details.prompt_tokens == 8 and details.generated_tokens == len(details.tokens)
    assert details.seed is None
    assert details.tokens[-1].special and details.tokens[-1].text == "</s>"
    assert all(token.logprob <= 0 for token in details.tokens)


def lorax_streams(url):
    responses = list(Client(url).generate_stream(PROMPT, max_new_tokens=32))
    assert streamed_text(responses) == ANSWER
    assert all(response.generated_text is None for response in responses[:-1])
    last = responses[-1]
    assert last.generated_text == ANSWER
    assert last.details.finish_reason.value == "eos_token"
    assert last.details.generated_tokens == len(responses)


def lorax_samples(url):
    options = dict(do_sample=True, temperature=1.3, top_k=40, top_p=0.9, typical_p=0.95,
                   seed=1234567890123456789, max_new_tokens=24, repetition_penalty=1.1)
    first = Client(url).generate("Tell me a story", **options)
    second = Client(url).generate("Tell me a story", **options)
    assert first.generated_text == second.generated_text
    assert first.details.seed == 1234567890123456789


def lorax_shows_the_prompt(url):
    response = Client(url).generate(PROMPT, max_new_tokens=2, decoder_input_details=True)
    prefill = response.details.prefill
    assert len(prefill) == response.details.prompt_tokens
    assert prefill[0].text == "<s>" and prefill[0].logprob is None
    assert all(token.logprob <= 0 for token in prefill[1:])


def lorax_takes_the_best(url):
    response = Client(url).generate("Tell me a story", best_of=2, temperature=2.0,
                                    max_new_tokens=8)
    other = response.details.best_of_sequences[0]

    def mean(tokens):
        return sum(token.logprob for token in tokens) / len(tokens)

    assert mean(response.details.tokens) >= mean(other.tokens)


def lorax_uses_adapters(url):
    text = Client(url).generate("Hello", adapter_id="acme/pirate/1", adapter_source="pbase",
                                max_new_tokens=4).generated_text
    assert text.startswith(" Arr,"), text
    error = raises(lorax.errors.GenerationError, lambda: Client(url).generate(
        "Hello", adapter_id="acme/missing/1", adapter_source="pbase"))
    assert "acme/missing/1" in str(error)


def lorax_gets_json(url):
    import json
    schema = {"type": "object", "properties": {
        "name": {"type": "string"}, "age": {"type": "integer", "minimum": 1, "maximum": 9}}}
    response = Client(url).generate("Who are you?", response_format={
        "type": "json_object", "schema": schema}, max_new_tokens=100)
    value = json.loads(response.generated_text)
    assert isinstance(value["name"], str) and 1 <= value["age"] <= 9


def lorax_stops(url):
    response = Client(url).generate(PROMPT, stop_sequences=["of France"], max_new_tokens=32)
    assert response.generated_text == " The capital of France"
    assert response.details.finish_reason.value == "stop_sequence"


def lorax_sees_validation_errors(url):
    # a parameter that lorax-client itself lets through
    error = raises(lorax.errors.ValidationError, lambda: Client(url).generate(
        PROMPT, max_new_tokens=100000))
    assert "`inputs` tokens + `max_new_tokens` must be <= 2048" in str(error)


def lorax_sees_errors_in_a_stream(url):
    stream = Client(url).generate_stream(PROMPT, max_new_tokens=100000)
    raises(lorax.errors.ValidationError, lambda: list(stream))
    stream = Client(url + "/~error_after=2").generate_stream(PROMPT, max_new_tokens=10)
    received = []

    def read():
        for response in stream:
            received.append(response)

    raises(lorax.errors.GenerationError, read)
    assert len(received) == 2


def lorax_sees_overload(url):
    raises(lorax.errors.OverloadedError, lambda: Client(
        url + "/~overload=1000", max_session_retries=0).generate(PROMPT, max_new_tokens=2))
    stream = Client(url + "/~overload=1000").generate_stream(PROMPT, max_new_tokens=2)
    raises(lorax.errors.OverloadedError, lambda: list(stream))


def lorax_survives_small_pieces(url):
    responses = list(Client(url + "/~slice=1").generate_stream(PROMPT, max_new_tokens=32))
    assert streamed_text(responses) == ANSWER


def lorax_joins_characters(url):
    client = Client(url + "/~answer=ok%20%F0%9F%99%82")
    responses = list(client.generate_stream("x", max_new_tokens=20))
    assert streamed_text(responses) == "ok 🙂"
    assert "" in [response.token.text for response in responses]


# --- huggingface_hub ----------------------------------------------------------------------------

def hub_generates(url):
    assert InferenceClient(url).text_generation(PROMPT, max_new_tokens=32) == ANSWER


def hub_generates_with_details(url):
    response = InferenceClient(url).text_generation(
        PROMPT, max_new_tokens=32, details=True, decoder_input_details=True)
    assert response.generated_text == ANSWER
    assert response.details.finish_reason == "eos_token"
    assert response.details.generated_tokens == len(response.details.tokens)
    assert len(response.details.prefill) == 8


def hub_streams(url):
    texts = list(InferenceClient(url).text_generation(PROMPT, max_new_tokens=32, stream=True))
    assert "".join(texts) == ANSWER + "</s>" or "".join(texts) == ANSWER, texts


def hub_streams_with_details(url):
    events = list(InferenceClient(url).text_generation(
        PROMPT, max_new_tokens=32, stream=True, details=True))
    assert streamed_text(events) == ANSWER
    assert events[-1].generated_text == ANSWER
    assert events[-1].details.finish_reason == "eos_token"


def hub_samples(url):
    options = dict(do_sample=True, temperature=1.2, top_k=30, top_p=0.9, seed=7,
                   max_new_tokens=16, return_full_text=True, stop=["never seen"])
    client = InferenceClient(url)
    first = client.text_generation("Tell me a story", **options)
    assert first.startswith("Tell me a story")
    assert first == client.text_generation("Tell me a story", **options)


def hub_uses_adapters(url):
    text = InferenceClient(url).text_generation("Hello", adapter_id="acme/pirate/1",
                                                max_new_tokens=4)
    assert text.startswith(" Arr,"), text


def hub_sees_validation_errors(url):
    error = raises(hub_errors.ValidationError, lambda: InferenceClient(url).text_generation(
        PROMPT, max_new_tokens=100000))
    assert "must be <= 2048" in str(error)


def hub_sees_errors_in_a_stream(url):
    stream = InferenceClient(url).text_generation(PROMPT, max_new_tokens=100000, stream=True)
    raises(hub_errors.ValidationError, lambda: list(stream))
    stream = InferenceClient(url + "/~error_after=2").text_generation(
        PROMPT, max_new_tokens=10, stream=True)
    raises(hub_errors.GenerationError, lambda: list(stream))


def hub_sees_overload(url):
    raises(hub_errors.OverloadedError, lambda: InferenceClient(
        url + "/~overload=1000").text_generation(PROMPT, max_new_tokens=2))


def hub_asks_for_health(url):
    client = InferenceClient(url, provider="hf-inference")
    assert client.health_check() is True
    info = client.get_endpoint_info()
    assert info["max_total_tokens"] == 2048


CHECKS = [check for name, check in list(globals().items())
          if name.startswith(("lorax_", "hub_")) and callable(check)]


# --- tokens -------------------------------------------------------------------------------------

def token_is_checked(url):
    headers = {"Authorization": "Bearer " + TOKEN}
    assert Client(url, headers=headers).generate(PROMPT, max_new_tokens=1).generated_text == " The"
    raises(lorax.errors.UnknownError, lambda: Client(url).generate(PROMPT, max_new_tokens=1))
    assert InferenceClient(url, token=TOKEN).text_generation(PROMPT, max_new_tokens=1) == " The"
    error = raises(Exception, lambda: InferenceClient(url, token="pb_wrong").text_generation(
        PROMPT, max_new_tokens=1))
    assert "401" in str(error) and TOKEN not in str(error)


def main(interpreter):
    failed, number = 0, 0
    open_server = Server(interpreter)
    guarded_server = Server(interpreter, TOKEN)
    try:
        jobs = [(check, open_server.url) for check in CHECKS]
        jobs.append((token_is_checked, guarded_server.url))
        for number, (check, url) in enumerate(jobs, 1):
            title = check.__name__.replace("_", " ")
            try:
                check(url)
                print("ok %d - %s" % (number, title), flush=True)
            except Exception:
                failed += 1
                print("not ok %d - %s" % (number, title), flush=True)
                for line in traceback.format_exc().splitlines():
                    print("# " + line, flush=True)
    finally:
        open_server.close()
        guarded_server.close()
    print("1..%d" % number)
    print("%d passed, %d failed" % (number - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
