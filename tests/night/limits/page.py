"""The bounds of a page and its viewers."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from rigs.live.media import encode
from rigs.live.servers import HttpServer
from rigs.process import nodes
from rigs.web_client import Video, VideoMessage, connect, request
from support import Push

import freshframe as ff
from night.limits.rule import Find

_QUESTIONS = 30  # a minute
_ASKED = 0.7  # seconds between two of a client that asks too often
_MINUTE = 60.0
_MODES = {"picture": "video", "jpeg": "jpeg"}  # mode of a start, by the kind of its pictures
_OF_A_KIND = 20  # pictures, before another camera comes

_SEEN_WITHIN = 60.0  # seconds until each viewer has a picture
_USUAL, _ODD = (48, 64), (65_536, 16)  # height and width of pictures: JPEG holds 65,535 pixels
_PICTURES_EACH, _ODD_FOR = 0.03, (0.1, 0.6)  # seconds: of a picture, and of successive odd ones
_STAYING, _LEAVING = 2, 3  # viewers


def questions(seconds: float, find: Find) -> int:
    """A client that asks too often gets at least half of its answers a minute anyway."""
    pipeline, look = ff.Pipeline("questions"), ff.Look(seconds=2, every=0.5)
    pipeline.add(look, pipeline.add(ff.open("demo:circles?fps=5&size=64x48"), name="camera"), name="look")
    token, tried = "a-token-for-the-night", 0
    page = pipeline.serve(token=token, look=look, looks_per_minute=_QUESTIONS)
    asked = {200: deque[float](), 429: deque[float]()}  # when such answers came
    with contextlib.closing(page), pipeline:
        began = time.monotonic()
        while (past := time.monotonic() - began) < seconds:
            pipeline.wait(_ASKED)
            status = request(page.url, "/api/look/look.json?n=1", Authorization=f"Bearer {token}").status
            if status in asked:
                asked[status].append(past)
            elif status != 503:  # there is no picture yet
                find(f"a Look answers {status}")
            for answers in asked.values():
                while answers and answers[0] < past - _MINUTE:
                    answers.popleft()
            answered, refused = len(asked[200]), len(asked[429])
            if past > _MINUTE and answered + refused > _QUESTIONS:
                tried += 1
                if 2 * answered < _QUESTIONS:
                    find(f"of {answered + refused} questions of a minute {answered} were answered")
    return tried


def watching(seconds: float, _: Find) -> int:
    """A page that acknowledges each picture keeps its connection, however many pictures it has had."""
    pipeline, pictures = ff.Pipeline("watching"), 0
    pipeline.add(
        nodes.mean, pipeline.add(ff.open("demo:circles?fps=30&size=64x48"), name="camera"), name="mean"
    )
    page = pipeline.serve()
    with contextlib.closing(page), pipeline, Video(page.url.rstrip("/")) as viewer:
        viewer.text("welcome")
        viewer.watch("camera")
        viewer.wait_at_most(_MINUTE)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            viewer.next("jpeg")
            pictures += 1
    return pictures


class _View:
    """The messages to a viewer about the pictures that come."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._said: dict[str, Any] = {}
        self.pictures = dict.fromkeys(("picture", "jpeg"), 0)

    def take(self, message: VideoMessage) -> None:
        """Compares the kind of a picture with the kind in the newest start."""
        if message.kind in ("start", "gone"):
            self._said = message.json() if message.kind == "start" else {}
        elif message.kind in _MODES:
            self.pictures[message.kind] += 1
            told = self._said.get("mode")
            if told != _MODES[message.kind]:
                self._find(f"a viewer gets {message.kind!r} after a start of {told!r}")
                self._said = {"mode": _MODES[message.kind]}  # once


def codecs(seconds: float, find: Find) -> int:
    """A viewer learns the kind of the next pictures, whatever camera takes the place of another."""
    replaced, ends, view = 0, time.monotonic() + seconds, _View(find)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(HttpServer(encode(kind, 60))) for kind in ("mpegts", "mjpeg")]
        pipeline = ff.Pipeline("codecs")
        camera = pipeline.add(ff.open(servers[0].url, frozen_after=None), name="camera")
        pipeline.add(nodes.mean, camera, name="mean")
        page = stack.enter_context(contextlib.closing(pipeline.serve()))
        stack.enter_context(pipeline)
        viewer = stack.enter_context(Video(page.url.rstrip("/")))
        viewer.text("welcome")
        viewer.watch("camera")
        viewer.wait_at_most(_MINUTE)
        while time.monotonic() < ends:
            kind = "jpeg" if replaced % 2 else "picture"
            enough, late = view.pictures[kind] + _OF_A_KIND, time.monotonic() + _MINUTE
            while view.pictures[kind] < enough and time.monotonic() < late:
                message = viewer.message()
                viewer.acknowledge(message)
                view.take(message)
            if view.pictures[kind] < enough:
                find(f"within {_MINUTE:g} s a viewer has not got {_OF_A_KIND} of {kind!r}: {view.pictures}")
                break
            replaced += 1
            pipeline.replace(camera, ff.open(servers[replaced % 2].url, frozen_after=None), timeout=_MINUTE)
    return replaced


class _Viewer(threading.Thread):
    """A picture stream of a page: `newest` is the Unix time at which its newest picture was taken."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.newest = 0.0
        where = urlsplit(url)
        self._socket = connect(url)
        self._socket.settimeout(None)
        question = f"GET {where.path}?{where.query} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n"
        self._socket.sendall(question.encode())
        self.start()

    def run(self) -> None:
        length, taken = 0, 0.0
        with contextlib.suppress(OSError), self._socket.makefile("rb") as stream:
            while line := stream.readline():
                name, _, value = line.decode("latin-1").partition(": ")
                if name == "Content-Length":
                    length = int(value)
                elif name == "X-Timestamp":
                    taken = float(value)
                elif name == "\r\n" and length:
                    stream.read(length)
                    self.newest, length = taken, 0

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(2)
        self.join()
        self._socket.close()


def _come_and_go(url: str, ended: threading.Event) -> None:
    """Viewers that leave before their first picture, or a few pictures later."""
    while not ended.is_set():
        with contextlib.closing(_Viewer(url)):
            ended.wait(random.choice((0.0, 0.01, 0.1, 0.3)))


def _show(source: Push, size: tuple[int, int], viewers: Sequence[_Viewer], seconds: float) -> bool:
    """Gives such pictures for that long, or until each viewer has had one. Returns whether they have."""
    began, ends, numbers = time.time(), time.monotonic() + seconds, itertools.count()
    while any(viewer.newest <= began for viewer in viewers):
        if time.monotonic() > ends:
            return False
        source.push(ff.Frame.from_array(np.full(size, next(numbers) % 256, np.uint8), "gray"))
        time.sleep(_PICTURES_EACH)
    return True


def pictures_that_cannot_be(seconds: float, find: Find) -> int:
    """Viewers get pictures again after some that JPEG cannot hold, though others leave meanwhile."""
    ends, tried, ended = time.monotonic() + seconds, 0, threading.Event()
    pipeline, source = ff.Pipeline("odd"), Push()
    camera = pipeline.add(source, name="camera")
    with contextlib.ExitStack() as stack:
        page = stack.enter_context(contextlib.closing(pipeline.serve(view=camera)))
        stack.enter_context(pipeline)
        url = page.mjpeg_url("camera", fps=15)
        viewers = [stack.enter_context(contextlib.closing(_Viewer(url))) for _ in range(_STAYING)]
        for _ in range(_LEAVING):
            leaving = threading.Thread(target=_come_and_go, args=(url, ended))
            leaving.start()
            stack.callback(leaving.join)
        stack.callback(ended.set)
        while time.monotonic() < ends:
            if not _show(source, _USUAL, viewers, _SEEN_WITHIN):
                find(f"{_STAYING} viewers do not all see usual pictures, {tried} times behind odd ones")
                break
            _show(source, _ODD, viewers, random.uniform(*_ODD_FOR))
            tried += 1
    return tried
