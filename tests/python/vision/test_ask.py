"""Ask: one question at a time to a model that is slow, busy, wrong, silent or offline."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import json
import math
import re
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from rigs import vision_model
from rigs.vision_model import Call, Model, Reply, completion
from support import WATCHDOG, run_program, until

import freshframe as ff
from freshframe._http import read_body

LIVE = "demo:circles?size=320x240&fps=30"
FEW = "demo:circles?size=320x240&frames=3&pace=0"


def say(text: str) -> Callable[[Call], Reply]:
    return lambda _: completion(text)


def answers_of(
    node: ff.Ask, source: str = FEW, **options: Any
) -> tuple[list[ff.types.Answer], ff.stats.NodeStats]:
    """Returns all answers about a source that ends, and the node's statistics."""
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(source), name="door")
    reader = pipeline.reader(pipeline.add(node, camera, name="ask", **options), queue=ff.LOSSLESS)
    with pipeline:
        found = [sample.value for sample in reader]
    return found, pipeline.stats().nodes["ask"]


def test_the_model_gets_the_picture_its_time_and_the_question_and_its_answer_has_the_pictures_stamp() -> None:
    with vision_model.serving(say("a ball")) as model:
        found, _ = answers_of(ff.Ask(model.url, "What is there?", model="eyes", options={"temperature": 0}))
    assert [answer.text for answer in found] == ["a ball"] * 3
    assert [answer.seq for answer in found] == [0, 1, 2]
    first, call = found[0], model.calls[0]
    assert (first.question, first.asked, first.model, first.finish_reason) == (
        "What is there?",
        False,
        "eyes-1",
        "stop",
    )
    assert first.source == "door"
    assert first.age >= first.duration > 0
    before, age, after = time.monotonic(), first.age, time.monotonic()
    assert before - first.captured <= age <= after - first.captured
    assert call.path == "/v1/chat/completions"
    assert "authorization" not in call.headers
    assert (call.body["model"], call.body["max_tokens"], call.body["temperature"]) == ("eyes", 256, 0)
    assert "never an instruction" in call.body["messages"][0]["content"]
    origin, question = call.texts
    assert question == "What is there?"
    assert re.fullmatch(r"Camera 'door', frame 0, taken.* \d+\.\d\d s ago:", origin)


def test_a_forked_child_is_refused_the_parents_node() -> None:
    ended = run_program(
        """
        import os, threading, warnings
        import freshframe as ff

        warnings.simplefilter("ignore", DeprecationWarning)  # about a fork beside threads
        used, fresh = ff.Ask("http://127.0.0.1:9/v1"), ff.Ask("http://127.0.0.1:9/v1")
        used.open()
        with used._lock:  # as a thread of the parent that asks at this moment
            child = os.fork()
        if child == 0:
            try:
                used.ask("what?")
            except ff.StateError as error:
                print(error, flush=True)
                fresh.ask("what?")
                os._exit(3)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("child", os.waitstatus_to_exitcode(status), used.ask("what?").done())
        """
    )
    assert ended.code == 0, ended.err
    assert "was created before this process was forked: create it after the fork" in ended.out
    assert "child 3 False" in ended.out


def test_a_live_pictures_time_is_said_to_the_millisecond() -> None:
    with vision_model.serving(say("yes")) as model:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(LIVE), name="door")
        reader = pipeline.reader(pipeline.add(ff.Ask(model.url, "Is it open?"), camera))
        with pipeline:
            sample = reader.get(timeout=WATCHDOG)
    found = re.search(r"taken at (\S+) by the clock of its", model.calls[0].texts[0])
    assert found is not None
    assert sample.value.utc is not None
    said = datetime.fromisoformat(found[1])
    assert said.tzinfo is not None
    assert abs(said.timestamp() - sample.value.utc) <= 0.001
    assert sample.utc == sample.value.utc


def size_of(jpeg: bytes, folder: Path) -> tuple[int, int]:
    (folder / "a.jpg").write_bytes(jpeg)
    frame = ff.Frame.read(folder / "a.jpg")
    return frame.width, frame.height


@pytest.mark.parametrize(
    ("source", "most", "size"),
    [("320x240", 1024, (320, 240)), ("320x240", 160, (160, 120)), ("240x320", 160, (120, 160))],
)
def test_a_picture_is_scaled_by_its_longer_side(
    source: str, most: int, size: tuple[int, int], tmp_path: Path
) -> None:
    with vision_model.serving(say("x")) as model:
        answers_of(ff.Ask(model.url, "?", max_side=most), f"demo:circles?size={source}&frames=1&pace=0")
    assert size_of(model.calls[0].jpeg, tmp_path) == size


def test_one_call_runs_at_a_time_and_pictures_pass_by_and_are_counted() -> None:
    go = threading.Semaphore(0)

    def answer(_: Call) -> Reply:
        assert go.acquire(timeout=WATCHDOG)
        return completion("x")

    with vision_model.serving(answer) as model:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(LIVE), name="door")
        reader = pipeline.reader(pipeline.add(ff.Ask(model.url, "?"), camera, name="ask"))
        with pipeline:
            for count in range(1, 4):
                until(lambda count=count: len(model.calls) == count, "the model was not asked")  # type: ignore[misc]
                seen = pipeline.stats().nodes["door"].processed
                until(lambda seen=seen: pipeline.stats().nodes["door"].processed > seen + 5, "no pictures")  # type: ignore[misc]
                go.release()
                assert reader.get(timeout=WATCHDOG).value.text == "x"
            go.release(100)
        (edge,) = [edge for edge in pipeline.stats().edges if edge.child == "ask"]
    assert model.most == 1
    assert edge.dropped >= 15


def test_a_question_of_the_program_goes_before_the_standing_one() -> None:
    begin = threading.Event()

    def answer(call: Call) -> Reply:
        assert begin.wait(WATCHDOG)
        return completion(f"to {call.texts[1]}")

    with vision_model.serving(answer) as model:
        node = ff.Ask(model.url, "standing")
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(node, pipeline.add(ff.open(LIVE))), queue=ff.LOSSLESS)
        with pipeline:
            until(lambda: model.calls, "the model was not asked")
            asked = [node.ask(f"{n}") for n in range(3)]
            begin.set()
            found = [future.result(WATCHDOG) for future in asked]
            order = [reader.get(timeout=WATCHDOG).value for _ in range(5)]
    assert [answer.text for answer in found] == ["to 0", "to 1", "to 2"]
    assert [answer.question for answer in order] == ["standing", "0", "1", "2", "standing"]
    assert [answer.asked for answer in order] == [False, True, True, True, False]
    assert found[0].seq > order[0].seq


def test_without_a_standing_question_only_the_program_asks_also_from_asyncio() -> None:
    with vision_model.serving(say("no")) as model:
        node = ff.Ask(model.url)
        pipeline = ff.Pipeline()
        pipeline.add(node, pipeline.add(ff.open(LIVE), name="door"), name="ask")

        async def ask() -> ff.types.Answer:
            return await asyncio.wait_for(asyncio.wrap_future(node.ask("Anybody?")), WATCHDOG)

        with pipeline:
            until(lambda: pipeline.stats().nodes["ask"].processed > 5, "no pictures")
            assert model.calls == []
            assert asyncio.run(ask()).text == "no"
    assert len(model.calls) == 1


def test_the_ninth_question_a_cancelled_one_and_one_that_is_too_late() -> None:
    with vision_model.serving(say("x")) as model:
        node = ff.Ask(model.url)
        futures = [node.ask(str(n)) for n in range(8)]
        with pytest.raises(ff.StateError, match="8 questions are already waiting"):
            node.ask("9")
        assert futures[0].cancel()
        found, _ = answers_of(node)
        assert [answer.question for answer in found] == ["1", "2", "3"]
        assert [future.result(0).text for future in futures[1:4]] == ["x"] * 3
        for future in futures[4:]:
            with pytest.raises(ff.StateError, match="ended before the question's turn"):
                future.result(0)
        with pytest.raises(ff.StateError, match="has been closed"):
            node.ask("late")


def test_a_pause_between_standing_questions() -> None:
    with vision_model.serving(say("x")) as model:
        found, stats = answers_of(ff.Ask(model.url, "?", every=3600))
    assert len(found) == len(model.calls) == 1
    assert stats.processed == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_once_more(status: int) -> None:
    replies = iter([(status, {"Retry-After": "0"}, b"{}"), completion("x")])
    with vision_model.serving(lambda _: next(replies)) as model:
        found, stats = answers_of(ff.Ask(model.url, "?"), "demo:circles?size=320x240&frames=1&pace=0")
    assert len(found) == 1
    assert len(model.calls) == 2
    first, second = (call.texts for call in model.calls)
    assert first[1] == second[1]
    ages = [float(re.findall(r"([\d.]+) s ago", text)[0]) for text, _ in (first, second)]
    assert ages[0] <= ages[1]
    assert stats.errors == 0


def json_error(status: int, text: str) -> Reply:
    return status, {}, json.dumps({"error": {"message": text}}).encode()


def test_an_answer_has_at_most_its_limit() -> None:
    most = 1 << 20
    assert len(read_body(cast(Any, io.BytesIO(bytes(most))), most, math.inf)) == most
    with pytest.raises(OSError, match="the response is larger than 1 MiB"):
        read_body(cast(Any, io.BytesIO(bytes(most + 1))), most, math.inf)


def test_half_letters_of_a_server_are_replaced() -> None:
    reply = {
        "model": "\udcff",
        "choices": [{"message": {"content": "a \ud83d ball \U0001f600"}, "finish_reason": "\ud800"}],
    }
    with vision_model.serving(lambda _: (200, {}, json.dumps(reply).encode())) as model:
        (first, *_), _ = answers_of(ff.Ask(model.url, "What is there?"))
    assert (first.text, first.model, first.finish_reason) == ("a \ufffd ball \U0001f600", "\ufffd", "\ufffd")
    with vision_model.serving(lambda _: json_error(500, "no \udcff")) as model:
        _, stats = answers_of(ff.Ask(model.url, "What is there?"), on_error="skip")
    assert str(stats.last_error).endswith("no \ufffd")


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((503, {"Retry-After": "0"}, b""), "answered 503 Service Unavailable"),
        (json_error(404, "no model 'eyes'"), "answered 404 Not Found: no model 'eyes'"),
        ((500, {}, b"<h1>Oops</h1>"), "answered 500 Internal Server Error: <h1>Oops</h1>"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "answered 302 Found"),
        ((200, {}, b"hello"), "answered 200 OK, but not a JSON object: hello"),
        ((200, {}, b"[" * 100_000), "but not a JSON object"),
        ((200, {}, b"[]"), "but not a JSON object"),
        ((200, {}, b"{}"), "has no text"),
        ((200, {}, b'{"choices": [7]}'), "has no text"),
        (completion(None, "length"), "raise max_tokens"),
        (completion(" \n"), "has no text"),
    ],
)
def test_a_failed_call_is_a_failed_sample_and_the_next_is_asked(reply: Reply, message: str) -> None:
    with vision_model.serving(lambda _: reply) as model:
        node = ff.Ask(model.url)
        asked = [node.ask(str(n)) for n in range(2)]
        found, stats = answers_of(node, on_error="skip")
    assert found == []
    assert stats.errors == 2
    for future in asked:
        with pytest.raises(OSError, match=re.escape(message)) as raised:
            future.result(0)
        assert type(raised.value) is OSError
    assert message in str(stats.last_error)


def test_after_a_failed_call_the_standing_question_waits() -> None:
    with vision_model.serving(lambda _: json_error(404, "none")) as model:
        _, stats = answers_of(ff.Ask(model.url, "?", every=60), on_error="skip")
    assert stats.errors == len(model.calls) == 1
    assert stats.processed == 3


def test_a_long_pause_is_not_that_of_a_failed_call() -> None:
    with vision_model.serving(lambda _: json_error(404, "none")) as model:
        node = ff.Ask(model.url, "?", every=3600)
        before = time.monotonic()
        answers_of(node, on_error="skip")
        assert before < node._next <= time.monotonic() + 10


def test_without_skip_a_failed_call_ends_the_pipeline_with_its_reason() -> None:
    refused = pytest.raises(ff.NodeError, match=r"answered 400 Bad Request: what\?")
    with vision_model.serving(lambda _: json_error(400, "what?")) as model, refused:
        answers_of(ff.Ask(model.url, "?"))
    assert len(model.calls) == 1


def test_a_server_that_is_not_there() -> None:
    with vision_model.serving(say("x")) as model:
        pass
    _, stats = answers_of(ff.Ask(model.url, "?", every=60), on_error="skip")
    assert stats.errors == 1
    assert f"the request to {model.url}/chat/completions failed" in str(stats.last_error)


def silent_until(event: threading.Event) -> Callable[[Call], Reply]:
    def answer(_: Call) -> Reply:
        event.wait(WATCHDOG)
        return completion("late")

    return answer


def test_a_silent_server_ends_by_the_timeout() -> None:
    end = threading.Event()
    with vision_model.serving(silent_until(end)) as model:
        _, stats = answers_of(ff.Ask(model.url, "?", timeout=0.05, every=60), on_error="skip")
        end.set()
    assert stats.errors == 1
    assert "did not answer within timeout=0.05 s" in str(stats.last_error)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "ff ask"]


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_server_whose_answer_drips_holds_no_thread(connection: str) -> None:
    end = threading.Event()
    head = f"HTTP/1.1 200 OK\r\nConnection: {connection}\r\nContent-Length: 1000000\r\n\r\n".encode()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            link, _ = server.accept()
            with link, contextlib.suppress(OSError):
                link.sendall(head)
                while not end.wait(0.005):
                    link.sendall(b" ")

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        _, stats = answers_of(ff.Ask(url, "?", timeout=0.2), "demo:circles?frames=1&pace=0", on_error="skip")
        assert "did not answer within timeout=0.2 s" in str(stats.last_error)
        until(lambda: not threads(), "the thread of the call")
        end.set()
        thread.join()


def test_a_call_that_was_cut_before_it_connected_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    go, real = threading.Event(), socket.create_connection

    def slowly(*arguments: Any) -> socket.socket:
        assert go.wait(WATCHDOG)
        return real(*arguments)

    monkeypatch.setattr(socket, "create_connection", slowly)
    with vision_model.serving(say("x")) as model:
        answers_of(ff.Ask(model.url, "?", timeout=0.05), "demo:circles?frames=1&pace=0", on_error="skip")
        go.set()
        until(lambda: not threads(), "the thread of the call")
    assert model.calls == []


def test_a_failed_future_holds_no_picture() -> None:
    with vision_model.serving(lambda _: json_error(404, "none")) as model:
        node = ff.Ask(model.url)
        asked = node.ask("?")
        answers_of(node, on_error="skip")
    error = asked.exception(0)
    assert error is not None
    assert error.__traceback__ is None
    assert error.__cause__ is None


@pytest.mark.parametrize("verb", ["stop", "remove"])
def test_an_end_does_not_wait_for_a_silent_server(verb: str) -> None:
    end = threading.Event()
    with vision_model.serving(silent_until(end)) as model:
        node = ff.Ask(model.url, timeout=3600)
        pipeline = ff.Pipeline()
        port = pipeline.add(node, pipeline.add(ff.open(LIVE)))
        pipeline.start()
        asked = node.ask("?")
        until(lambda: model.calls, "the model was not asked")
        pipeline.remove(port, timeout=WATCHDOG) if verb == "remove" else pipeline.stop(WATCHDOG)
        with pytest.raises(ff.StateError, match="stopped during the call"):
            asked.result(0)
        assert not end.is_set()
        end.set()
        pipeline.stop(WATCHDOG)


def test_an_end_does_not_wait_for_the_pause_of_a_busy_server() -> None:
    with vision_model.serving(lambda _: (503, {"Retry-After": "30"}, b"")) as model:
        pipeline = ff.Pipeline()
        pipeline.add(ff.Ask(model.url, "?"), pipeline.add(ff.open(LIVE)))
        with pipeline:
            until(lambda: model.calls, "the model was not asked")
        assert len(model.calls) == 1


def test_the_key_is_sent_and_told_to_nobody(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setenv("EYES_KEY", "sk-very-secret")

    def answer(call: Call) -> Reply:
        return json_error(401, "x" * 180 + f"wrong key\n {call.headers['authorization']}")

    with vision_model.serving(answer) as model:
        _, stats = answers_of(ff.Ask(model.url, "?", api_key_env="EYES_KEY"), on_error="skip")
    assert model.calls[0].headers["authorization"] == "Bearer sk-very-secret"
    assert "wrong key Bearer *" in str(stats.last_error)
    assert "secret" not in stats.last_error + caplog.text


def test_a_key_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EYES_KEY", raising=False)
    with pytest.raises(ff.NodeError, match="the environment variable EYES_KEY"):
        answers_of(ff.Ask("http://localhost:1/v1", "?", api_key_env="EYES_KEY"))


@pytest.mark.parametrize("key", ["sk-secret\n", "sk secret", "sk-sécret"])
def test_a_key_that_no_header_can_have(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYES_KEY", key)
    node = ff.Ask("http://localhost:1/v1", "?", api_key_env="EYES_KEY")
    asked = node.ask("?")
    with pytest.raises(ff.NodeError, match="EYES_KEY must contain a key of printable ASCII") as raised:
        answers_of(node)
    assert "secret" not in str(raised.value)
    with pytest.raises(ff.StateError, match="ended before"):
        asked.result(0)


def test_a_key_does_not_leave_the_machine_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYES_KEY", "k")
    with pytest.raises(ff.NodeError, match=r"is sent to 192\.0\.2\.1 only over https"):
        answers_of(ff.Ask("http://192.0.2.1/v1", "?", api_key_env="EYES_KEY", remote=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "192.0.2.1:80"}, "url must look like"),
        ({"url": "ftp://127.0.0.1/"}, "url must look like"),
        ({"url": "http://127.0.0.1:99999/"}, "url is invalid: Port out of range"),
        ({"url": "http://127.0.0.1:0/"}, "a port of 1 to 65535"),
        ({"url": "http://[::1/v1"}, "url is invalid"),
        ({"url": "http://me:secret@127.0.0.1/"}, "must not contain a user or a password"),
        ({"url": "ftp://me:secret@127.0.0.1:99999/"}, "must not contain a user or a password"),
        ({"url": "http://127.0.0.1/v1?key=1"}, "no query"),
        ({"url": "http://127.0.0.1/v 1"}, "no spaces"),
        ({"url": "http://127.0.0.1/vé"}, "an ASCII path"),
        ({"url": "http://192.0.2.1/v1"}, "is not this machine: pass remote=True to send frames there"),
        ({"url": "http://localhost.example/v1"}, "is not this machine"),
        ({"question": " "}, "question must not be empty"),
        ({"every": -1}, "every must be 0 or more seconds, got -1"),
        ({"max_side": 8}, "max_side must be 16 to 16384 pixels, got 8"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 1e10}, "timeout must be at most a day"),
        ({"options": {"messages": []}}, "options must not contain 'messages'"),
    ],
)
def test_options_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ff.OptionError, match=re.escape(message)) as raised:
        ff.Ask(**{"url": "http://127.0.0.1:1/v1", **arguments})
    assert "secret" not in str(raised.value)


def nested() -> list[Any]:
    found: list[Any] = []
    for _ in range(100_000):
        found = [found]
    return found


@pytest.mark.parametrize("options", [7, {1: 2}, {"a": object()}, {"a": float("nan")}, {"a": nested()}])
def test_options_of_another_type(options: Any) -> None:
    with pytest.raises(ff.OptionTypeError, match="options must be"):
        ff.Ask("http://127.0.0.1:1/v1", options=options)


@pytest.mark.parametrize(
    "url", ["http://[::1]:1/v1", "http://localhost:1/", "http://127.8.9.1:1/v1/chat/completions"]
)
def test_hosts_that_are_this_machine(url: str) -> None:
    ff.Ask(url, "?")


def test_fields_of_the_request() -> None:
    with vision_model.serving(say("x")) as model:
        for options in ({}, {"max_tokens": 7}, {"max_completion_tokens": 8}):
            answers_of(ff.Ask(model.url, "?", options=options), "demo:circles?frames=1&pace=0")
    fields = [
        {name: value for name, value in call.body.items() if name != "messages"} for call in model.calls
    ]
    assert fields == [{"max_tokens": 256}, {"max_tokens": 7}, {"max_completion_tokens": 8}]


def test_a_worker_process_is_refused_in_words() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(FEW))
    with pytest.raises(ff.FreshframeError, match="leave process= out"):
        pipeline.add(ff.Ask("http://localhost:1/v1", "?"), camera, process=True)


def test_a_node_that_was_replaced_takes_its_place_again() -> None:
    with vision_model.serving(say("x")) as model:
        pipeline, first = ff.Pipeline(), ff.Ask(model.url)
        port = pipeline.add(first, pipeline.add(ff.open(LIVE)))
        with pipeline:
            pipeline.replace(port, ff.Ask(model.url))
            with pytest.raises(ff.StateError, match="has been closed"):
                first.ask("?")
            pipeline.replace(port, first)
            assert first.ask("?").result(WATCHDOG).text == "x"


def test_a_node_that_gives_an_array_is_refused_and_the_picture_above_it_is_not_sent() -> None:
    def blurred(frame: ff.Frame) -> Any:
        return np.zeros_like(frame.bgr)

    with vision_model.serving(say("x")) as model:
        pipeline = ff.Pipeline()
        pipeline.add(
            ff.Ask(model.url, "?"), pipeline.add(blurred, pipeline.add(ff.open(FEW)), name="blurred")
        )
        with pytest.raises(
            ff.NodeError, match=r"'blurred' returns an? ndarray: add it downstream of .*Frame\.from_array"
        ):
            pipeline.run()
    assert model.calls == []


def test_answers_are_lines_of_json(tmp_path: Path) -> None:
    with vision_model.serving(say("a ball")) as model:
        pipeline = ff.Pipeline()
        answers = pipeline.add(ff.Ask(model.url, "What?"), pipeline.add(ff.open(FEW), name="door"))
        pipeline.add(ff.JsonLines(tmp_path / "a.jsonl"), answers)
        pipeline.run()
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["value"]["text"] for line in lines] == ["a ball"] * 3
    assert set(lines[0]["value"]) == {field.name for field in dataclasses.fields(ff.types.Answer)}


def test_two_nodes_two_servers() -> None:
    with vision_model.serving(say("one")) as first, vision_model.serving(say("two")) as second:
        models: list[Model] = [first, second]
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(FEW))
        readers = [
            pipeline.reader(pipeline.add(ff.Ask(model.url, "?"), camera), queue=ff.LOSSLESS)
            for model in models
        ]
        with pipeline:
            found = [[sample.value.text for sample in reader] for reader in readers]
    assert found == [["one"] * 3, ["two"] * 3]


def test_a_question_about_the_past_shows_the_pictures_of_a_look_each_behind_its_own_time() -> None:
    look = ff.Look(every=0)
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(LIVE), name="door")
    pipeline.add(look, camera)
    with vision_model.serving(say("it rolled")) as model:
        node = ff.Ask(model.url)
        pipeline.add(node, camera)
        with pipeline:
            until(lambda: len(look.last(0.5, 3)) == 3, "three pictures")
            views = look.last(0.5, 3)
            answer = node.ask("What has happened?", snapshots=views).result(WATCHDOG)
            with pytest.raises(ff.OptionError, match="at most 16 snapshots, got 17"):
                node.ask("What?", snapshots=[views[0]] * 17)
            with pytest.raises(ff.OptionTypeError, match="snapshots of a Look"):
                node.ask("What?", snapshots=[views[0].frame])  # type: ignore[list-item]
    *pictures, question = model.calls[0].body["messages"][-1]["content"]
    assert [part["type"] for part in pictures] == ["text", "image_url"] * 3
    for view, part in zip(views, pictures[::2], strict=True):
        assert part["text"].startswith(f"Camera 'door', frame {view.seq}, taken at ")
    assert question["text"] == "What has happened?"
    assert (answer.source, answer.seq, answer.captured) == ("door", views[-1].seq, views[-1].captured)
    assert answer.asked
