"""The numbers painted into the frames of a Look are those that the camera sent at those times."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import random
import statistics
import time

import pytest
from rigs.live.camera import PATIENT
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.reading.watch import find_number
from rigs.live.truth.streams.ts_server import TsServer
from support import until

import freshframe as ff

# A busy machine sends images late and skips some.
pytestmark = pytest.mark.repeats

FPS = 20.0
KEYS = 10  # images from one keyframe to the next
QUESTIONS = 40


def painted(view: ff.types.Snapshot) -> int:
    number = find_number(view.frame.luma)
    assert number is not None, "the picture is torn"
    return number


def in_order(views: list[ff.types.Snapshot]) -> bool:
    """Checks that times increase, and that the numbers are as far apart as the times."""
    return all(
        later.pts > one.pts
        and later.captured > one.captured
        and painted(later) - painted(one) == round((later.pts - one.pts) * FPS)
        for one, later in itertools.pairwise(views)
    )


@pytest.mark.table(cases=1)
@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_painted_numbers_are_those_of_the_times_in_many_questions(b_frames: int) -> None:
    shape = Shape("h264", count=2000, size=(160, 96), key_interval=KEYS, b_frames=b_frames)
    choose = random.Random(b_frames)
    look = ff.Look(seconds=20)
    pipeline = ff.Pipeline()
    with TsServer(film(shape), FPS) as server:
        pipeline.add(look, pipeline.add(ff.open(server.url, **PATIENT), name="door").packets)
        with pipeline:
            until(lambda: len(look.last(4, 4)) == 4, "four seconds")
            late, newest = [], -1
            for _ in range(QUESTIONS):
                asked = time.monotonic()
                view = look.now()
                assert painted(view) >= newest, "a newer picture was there before"
                newest = painted(view)
                until(lambda: server.log.find(newest, time.monotonic()), "the note of what was sent")  # noqa: B023
                sent = server.log.find(newest, time.monotonic())
                assert sent is not None
                late.append((view.captured - sent.due) * FPS)
                then = look.ago(choose.uniform(0.5, 3))
                assert then.captured <= asked
                assert in_order([then, look.now()])
                exact = look.last(choose.uniform(0.5, 3), choose.randint(2, 6), exact=True)
                assert in_order(exact)
                keys = look.last(3, 4)
                assert in_order(keys)
                assert {painted(each) % KEYS for each in keys} == {0}, "each is a keyframe"
    # With B-frames, a reference image is sent before images that are shown earlier.
    assert -0.5 < statistics.median(late) < b_frames + 1.5, "the times are those of other pictures"
