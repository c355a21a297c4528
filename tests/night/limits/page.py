"""What a page and its viewers are bounded by."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import time
from collections import deque

from rigs.process import nodes
from rigs.web_client import Video, request

import freshframe as ff
from night.limits.rule import Find

_QUESTIONS = 30  # a minute
_ASKED = 0.7  # seconds between two of a client that asks too often
_MINUTE = 60.0


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
