"""Strings from cameras, servers, workers and files may contain any bytes without breaking any report."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import json
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs.live.camera import PATIENT
from rigs.live.faulty_server import Faults
from rigs.live.packager import PER_SEGMENT, Packager, numbered, read_number
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer
from rigs.process import second_calls
from support import Push, picture, until

import freshframe as ff

TEXTS: dict[str, bytes] = {
    "latin-1": b"Kamera ung\xfcltig",
    "cut": "あい".encode()[:-1],
    "surrogate": b"\xed\xb3\xbf",
    "control": b"\x1b[2J\x07\x9b",
    "nul": b"a\0b",
    "long": ("あ" * 7000).encode(),
    "long-latin-1": b"\xfc" * 3000,
    "long-address": b"s" * 1500 + b"\xfc",
}


def texts_in(value: Any) -> Iterator[str]:
    """Yields all strings in a result, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from texts_in(key)
            yield from texts_in(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from texts_in(each)
    elif dataclasses.is_dataclass(value):
        yield from texts_in({each.name: getattr(value, each.name) for each in dataclasses.fields(value)})


def everything_works(
    pipeline: ff.Pipeline, dashboard: ff.types.Dashboard, caplog: pytest.LogCaptureFixture
) -> None:
    """Checks that all reports of a pipeline can be created, written and read."""
    stats, why = pipeline.stats(), pipeline.why()
    for text in (*texts_in(stats), *texts_in(why), repr(stats), str(why), repr(pipeline)):
        text.encode()
    for record in caplog.records:
        record.getMessage().encode()
    json.dumps(list(texts_in(stats)), ensure_ascii=False).encode()
    for path in ("/api/state", "/metrics", "/healthz"):
        try:
            with urllib.request.urlopen(dashboard.url.rstrip("/") + path, timeout=100) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:  # /healthz with a camera that is offline
            with error:
                body = error.read()
        text = body.decode()
        if path == "/api/state":
            json.loads(text)


def why_away(pipeline: ff.Pipeline) -> str:
    source = pipeline.stats().nodes["camera"].source
    assert source is not None
    return source.last_error or ""


def rtsp_reason(text: bytes) -> Any:
    answer = b"RTSP/1.0 500 " + text + b"\r\nCSeq: {cseq}\r\n\r\n"
    return RtspServer(None, Faults(answers={"OPTIONS": answer, "DESCRIBE": answer}))


def rtsp_refusal(text: bytes) -> Any:
    answer = b"RTSP/1.0 401 " + text + b"\r\nCSeq: {cseq}\r\nWWW-Authenticate: " + text + b"\r\n\r\n"
    return RtspServer(None, Faults(answers={"OPTIONS": answer, "DESCRIBE": answer}))


def rtsp_length(text: bytes) -> Any:
    answer = b"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Length: " + text + b"\r\n\r\n"
    return RtspServer(None, Faults(answers={"OPTIONS": answer, "DESCRIBE": answer}))


def rtsp_elsewhere(text: bytes) -> Any:
    answer = b"RTSP/1.0 302 Found\r\nCSeq: {cseq}\r\nLocation: rtsp://127.0.0.1:1/" + text + b"\r\n\r\n"
    return RtspServer(None, Faults(answers={"OPTIONS": answer, "DESCRIBE": answer}))


def http_reason(text: bytes) -> Any:
    return HttpServer(None, Faults(answer=b"HTTP/1.1 404 " + text + b"\r\nServer: " + text + b"\r\n\r\n"))


def http_elsewhere(text: bytes) -> Any:
    return HttpServer(
        None, Faults(answer=b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/" + text + b"\r\n\r\n")
    )


def playlist(text: bytes) -> Any:
    body = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:1/" + text + b"\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\nContent-Length: %d\r\n\r\n"
    return HttpServer(None, Faults(answer=head % len(body) + body))


SERVERS = [rtsp_reason, rtsp_refusal, rtsp_length, rtsp_elsewhere, http_reason, http_elsewhere, playlist]


@pytest.mark.table(cases=20)
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("serve", SERVERS)
def test_of_a_camera_that_is_away(
    serve: Callable[[bytes], Any], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "freshframe")
    with serve(TEXTS[name]) as server:
        pipeline = ff.Pipeline(keep_running=True)
        source = ff.open(server.url, reconnect=True, **PATIENT)
        pipeline.add(lambda frame: None, pipeline.add(source, name="camera"))
        with pipeline, pipeline.serve(port=0, token=None) as dashboard:
            until(lambda: why_away(pipeline), "the camera is away")
            everything_works(pipeline, dashboard, caplog)
            assert "\x1b" not in why_away(pipeline)


# Lines of a playlist between the length and the name of a segment, with a string in place of "%b".
TAGS: dict[str, bytes] = {
    "title": b"#EXTINF:9,%b\n",
    "unknown": b"#EXT-X-%b:%b\n",
    "comment": b"# %b\n",
    "dates": b'#EXT-X-DATERANGE:ID="%b",START-DATE="%b",X-A="%b"\n',
    "time": b"#EXT-X-PROGRAM-DATE-TIME:%b\n",
    "key": b'#EXT-X-KEY:METHOD=NONE,URI="%b",KEYFORMAT="%b"\n',
    "method": b"#EXT-X-KEY:METHOD=%b\n",
    "map": b'#EXT-X-MAP:URI="init.mp4",X-A="%b",X-B=%b\n',
    "start": b"#EXT-X-START:TIME-OFFSET=%b\n",
    "media": b'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="%b",NAME="%b"\n',
}


@pytest.mark.table(cases=20)
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("tag", TAGS)
def test_of_a_tag_of_a_playlist(tag: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "freshframe")
    kind = "mp4" if tag == "map" else "mpegts"
    clip = numbered(kind)
    with Packager() as server:
        server.files["init.mp4"] = clip.header
        server.tags = TAGS[tag].replace(b"%b", TEXTS[name])
        server.add(clip, 0, 1)
        server.is_over = True  # a playlist that has ended starts with its first segment
        pipeline = ff.Pipeline()
        source = ff.open(server.url, pace="burst", reconnect=False, **PATIENT)
        reader = pipeline.reader(pipeline.add(source, name="camera"), queue=ff.Queue(512))
        try:
            with pipeline, pipeline.serve(port=0, token=None) as dashboard:
                assert [read_number(sample.value) for sample in reader] == [*range(2 * PER_SEGMENT)]
                everything_works(pipeline, dashboard, caplog)
            refusal = ""
        except ff.SourceError as error:
            refusal = str(error)
    refusal.encode()
    assert (tag == "method") == ("its samples are encrypted" in refusal)
    # FFmpeg 9 rejects one in a media playlist
    assert not refusal or tag == "method" or (tag == "media" and "Master Playlist tag found" in refusal)


@pytest.mark.parametrize("name", TEXTS)
def test_of_an_encryption_that_cannot_be_read(name: str) -> None:
    with Packager() as server:
        server.tags = b"#EXT-X-KEY:METHOD=%b\n" % TEXTS[name]
        server.add(numbered("mpegts"), 0)
        server.files["0.ts"] = b"encrypted"
        server.is_over = True
        with pytest.raises(ff.SourceError, match="its samples are encrypted") as info:
            ff.probe(server.url)
    shown = str(info.value).split("encrypted (")[1].split("), which")[0]
    shown.encode()
    assert len(shown.encode()) <= 100
    assert shown.isprintable()


def errors(pipeline: ff.Pipeline, *nodes: str) -> list[int]:
    stats = pipeline.stats().nodes
    return [stats[node].errors for node in nodes]


@pytest.mark.slow
def test_of_exceptions_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pipeline = ff.Pipeline(keep_running=True)
    source = Push(live=False)
    given = pipeline.add(source, name="source")

    def raises(value: str) -> None:
        raise ValueError(value)

    pipeline.add(second_calls.say, given, name="worker", process=True, on_error="skip")
    pipeline.add(raises, given, name="here", on_error="skip")
    with pipeline, pipeline.serve(port=0, token=None) as dashboard:
        for count, text in enumerate(TEXTS.values(), 1):
            source.push(os.fsdecode(text))
            until(lambda: errors(pipeline, "worker", "here") == [count, count], "errors")  # noqa: B023
            everything_works(pipeline, dashboard, caplog)


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("process", [False, True])
@pytest.mark.parametrize("name", TEXTS)
def test_of_an_exception_that_ends_the_pipeline(name: str, process: bool) -> None:
    pipeline = ff.Pipeline()
    source = Push(live=False)
    pipeline.add(second_calls.say, pipeline.add(source), name="node", process=process)
    source.push(os.fsdecode(TEXTS[name]))
    with pytest.raises(ff.NodeError, match=r"node 'node' failed.*ValueError") as info:
        pipeline.run()
    assert isinstance(info.value.__cause__, ValueError)
    str(info.value).encode()
    pipeline.stats()


def test_of_names_of_pictures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = tmp_path / "a.png"
    ff.Frame.from_array(picture(7), "gray").write(good)
    names = [b"caf\xe9.png", "あ".encode()[:-1] + b".png", b"tab\there.png"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(good.read_bytes())
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(tmp_path), name="pictures"))
    with pipeline:
        paths = [os.fsencode(Path(sample.path or "").name) for sample in reader]
    assert sorted(paths) == sorted([b"a.png", *names])
    bad = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    bad.write_bytes(b"no picture")
    pipeline = ff.Pipeline()
    pipeline.add(lambda frame: None, pipeline.add(ff.open(tmp_path), name="pictures"))
    pipeline.run()
    assert "/caf\ufffd.png': the image is damaged" in caplog.text
