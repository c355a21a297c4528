"""What a page and its viewers are bounded by."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import time
from collections import deque
from typing import Any

from rigs.live.media import encode
from rigs.live.servers import HttpServer
from rigs.process import nodes
from rigs.web_client import Video, VideoMessage, request

import freshframe as ff
from night.limits.rule import Find

_QUESTIONS = 30  # a minute
_ASKED = 0.7  # seconds between two of a client that asks too often
_MINUTE = 60.0
_MODES = {"picture": "video", "jpeg": "jpeg"}  # of a start, by the kind of its pictures
_OF_A_KIND = 20  # pictures, before another camera comes


def questions(seconds: float, find: Find) -> int:
    """A client that asks too often gets at least half of its answers a minute nevertheless."""
    pipeline, look = ff.Pipeline("questions"), ff.Look(back=2, every=0.5)
    pipeline.add(look, pipeline.add(ff.open("demo:circles?fps=5&size=64x48"), name="camera"), name="look")
    token, tried = "a-token-for-the-night", 0
    page = pipeline.serve(token=token, look=look, look_rate=_QUESTIONS)
    asked = {200: deque[float](), 429: deque[float]()}  # when such answers came
    with contextlib.closing(page), pipeline.start():
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
    with contextlib.closing(page), pipeline.start(), Video(page.url.rstrip("/")) as viewer:
        viewer.text("welcome")
        viewer.watch("camera")
        viewer.wait_at_most(_MINUTE)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            viewer.next("jpeg")
            pictures += 1
    return pictures


class _View:
    """What a viewer was told of the pictures that come."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._said: dict[str, Any] = {}
        self.pictures = dict.fromkeys(("picture", "jpeg"), 0)

    def take(self, message: VideoMessage) -> None:
        """Compares the kind of a picture with that of the newest start."""
        if message.kind in ("start", "gone"):
            self._said = message.json() if message.kind == "start" else {}
        elif message.kind in _MODES:
            self.pictures[message.kind] += 1
            told = self._said.get("mode")
            if told != _MODES[message.kind]:
                self._find(f"a viewer gets {message.kind!r} after a start of {told!r}")
                self._said = {"mode": _MODES[message.kind]}  # once


def codecs(seconds: float, find: Find) -> int:
    """A viewer is told of what kind the next pictures are, whatever camera takes the place of another."""
    replaced, ends, view = 0, time.monotonic() + seconds, _View(find)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(HttpServer(encode(kind, 60))) for kind in ("mpegts", "mjpeg")]
        pipeline = ff.Pipeline("codecs")
        camera = pipeline.add(ff.open(servers[0].url, still=None), name="camera")
        pipeline.add(nodes.mean, camera, name="mean")
        page = stack.enter_context(contextlib.closing(pipeline.serve()))
        stack.enter_context(pipeline.start())
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
            pipeline.replace(camera, ff.open(servers[replaced % 2].url, still=None), timeout=_MINUTE)
    return replaced
