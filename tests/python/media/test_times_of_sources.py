"""The timestamps of each kind of source are as docs/reference/time.md describes them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Push, until

import freshframe as ff

Make = Callable[[Path, Path], Any]


class Own(ff.Source[int]):
    live = False

    def __init__(self, times: list[float]) -> None:
        self._times = times

    def read(self) -> Iterator[tuple[int, float]]:
        yield from enumerate(self._times)


def numbered(clip: Path, folder: Path) -> Any:
    for sample in ff.open(str(clip), end=0.1):
        sample.frame.write(folder / f"{sample.seq:03}.png")
    return ff.open(str(folder / "%03d.png"), fps=10)


FROM_ZERO: dict[str, Make] = {
    "scene": lambda clip, folder: ff.open("demo:circles?size=64x48&fps=100&frames=9"),
    "scene as a file": lambda clip, folder: ff.open("demo:circles?size=64x48&frames=9&pace=0"),
    "file": lambda clip, folder: ff.open(str(clip)),
    "file in real time": lambda clip, folder: ff.open(str(clip), end=0.3, realtime=True),
    "images": numbered,
    "mock camera": lambda clip, folder: ff.testing.MockCamera(fps=100),
}


def times_of(source: Any, count: int = 200) -> list[tuple[float, float]]:
    """Returns pts and captured of the first samples."""
    pipeline = ff.Pipeline(stall_timeout=None)
    reader = pipeline.reader(pipeline.add(source), queue=ff.Queue(256))
    found = []
    with pipeline:
        for sample in reader:
            found.append((sample.pts, sample.captured))
            if len(found) == count:
                break
    return found


def pts_of(source: Any, count: int = 200) -> list[float]:
    return [pts for pts, _ in times_of(source, count)]


@pytest.mark.parametrize("kind", FROM_ZERO)
def test_the_times_of_a_source_start_at_0_and_never_decrease(kind: str, clip: Path, tmp_path: Path) -> None:
    found = times_of(FROM_ZERO[kind](clip, tmp_path), 9)
    if kind != "file":  # its packets are read in decoding order
        assert all(a[1] <= b[1] for a, b in itertools.pairwise(found))
    times = [pts for pts, _ in found]
    assert times[0] == 0
    assert len(times) > 1
    assert times == sorted(times)


def test_a_loop_continues_the_times(clip: Path) -> None:
    times = pts_of(ff.open(str(clip), loop=True), 300)
    assert times[0] == 0
    assert times == sorted(times)
    assert times[-1] > pts_of(ff.open(str(clip)), 1000)[-1]


def test_the_first_time_of_a_part_of_a_file_is_its_place_in_the_file(clip: Path) -> None:
    assert pts_of(ff.open(str(clip), start=0.2))[0] >= 0.2


@pytest.mark.parametrize("times", [[-5.0, -4.0], [1e18], [0.0, 1.0, 2.0, 1.0], [1.7e308], [3.0, 3.0]])
def test_the_times_of_a_source_in_python_pass_unchanged(times: list[float]) -> None:
    assert pts_of(Own(times)) == times


@pytest.mark.parametrize("time", [float("nan"), float("inf"), -float("inf")])
def test_a_time_that_is_not_finite_is_refused(time: float) -> None:
    with pytest.raises(ff.NodeError, match="must be a finite number of seconds"):
        pts_of(Own([0.0, time]))


def test_a_source_that_is_removed_and_added_again_is_a_new_stream() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    seen: list[tuple[str, int, float]] = []

    class Note(ff.Node[int, None]):
        def process(self, sample: ff.Sample[int]) -> None:
            seen.append((sample.source, sample.seq, sample.pts))

    merge = pipeline.add(Note(), [], queue=ff.Queue(256))
    pipeline.start()
    for runs in (1, 2):
        camera = pipeline.add(Push(), name="camera")
        source: Any = camera.node
        pipeline.connect(merge, camera, queue=ff.Queue(256))
        source.push(0)
        source.push(1)
        until(lambda runs=runs: len(seen) == 2 * runs, "both samples")  # type: ignore[misc]
        pipeline.remove(camera)
    pipeline.stop()
    assert [name for name, _, _ in seen] == ["camera"] * 4
    assert seen[:2] == seen[2:]
    assert seen[0][1:] == (0, 0)
