"""No message, attribute, statistic or log line shows a password of a URL, or the key of a server."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import html
import io
import json
import logging
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.live.faulty_server import Faults
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer
from rigs.ports import free_port
from rigs.publishing import counts
from rigs.web_client import request
from support import WATCHDOG, picture, until

import freshframe as ff
from freshframe import _check, _http, _native
from freshframe._cli import main
from freshframe._pipeline import life
from freshframe._spool.foreign import described

# Passwords of two parts that no message contains by chance, with special characters around them.
PIECES = ("Zq7w", "Xk9v")
ODD = [
    *(
        "/",
        "?",
        "#",
        "@",
        ":",
        "%",
        "%zz",
        "%00",
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\0",
        "\x1b[31m",
        "'",
        '"',
        "`",
    ),
    *(
        "\\",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        "|",
        "^",
        "&",
        "=",
        "+",
        ";",
        ",",
        "!",
        "$",
        "*",
        "(",
        ")",
        "~",
        "é",
    ),
    *("日", "://", "//", "@@", "/@", "?@", "#@", ":@", "888888#", "80/"),
]
FORMS = ["{0}{odd}{1}", "{odd}{0}{1}", "{0}{1}{odd}", "12345{odd}{0}{1}"]
PASSWORDS = [form.format(*PIECES, odd=odd) for form in FORMS for odd in ODD]
SCHEMES = ("rtsp", "http", "rtmp", "tcp")


def refused(call: Callable[[], object]) -> str:
    """Returns the exception of a call with its attributes and causes, or the repr() of its result, as a
    string.
    """
    try:
        result = call()
    except Exception as error:
        said = ""
        cause: BaseException | None = error
        while cause is not None:
            said += f"{cause} {cause!r} {vars(cause)} {getattr(cause, 'url', '')} "
            cause = cause.__cause__
        return said
    return f"{result!r} {getattr(result, 'url', '')}"


def added(source: ff.types.VideoSource) -> object:
    """Returns the names and statistics of a pipeline that was not started."""
    pipeline = ff.Pipeline()
    port = pipeline.add(source)
    pipeline.reader(port)
    return port, source, pipeline, pipeline.stats(), str(pipeline.stats())


# Each takes a URL and rejects or shows it without connecting.
PLACES: dict[str, Callable[[str], object]] = {
    "open": lambda url: added(ff.open(url)),
    "open start": lambda url: added(ff.open(url, start=1)),
    "open live": lambda url: added(ff.open(url, live=False)),
    "open still": lambda url: added(ff.open(url, live=False, frozen_after=5)),
    "open pace": lambda url: added(ff.open(url, pace="burst")),
    "open keys": lambda url: added(ff.open(url, live=False, decode="keyframes")),
    "open rendition": lambda url: added(ff.open(url, live=False, rendition="worst")),
    "open fps": lambda url: ff.open("demo:circles", fps=url),  # type: ignore[arg-type]
    "open size": lambda url: ff.open("demo:circles", size=url),  # type: ignore[arg-type]
    "open bytes": lambda url: ff.open(url.encode()),  # type: ignore[arg-type]
    "open with a blank": lambda url: added(ff.open(" " + url)),
    "open one slash": lambda url: added(ff.open(url.replace("://", ":/", 1))),
    "open without a colon": lambda url: added(ff.open(url.replace("://", "//", 1))),
    "open a slip": lambda url: added(ff.open(url.replace(":", ";", 1))),
    "read a slip": lambda url: ff.Frame.read(url.replace(":", ";", 1)),
    "read without a scheme": lambda url: ff.Frame.read(url.partition(":")[2]),
    "open without a scheme": lambda url: added(ff.open(url.partition("://")[2])),
    "open another scheme": lambda url: added(ff.open("x" + url)),
    "open exposure": lambda url: setattr(ff.open(0), "exposure", url),
    "mock": ff.testing.MockCamera,
    "probe option": lambda url: ff.probe("demo:circles", seconds=url),  # type: ignore[arg-type]
    "Publish": ff.Publish,
    "Publish codec": lambda url: ff.Publish(url, codec="h265x"),
    "Publish quality": lambda url: ff.Publish(url, crf=99),
    "Publish without a scheme": lambda url: ff.Publish(url.partition("://")[2]),
    "VideoFile": ff.VideoFile,
    "VideoFile mp4": lambda url: ff.VideoFile(url + ".mp4"),
    "VideoFile segment": lambda url: ff.VideoFile(url + "%d%d.mp4", segment_every=2),
    "JsonLines": ff.JsonLines,
    "Csv": lambda url: ff.Csv(url + ".parquet"),
    "Spool": lambda url: ff.Spool(url, print),
    "OnnxModel": ff.OnnxModel,
    "OnnxDetector": ff.OnnxDetector,
    "OnnxClassifier": ff.OnnxClassifier,
    "native.load": lambda url: ff.native.load(url, "Node", out=(3,)),
    "Frame.read": ff.Frame.read,
    "Frame.read pts": lambda url: ff.Frame.read(url, pts=1),
    "Frame.write": lambda url: ff.Frame.from_array(picture(0), "gray").write(url),
    "Ask": ff.Ask,
    "Ask remote": lambda url: ff.Ask(url.replace("rtsp", "https", 1), remote=True),
    "demo.circles": lambda url: ff.demo.circles(url, 0),
    "a number": lambda url: _check.number("size", url),
    "a list": lambda url: _check.number("size", [url, {url: np.zeros(3)}]),
}


def assert_hidden(said: str, password: str) -> None:
    for piece in PIECES:
        assert piece not in said, f"a piece of {password!r} is in {said!r}"


@pytest.mark.table(cases=20)
@pytest.mark.parametrize("place", PLACES)
def test_no_place_shows_a_password(place: str) -> None:
    for scheme in SCHEMES:
        for password in PASSWORDS:
            url = f"{scheme}://user:{password}@127.0.0.1:9/x"
            assert_hidden(refused(lambda url=url: PLACES[place](url)), password)  # type: ignore[misc]


@pytest.mark.parametrize(
    "name", ["pwd", "psw", "loginpas", "token", "key", "hmac", "auth", "sid", "hdnts", "jwt"]
)
@pytest.mark.parametrize("place", ["open", "open start", "Publish", "VideoFile", "open one slash"])
def test_no_place_shows_a_parameter_that_is_a_secret(place: str, name: str) -> None:
    for scheme in SCHEMES:
        for odd in set(ODD) - {"&", "@", "@@", "/@", "?@", "#@", ":@"}:
            url = f"{scheme}://127.0.0.1:9/x?n=1&{name}=Zq7w{odd}Xk9v&m=2"
            assert_hidden(refused(lambda url=url: PLACES[place](url)), url)  # type: ignore[misc]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logger = logging.getLogger("freshframe")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield text
    logger.setLevel(level)
    logger.removeHandler(handler)


CONNECTED = ["{0}{1}", "{0}%{1}", "{0}@{1}", "{0}'{1}", "{0}@{1}/", "{0}:{1}", "{0}%2F{1}"]


def fetched(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=WATCHDOG) as answer:
            return str(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return str(error.read())


def tried(url: str) -> str:
    """Returns everything that a pipeline reports about a source that keeps failing to connect."""
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(ff.open(url), name="camera"))

    def error() -> str:
        source = pipeline.stats().nodes["camera"].source
        return (source.last_error or "") if source else ""

    with pipeline:
        page = pipeline.serve(port=0).url.partition("?")[0].rstrip("/")
        until(error, "the failure")
        said = f"{pipeline.stats()} {pipeline.why()} {error()}"
        return said + "".join(
            fetched(f"{page}/{path}") for path in ("api/state", "metrics", "healthz", "api/why")
        )


def read(url: str) -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(ff.open(url, live=False)))
    pipeline.run()


def published(url: str) -> object:
    """Publishes until the first connection has failed, however long that takes."""
    pipeline = ff.Pipeline()
    pipeline.add(
        ff.Publish(url, timeout=1), pipeline.add(ff.open("demo:circles?size=64x48&fps=30")), name="out"
    )
    with pipeline:
        until(lambda: (publish := pipeline.stats().nodes["out"].publish) and publish.last_error, url)
    return pipeline.stats()


@pytest.mark.table(cases=5)
@pytest.mark.parametrize(
    ("use", "scheme"),
    [
        *((tried, scheme) for scheme in SCHEMES),
        (read, "http"),
        *((published, scheme) for scheme in SCHEMES if scheme != "http"),
    ],
)
def test_a_connection_that_fails_shows_no_password(
    use: Callable[[str], object], scheme: str, log: io.StringIO
) -> None:
    for password in (form.format(*PIECES) for form in CONNECTED):
        url = f"{scheme}://user:{password}@127.0.0.1:{free_port()}/x?token=Zq7w"
        assert_hidden(refused(lambda url=url: use(url)), password)  # type: ignore[misc]
        assert_hidden(log.getvalue(), password)


def opened(url: str, **options: str) -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(ff.open(url, reconnect=False, options=options or None)))
    pipeline.start()
    pipeline.stop()


# The clients of media servers, by protocol.
CLIENTS: dict[str, Callable[[str], object]] = {
    "http": opened,
    "http file": read,
    "rtsp own": lambda url: opened(url, rtsp="own"),
    "rtsp ffmpeg": lambda url: opened(url, rtsp="ffmpeg"),
    "rtsp publish": published,
}
SECRETS = {  # where a URL contains its secret
    "password": "user:Zq7wXk9v@{}",
    "user": "Zq7wXk9v@{}",
    "user with an empty password": "Zq7wXk9v:@{}",
    "escaped password": "user:%5Aq7wXk9v@{}",
    "parameter": "{}?token=Zq7wXk9v",
    "short parameter": "{}?k=Zq7wXk9v",
    "escaped URL": "{}?next=http%3A%2F%2Fu%3AZq7wXk9v%40h",
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("client", CLIENTS)
def test_no_secret_is_shown_that_a_server_repeats(client: str, secret: str, log: io.StringIO) -> None:
    scheme = client.partition(" ")[0]
    faults = Faults(status="404 no Zq7wXk9v here")
    with RtspServer(faults=faults) if scheme == "rtsp" else HttpServer(faults=faults) as server:
        place, _, path = server.url.partition("://")[2].partition("/")
        user, _, parameters = SECRETS[secret].partition("{}")
        said = refused(lambda: CLIENTS[client](f"{scheme}://{user}{place}/{path}{parameters}"))
    said += log.getvalue()
    assert "404" in said
    assert_hidden(
        said.replace("rtsp://Zq7wXk9v@", ""), secret
    )  # RTSP has no tokens, so the user name is shown


COMMANDS = [
    ["probe"],
    ["track", "-o", "out.jsonl"],
    ["top"],
    ["why"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_command_shows_a_password(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for odd in ("/", "?", "#", " ", "'", "12345/", "\n"):
        scheme = "http" if command[0] in ("top", "why") else "gopher"
        url = f"{scheme}://user:Zq7w{odd}Xk9v@127.0.0.1:9/x"
        assert main([*command, url]) != 0
        assert_hidden(str(capsys.readouterr()), url)


TOKEN = "Zq7w0123456789abcdefXk9v"
ANSWERS = {  # responses that repeat the token of the request
    "no HTTP": f"HELLO {TOKEN}\r\n\r\n",
    "no status": f"HTTP/1.1 {TOKEN} x\r\n\r\n",
    "a reason": f"HTTP/1.1 404 {TOKEN}\r\nContent-Length: 0\r\n\r\n",
    "its words": f"HTTP/1.1 400 no\r\n\r\n{TOKEN}",
    "words that are cut": f"HTTP/1.1 400 no\r\n\r\n{' ' * ((1 << 16) - 12)}{TOKEN}",
    "chunks that are none": f"HTTP/1.1 400 no\r\nTransfer-Encoding: chunked\r\n\r\n{TOKEN}\r\n",
    "another schema": f'HTTP/1.1 200 ok\r\n\r\n{{"schema": "{TOKEN}"}}',
    "a place": f"HTTP/1.1 302 there\r\nLocation: gopher://u:{TOKEN}@h/\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("command", ["top", "why"])
def test_no_command_shows_a_token_that_a_server_repeats(
    command: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(ANSWERS[answer].encode())

        thread = threading.Thread(target=serve)
        thread.start()
        assert main([command, f"http://127.0.0.1:{listening.getsockname()[1]}/?token={TOKEN}"]) != 0
        thread.join()
    said = str(capsys.readouterr())
    assert f"freshframe {command}: " in said
    assert_hidden(said, TOKEN)


PATHS: dict[str, Callable[[str], object]] = {
    "JsonLines": ff.JsonLines,
    "VideoFile": ff.VideoFile,
    "Spool": lambda url: ff.Spool(url, print),
    "Frame.read": ff.Frame.read,
    "Frame.write": lambda url: ff.Frame.from_array(picture(0), "gray").write(url),
    "a number": lambda url: _check.number("size", url),
    "Fleet": lambda url: ff.fleet.Fleet(name=url),
}
ODD_ADDRESSES = [
    "s3://key:Zq7wXk9v@bucket/out.mp4",
    "onvif://u:Zq7wXk9v@h",
    "cache:rtsp://u:Zq7wXk9v@h/x",
    "ffmpeg -i rtsp://u:Zq7wXk9v@h/x",
    "rtspsrc location=rtsp://u:Zq7wXk9v@h/x ! appsink",
]


@pytest.mark.parametrize("place", PATHS)
@pytest.mark.parametrize("address", ODD_ADDRESSES)
def test_no_message_about_a_path_shows_the_password_of_an_odd_address(place: str, address: str) -> None:
    said = refused(lambda: PATHS[place](address))
    assert_hidden(said, address)


def test_the_error_of_a_spools_function_shows_no_password() -> None:
    for password in (form.format(*PIECES) for form in CONNECTED):
        for before in ("", "x" * 990, "word " * 198):
            url = f"https://user:{password}@127.0.0.1:9/hook?key=Zq7w"
            assert_hidden(described(OSError(f"{before} no answer from {url}")), password)


class Fetching(ff.Node[ff.Frame, int]):
    """Raises an error that contains a URL, as requests and urllib do."""

    def __init__(self, call: str) -> None:
        self._call = call

    def _fail(self, call: str) -> None:
        if call == self._call:
            raise OSError("no answer from rtsp://user:Zq7w/Xk9v@127.0.0.1:9/hook?key=Zq7w")

    def open(self) -> None:
        self._fail("open")

    def process(self, sample: ff.Sample[ff.Frame]) -> int:
        self._fail("process")
        return 1

    def finish(self) -> None:
        self._fail("finish")


@pytest.mark.parametrize("on_error", ["stop", "skip", "remove"])
@pytest.mark.parametrize("call", ["open", "process", "finish"])
def test_no_report_of_a_nodes_own_error_shows_a_password(call: str, on_error: Any, log: io.StringIO) -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open("demo:circles?size=64x48&fps=30&frames=5"))
    pipeline.add(Fetching(call), source, name="ask", on_error=on_error)
    url = pipeline.serve().url
    told: list[str] = []
    try:
        with pipeline:
            until(
                lambda: "ask" not in (nodes := pipeline.stats().nodes) or nodes["ask"].errors, "the failure"
            )
            told += [request(url, "/api/state").text, request(url, "/healthz").text]
            pipeline.wait()
    except ff.FreshframeError as error:
        told.append(str(error))
    told += [f"{pipeline.stats()}", f"{pipeline.stats().nodes}", f"{pipeline.why()}"]
    for text in (*told, log.getvalue()):
        assert_hidden(text, "the error")
    assert "rtsp://user:***@127.0.0.1:9/hook?key=***" in " ".join([*told, log.getvalue()])


def test_no_line_about_a_call_of_the_program_shows_a_password(
    log: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload(segment: ff.types.Segment) -> None:
        raise OSError("no answer from rtsp://user:Zq7w/Xk9v@127.0.0.1:9/hook")

    monkeypatch.setattr(life, "_PATIENCE", 0.0)
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open("demo:circles?size=64x48&fps=30&frames=9&pace=0"))
    pipeline.add(ff.VideoFile(tmp_path / "a_%d.mp4", segment_every=1, on_segment=upload), source)
    pipeline.run()
    failing = ff.Pipeline("unraised")
    failing.add(Fetching("process"), failing.add(ff.open("demo:circles?size=64x48&fps=30")))
    failing.start()
    until(lambda: "no call has raised the error" in log.getvalue(), "the line")
    failing.stop()
    assert "rtsp://user:***@127.0.0.1:9/hook" in log.getvalue()
    assert_hidden(log.getvalue(), "the lines")


KEYS = [
    "sk-abcdefghijkl0123456789",
    'sk-"quoted"key/0123456789',
    "sk-back\\slash\\key0123456789",
    "<sk>&'key'0123456789",
]
ESCAPES: dict[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "JSON": lambda key: json.dumps(key)[1:-1],
    "JSON in JSON": lambda key: json.dumps(json.dumps(key))[2:-2],
    "JSON of PHP": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "code points": lambda key: "".join(f"\\u{ord(letter):04X}" for letter in key),
    "a representation": lambda key: repr(key)[1:-1],
    "HTML": html.escape,
    "HTML of XML": lambda key: html.escape(key, quote=False).replace("'", "&apos;"),
    "numbers": lambda key: "".join(f"&#{ord(letter)};" for letter in key),
    "a URL": lambda key: urllib.parse.quote(key, safe=""),
    "lines": lambda key: key[:8] + "\n    " + key[8:],
}


@pytest.mark.table
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("before", [0, 150, 190, 4_080, 65_530])
def test_no_form_of_a_key_is_shown_however_a_server_repeats_it(key: str, escape: str, before: int) -> None:
    for padding in (" ", "x", "\n"):
        shown = _http.show_reply(f"{padding * before}: {ESCAPES[escape](key)} is no key of ours", key)
        assert len(shown) <= 200
        for start in range(len(key) - 7):
            assert key[start : start + 8] not in shown
        assert not any(piece in shown for piece in ("\\u006", "&#10", "0123", "%73"))


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    "url",
    [
        "rtmp://127.0.0.1:{}/live2/Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/Zq7wXk9v-abcd/",
        "rtmp://127.0.0.1:{}//Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/Zq7wXk9v-abcd?a=1",
        "rtmp://127.0.0.1:{}/app?vhost=a/Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/app/name#/Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/app?Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/app/name?Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/app/name?backup&Zq7wXk9v-abcd&a=1",
        "rtmps://127.0.0.1:{}?Zq7wXk9v-abcd",
        "rtsp://127.0.0.1:{}/live?Zq7wXk9v-abcd-123",
        "tcp://127.0.0.1:{}?Zq7wXk9v-abcd-123",
        "rtmp://127.0.0.1:{}/app/name?x=/Zq7wXk9v-abcd",
        "RTMP://127.0.0.1:{}/app/Zq7wXk9v-abcd",
        "rtmps://127.0.0.1:{}/rtmp/FB-1-0-Zq7wXk9v",
        "srt://127.0.0.1:{}?passphrase=Zq7wXk9v-abcd",
        "rtsp://127.0.0.1:{}/live?stream_key=Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/live2/Zq7wXk9v-abcd?back=/live2/Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/app/more/Zq7wXk9v-abcd/",
        "rtmps://user:secret@127.0.0.1:{}/live2/Zq7wXk9v-abcd?backup=1",
        "srt://127.0.0.1:{}?streamid=publish:door:user:Zq7wXk9v",
    ],
)
def test_no_report_of_publishing_shows_the_key_of_the_stream(url: str, log: io.StringIO) -> None:
    target = ff.Publish(url.format(free_port()), timeout=1)
    pipeline = ff.Pipeline()
    pipeline.add(target, pipeline.add(ff.open("demo:circles?size=64x48&fps=30")), name="publish")
    with pipeline:
        until(lambda: counts(pipeline).last_error, "the failure")
        told = f"{pipeline.stats()} {pipeline.why()} {counts(pipeline)} {target!r} {target.url}"
    for text in (told, log.getvalue()):
        assert "Zq7wXk9v" not in text
    assert "***" in target.url


@pytest.mark.parametrize(
    "url",
    [
        "rtmp://127.0.0.1:{}/Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/live/Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/live/more/Zq7wXk9v-abcd/",
        "rtmp://127.0.0.1:{}/live?vhost=a/Zq7wXk9v-abcd",
        "rtmp://127.0.0.1:{}/live?Zq7wXk9v-abcd",
        "http://127.0.0.1:{}/live?Zq7wXk9v-abcd-123",
        "rtmp://joe:pw@127.0.0.1:{}/live/Zq7wXk9v-abcd?x=1",
    ],
)
def test_no_report_of_a_source_shows_the_key_of_the_stream(url: str, log: io.StringIO) -> None:
    source = ff.open(url.format(free_port()), open_timeout=1)
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(source, name="camera"))
    with pipeline, pipeline.serve() as dashboard:
        until(lambda: (pipeline.stats().nodes["camera"].source or source).last_error, "the failure")  # type: ignore[union-attr]
        told = f"{pipeline.stats()} {pipeline.why()} {source!r} {pipeline!r}"
        told += request(dashboard.url, "/api/state").text + request(dashboard.url, "/metrics").text
    assert "***" in told
    for text in (told, log.getvalue()):
        assert "Zq7wXk9v" not in text


def test_no_text_of_process_shows_a_value_of_its_environment() -> None:
    assert "Zq7w" not in repr(ff.Process(env={"TOKEN": "Zq7w"}))
    with pytest.raises(ff.OptionTypeError, match=r"got a bytes for 'TOKEN'"):
        ff.Process(env={"TOKEN": b"Zq7w"})  # type: ignore[dict-item]
    with pytest.raises(ff.OptionError, match=r"got one with = after 'TO'$"):
        ff.Process(env={"TO=KEN": "Zq7w"})


def test_words_of_a_server_stay_readable() -> None:
    assert _http.show_reply(b"no\n such  model: rtsp://u:Zq7w@h/", "key") == "no such model: rtsp://u:***@h/"
    assert _http.show_reply("x" * 300, "") == "x" * 200
    assert _http.show_reply(b"\x1b[2Jno\0 \xff\xc2\x9b", "") == "\ufffd[2Jno\ufffd \ufffd\ufffd"
    assert _http.show_reply("Bearer SK-ABC is wrong", "sk-abc") == "Bearer *** is wrong"


def test_a_text_of_backslashes_takes_no_long_time() -> None:
    assert len(_http.show_reply("\\" * 1_000_000, "\\\\key")) == 200


def test_lone_surrogates_do_not_stop_a_message() -> None:
    assert_hidden(_check.show("rtsp://user:Zq7w\ud800Xk9v@host/x"), "surrogates")
    assert _native.shown_url("rtsp://user:secret@host/x") == "rtsp://user:***@host/x"
