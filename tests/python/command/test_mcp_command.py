"""`freshframe mcp`: an agent's client over both transports, and requests that are rejected."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import importlib.util
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from support import WATCHDOG, at_once, until

import freshframe as ff
from freshframe._cli import main, top
from freshframe._cli.mcp import Eyes, NoPictureError
from freshframe._cli.top import Target

if importlib.util.find_spec("mcp") is None:
    pytest.skip("mcp is not installed", allow_module_level=True)

TOKEN = "a-token-of-this-test"
SENTENCE = r"door, frame (\d+), captured at (\S+), (\d+\.\d+) s old"
BY_THE_DRIVER = r"; by the driver's timestamp at \S+, give or take \d\.\d{3} s"
EPSILON = timedelta(milliseconds=2)  # timestamps are printed with three digits
PATH = {**os.environ, "PYTHONPATH": str(Path(ff.__file__).parents[1])}


@contextlib.contextmanager
def served(**options: Any) -> Iterator[ff.types.Dashboard]:
    """Serves a camera "door" that may be viewed, and another that may not."""
    pipeline = ff.Pipeline("house")
    door = pipeline.add(ff.open("demo:circles?size=320x240&fps=30"), name="door")
    pipeline.add(ff.open("demo:circles?size=320x240&fps=5"), name="private")
    past = ff.Look(seconds=10, every=0.1)
    pipeline.add(past, door, name="past")
    with pipeline, pipeline.serve(view=door, look=past, **options) as dashboard:
        until(lambda: len(past.last(1, 4)) == 4, "a second")
        yield dashboard


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "freshframe", "mcp", *arguments]


def over_stdio(url: str, talk: Callable[[Any], Awaitable[None]], *arguments: str) -> None:
    """Starts the command, and yields a client connected to it over stdio."""
    import mcp  # noqa: PLC0415  (each process that collects tests would spend half a second on it)

    async def session() -> None:
        program, *rest = command(url, *arguments)
        server = mcp.StdioServerParameters(command=program, args=rest, env=PATH)
        async with mcp.Client(server) as client:
            await talk(client)

    asyncio.run(asyncio.wait_for(session(), WATCHDOG))


async def text_of(client: Any, tool: str, **arguments: Any) -> str:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer
    return str(answer.content[0].text)


@pytest.mark.slow
def test_an_agent_sees_the_camera_that_may_be_seen_with_its_time_and_age() -> None:
    async def talk(client: Any) -> None:
        assert "never an instruction" in client.instructions
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {
            *("list_cameras", "look_now", "look_back", "why", "recent_events")
        }
        assert all(tool.annotations.read_only_hint for tool in tools)
        cameras = json.loads(await text_of(client, "list_cameras"))
        assert cameras["phase"] == "running"
        assert cameras["cameras"] == ["door"]
        assert [source["name"] for source in cameras["sources"]] == ["door", "private"]
        numbers = []
        for _ in range(3):
            before = datetime.now(timezone.utc)
            words, picture = (await client.call_tool("look_now", {"camera": "door"})).content
            found = re.fullmatch(SENTENCE, words.text)
            assert found is not None, words
            numbers.append(int(found[1]))
            answered = datetime.fromisoformat(found[2]) + timedelta(seconds=float(found[3]))
            assert before - EPSILON <= answered <= datetime.now(timezone.utc) + EPSILON
            assert picture.mime_type == "image/jpeg"
            assert base64.b64decode(picture.data)[:2] == b"\xff\xd8"
        assert numbers == sorted(numbers)
        why = await text_of(client, "why")  # on a busy machine the camera may lose frames
        assert re.search("Nothing is wrong|finding|door: lost", why, re.IGNORECASE)
        assert "start" in await text_of(client, "recent_events", most=5)
        assert cameras["looks"] == ["past"]
        back = (await client.call_tool("look_back", {"look": "past", "seconds": 1, "pictures": 4})).content
        assert [part.type for part in back] == ["text", "image"] * 4
        sentences = [re.fullmatch(SENTENCE + BY_THE_DRIVER, part.text) for part in back[::2]]
        assert all(sentences), back[::2]
        ages = [float(each[3]) for each in sentences if each]
        assert ages == sorted(ages, reverse=True)
        assert ages[0] >= 0.7
        unknown = await client.call_tool("look_back", {"look": "door"})
        assert unknown.is_error
        assert "status 404" in unknown.content[0].text
        assert "The looks are past" in unknown.content[0].text
        too_many = await client.call_tool("look_back", {"look": "past", "pictures": 17})
        assert "from 1 to 16" in too_many.content[0].text
        hidden = await client.call_tool("look_now", {"camera": "private"})
        assert hidden.is_error
        assert "status 404" in hidden.content[0].text
        assert "The cameras are door" in hidden.content[0].text

    with served(token=TOKEN) as dashboard:
        over_stdio(dashboard.url, talk)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("look_back", {"look": "past", "ago": 3}, "unknown argument 'ago'.*look, seconds, pictures"),
    ("look_back", {"look": "past", "n": 10**9}, "unknown argument 'n'"),
    ("look_back", {"look": "past", "seconds": "3"}, "seconds"),
    ("look_back", {"look": "past", "seconds": True}, "seconds"),
    ("look_back", {"look": "past", "seconds": -1}, "status 400"),
    ("look_back", {"look": "past", "seconds": 1e300}, "status 400"),
    ("look_back", {"look": "past", "pictures": 1.5}, "pictures"),
    ("look_back", {"look": "past", "pictures": 0}, "status 400"),
    ("look_back", {"look": "past", "pictures": "4"}, "pictures"),
    ("look_back", {"look": 5}, "look"),
    ("look_back", {}, "look"),
    ("look_now", {"camera": "door", "bogus": 1}, "unknown argument 'bogus'.*camera"),
    ("look_now", {"port": "door"}, "unknown argument 'port'"),
    ("look_now", {"camera": None}, "camera"),
    ("list_cameras", {"all": True}, "unknown argument 'all': this tool has no arguments"),
    ("why", {"node": "door"}, "unknown argument 'node'"),
    ("recent_events", {"n": 5}, "unknown argument 'n'.*most"),
    ("recent_events", {"most": 101}, "from 1 to 100, got 101"),
    ("recent_events", {"most": "5"}, "most"),
    ("recent_events", {"most": True}, "most"),
]


def test_an_argument_that_a_tool_does_not_have_is_refused_as_over_http() -> None:
    async def talk(client: Any) -> None:
        for tool in (await client.list_tools()).tools:
            assert tool.input_schema["additionalProperties"] is False
        for tool, arguments, words in WRONG:
            answer = await client.call_tool(tool, arguments)
            assert answer.is_error, (tool, arguments)
            assert re.search(words, answer.content[0].text, re.DOTALL), answer.content[0].text

    with served(token=TOKEN) as dashboard:
        over_stdio(dashboard.url, talk)


@pytest.mark.slow
def test_a_picture_that_is_too_old_is_refused_with_its_age() -> None:
    with served() as dashboard:
        _, jpeg = Eyes(Target.parse(dashboard.url), max_age=1e6).now("door")
        assert jpeg[:2] == b"\xff\xd8"
        with pytest.raises(NoPictureError, match=r"frame \d+, .* s old, more than the -1 s allowed"):
            Eyes(Target.parse(dashboard.url), max_age=-1).now("door")


@pytest.mark.slow
def test_a_pipeline_that_has_gone_is_said() -> None:
    with served() as dashboard:
        eyes = Eyes(Target.parse(dashboard.url), max_age=5)
    for question in (eyes.cameras, eyes.why, lambda: eyes.now("door"), lambda: eyes.events(5)):
        with pytest.raises(NoPictureError, match=r"no answer from|no dashboard at"):
            question()


@contextlib.contextmanager
def pretends(answer: bytes) -> Iterator[Eyes]:
    """Yields a client of a server that answers each request with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    link, _ = server.accept()
                    with link:
                        link.recv(65536)
                        link.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield Eyes(Target.parse(f"127.0.0.1:{server.getsockname()[1]}"), max_age=5)
        finally:
            server.shutdown(socket.SHUT_RDWR)


HEAD = b"HTTP/1.1 200 OK\r\nX-Seq: 1\r\nX-Timestamp: 1.0\r\n"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (HEAD + b"Content-Length: 1\r\n\r\nx", "did not report the age of its frames"),
        (HEAD + b"X-Age: 0.1\r\nContent-Length: 99\r\n\r\nxx", "cut off 97 bytes before its end"),
        *(
            (
                HEAD + b"X-Age: %s\r\nContent-Length: 2\r\n\r\n\xff\xd8" % age,
                "did not report the age of its frames",
            )
            for age in (b"nan", b"inf", b"-1e9", b"-2", b"", b"now")
        ),
        (
            HEAD + b"X-Age: 0.1\r\nContent-Length: 0\r\n\r\n",
            "expected an image .*: expected a JPEG image, got 0 bytes",
        ),
        (
            HEAD + b"X-Age: 0.1\r\nContent-Length: 5\r\n\r\n<p>no",
            "expected an image .*: expected a JPEG image, got 5 bytes",
        ),
        (b"hello\r\n\r\n", "no answer from"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "status 302"),
    ],
)
def test_an_answer_that_is_none_is_told_in_words(answer: bytes, message: str) -> None:
    with pretends(answer) as eyes, pytest.raises(NoPictureError, match=message):
        eyes.now("door")


PICTURE = {
    **{"source": "door", "seq": 7, "time": 1.0, "age": 0.5},
    **{"utc": 2.0, "utc_error": 0.25, "utc_from": "camera"},
    **{"damaged": False, "frozen_for": 0, "gap": 0, "width": 1, "height": 1, "jpeg": "/9j/"},
}
TOLD = "door, frame 7, captured at 1970-01-01T00:00:01.000+00:00, 0.5"
BY_THE_CAMERA = "; by the camera's clock at 1970-01-01T00:00:02.000+00:00"


def as_answer(body: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("state", "changes", "words"),
    [
        ("reading", {}, f"{BY_THE_CAMERA}, give or take 0.250 s"),
        ("reading", {"utc_error": None}, f"{BY_THE_CAMERA}, with an unknown error"),
        ("", {"utc": None, "damaged": True}, "; part of the image was lost in transit"),
        ("backing_off", {"utc": None}, "; the source is backing off now"),
        (
            "",
            {"utc": None, "gap": 3, "frozen_for": 61},
            "the same image for 61 s; for 3.0 s after it there is no image",
        ),
    ],
)
def test_a_picture_of_the_past_tells_its_clock_its_damage_and_its_source(
    state: str, changes: dict[str, Any], words: str
) -> None:
    body = json.dumps({"source": "door", "state": state, "pictures": [{**PICTURE, **changes}]})
    with pretends(as_answer(body)) as eyes:
        ((told, jpeg),) = eyes.back("door", 10, 1)
    assert told.startswith(TOLD)
    assert told.endswith(words)
    assert jpeg == b"\xff\xd8\xff"


@pytest.mark.table(cases=20)
@pytest.mark.parametrize(
    "body",
    [
        *("", "[]", "{", "3", "[" * 50_000, '{"pictures": [], "source": 3}'),
        json.dumps({"source": "door", "state": "reading", "pictures": [{**PICTURE, "jpeg": "x"}]}),
        json.dumps({"source": "door", "state": "reading", "pictures": [{**PICTURE, "time": 1e300}]}),
        *(
            json.dumps({"source": "door", "state": "", "pictures": [{**PICTURE, name: lie}]})
            for name, lies in {
                **{"age": (math.nan, -1e9, None, "0"), "jpeg": ("", "aGVsbG8=", None, 7)},
                **{"seq": ("x",), "utc_from": (7,), "frozen_for": ("x",), "gap": ("x",)},
            }.items()
            for lie in lies
        ),
        json.dumps({"source": "door", "state": 3, "pictures": [PICTURE]}),
        json.dumps({"source": 3, "state": "", "pictures": [PICTURE]}),
        json.dumps({"source": "door", "state": "", "pictures": [{"seq": 1}]}),
    ],
)
def test_an_answer_without_readable_pictures_is_told_in_words(body: str) -> None:
    with (
        pretends(as_answer(body)) as eyes,
        pytest.raises(
            NoPictureError, match=r"expected images with their times from .*, but cannot read the answer"
        ),
    ):
        eyes.back("door", 10, 4)


CAMERA = {"state": "reading", "undecoded_rate": 0.0, "away_for": 0.0}
STATE: dict[str, Any] = {
    **{"schema": top._SCHEMA, "phase": "running", "views": [{"port": "door"}], "looks": [{"look": "past"}]},
    **{name: [] for name in sorted(top._SHOWN - {"phase", "views", "looks"})},
    "nodes": [{"name": "door", "kind": "source", "state": "waiting", "rate": 30.0, "source": CAMERA}],
    "events": [{"time": 1.0, "kind": "start", "subject": "door", "text": "started", "count": 1}],
    "problems": [],
}
QUESTIONS: dict[str, Callable[[Eyes], Any]] = {
    "list_cameras": Eyes.cameras,
    "look_now": lambda eyes: eyes.now("door"),
    "look_back": lambda eyes: eyes.back("past", 10, 4),
    "why": Eyes.why,
    "recent_events": lambda eyes: eyes.events(20),
}
LIES: list[Any] = [
    *(None, 3, "text", [], {}, [None], [3], ["text"], [[]], [{}]),
    *({"port": 3}, [{"port": None}], [{"look": None}], {"text": []}, "\udcff", 1e300, [{"text": "\udcff"}]),
    *({"time": "now"}, [{"time": 1e300}], [{**STATE["events"][0], "time": None}]),
    [{**STATE["events"][0], "count": "x"}],
    [{**STATE["nodes"][0], "source": 3}],
    [{**STATE["nodes"][0], "rate": math.nan}],
]


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "503 Service Unavailable"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_whatever_a_server_answers_an_agent_reads_words(question: str, status: str) -> None:
    """Replaces each part of the state by each invalid value in turn."""
    for name in (*STATE, "text"):
        bodies = [json.dumps({**STATE, "text": "Nothing is wrong.", name: lie}) for lie in LIES]
        for body in (*bodies, "[" * 50_000):
            answer = as_answer(body).replace(b"200 OK", status.encode(), 1)
            with pretends(answer) as eyes:
                try:
                    told = QUESTIONS[question](eyes)
                except NoPictureError as error:
                    told = str(error)
            assert isinstance(told, str), told
            assert told
            told.encode()  # fails for a lone surrogate


def test_an_honest_state_is_told() -> None:
    with pretends(as_answer(json.dumps({**STATE, "text": "Nothing is wrong."}))) as eyes:
        assert json.loads(eyes.cameras())["sources"][0]["state"] == "reading"
        assert eyes.why() == "Nothing is wrong."
        assert eyes.events(5) == "1970-01-01T00:00:01+00:00 start door: started"


def test_a_name_that_no_port_can_have() -> None:
    with pretends(b"") as eyes, pytest.raises(NoPictureError, match="there is no port or look named"):
        eyes.now("\ud800")


HELLO = (
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",'
    '"capabilities":{},"clientInfo":{"name":"test","version":"1"}}}\n'
)


@pytest.mark.slow
@pytest.mark.table(cases=1)
@pytest.mark.parametrize(
    ("end", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (None, 0)], ids=["TERM", "INT", "end"]
)
def test_a_signal_ends_the_command_while_an_agent_keeps_stdin_open(
    end: signal.Signals | None, code: int
) -> None:
    with served() as dashboard:
        program = subprocess.Popen(
            command(dashboard.url), env=PATH, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with program:
            assert program.stdin is not None
            assert program.stdout is not None
            program.stdin.write(HELLO)
            program.stdin.flush()
            assert "freshframe" in program.stdout.readline()
            if end is None:
                program.stdin.close()
            else:
                program.send_signal(end)
            assert program.wait(WATCHDOG) == code


@contextlib.contextmanager
def over_http(url: str, token: Path) -> Iterator[str]:
    """Runs the command with --http, and yields its URL."""
    with subprocess.Popen(
        command(url, "--token-file", str(token), "--http", "0"), env=PATH, text=True, stderr=subprocess.PIPE
    ) as program:
        try:
            assert program.stderr is not None
            said = program.stderr.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/mcp", said)
            assert found is not None, said
            yield found[0]
        finally:
            program.send_signal(signal.SIGINT)
            program.wait(WATCHDOG)


@contextlib.asynccontextmanager
async def http_client(url: str, token: str) -> AsyncIterator[Any]:
    import httpx2  # noqa: PLC0415  (it comes with mcp)
    import mcp  # noqa: PLC0415  (as above)
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as web,
        mcp.Client(streamable_http_client(url, http_client=web)) as client,
    ):
        yield client


@pytest.mark.slow
def test_http_needs_the_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")

    async def talk(url: str) -> None:
        async with http_client(url, TOKEN) as client:
            answer = await client.call_tool("look_now", {"camera": "door"})
            assert not answer.is_error
            assert base64.b64decode(answer.content[1].data)[:2] == b"\xff\xd8"

    with served(token=TOKEN) as dashboard, over_http(dashboard.url.split("?")[0], file) as url:
        asyncio.run(asyncio.wait_for(talk(url), WATCHDOG))
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            request = urllib.request.Request(url, b"{}", headers)
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=WATCHDOG)
            assert refused.value.code == 401
            refused.value.close()


@pytest.mark.slow
def test_strangers_keep_no_agent_out(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")

    async def talk(url: str) -> None:
        async with http_client(url, TOKEN) as client:
            assert "door" in await text_of(client, "list_cameras")

    with (
        contextlib.ExitStack() as stack,
        served(token=TOKEN) as dashboard,
        over_http(dashboard.url.split("?")[0], file) as url,
    ):
        port = int(url.split(":")[2].partition("/")[0])
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), WATCHDOG)) for _ in range(70)
        ]
        for each in silent[::2]:
            with contextlib.suppress(OSError):
                each.sendall(b"POST /mcp HTTP/1.1\r\nHost: x\r\n")  # an incomplete request
        asyncio.run(asyncio.wait_for(talk(url), WATCHDOG))
        for each in silent:
            each.settimeout(WATCHDOG)
            with contextlib.suppress(ConnectionResetError):
                assert each.recv(100) == b""  # after some seconds, the newest connections are closed, too


@pytest.mark.slow
def test_ten_agents_look_without_a_pause_and_the_camera_goes_on(tmp_path: Path) -> None:
    with served() as dashboard:
        eyes = [Eyes(Target.parse(dashboard.url), max_age=1e6) for _ in range(10)]

        def look(eye: Eyes) -> list[int]:
            return [int(re.findall(r"frame (\d+)", eye.now("door")[0])[0]) for _ in range(5)]

        numbers = at_once(*(functools.partial(look, eye) for eye in eyes))
        assert all(each == sorted(each) and len(each) == 5 for each in numbers)
        last = max(max(each) for each in numbers)
        until(lambda: int(re.findall(r"frame (\d+)", eyes[0].now("door")[0])[0]) > last, "a newer picture")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--http", "0"], "--http needs a token"),
        (["--token-file", "none"], "--token-file cannot be read"),
        (["--token-file", "two"], "--token-file two must contain one token of printable ASCII"),
    ],
)
def test_wrong_options(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two").write_text("one\ntwo\n")
    assert main(["mcp", "http://127.0.0.1:1", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_no_dashboard(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "http://127.0.0.1:1"]) == 3
    assert "is a pipeline serving there?" in capsys.readouterr().err


def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    assert main(["mcp", "http://127.0.0.1:1"]) == 2
    assert "pip install 'freshframe[mcp]'" in capsys.readouterr().err


@pytest.mark.parametrize("most", [0, -1, 101, 10**9])
def test_no_events_are_not_all_events(most: int) -> None:
    with (
        pretends(as_answer(json.dumps(STATE))) as eyes,
        pytest.raises(NoPictureError, match=f"events from 1 to 100, got {most}"),
    ):
        eyes.events(most)
