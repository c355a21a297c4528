"""docs/how-to/rtsp-stream-minutes-behind.md: its three loops on one RTSP stream, with a model of 300 ms."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.process import TruthProcess, saved
from support import TESTS, WATCHDOG

import freshframe as ff

pytest.importorskip("cv2", reason="needs OpenCV, which the page compares with")

PAGE = Path(__file__).parents[3] / "docs/how-to/rtsp-stream-minutes-behind.md"
BLOCKS = re.findall(r"^```python notest\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
FPS = 25.0
RESULTS = 21  # results of a model of 300 ms: six seconds

# Replaces Ultralytics: sleeps, then prints the time and the number painted into the frame.
MODEL = f"""
import os, time
from types import SimpleNamespace
import numpy as np
from rigs.live.truth.pictures.number import read_number

class YOLO:
    def __init__(self, path):
        self.left = {RESULTS}

    def __call__(self, picture, verbose):
        time.sleep(0.3)
        green = np.ascontiguousarray(picture[:, :, 1])
        number = read_number(green.reshape(-1).data, green.shape[1], green.shape[0], green.strides[0])
        print("MODEL", time.monotonic(), number, flush=True)
        self.left -= 1
        if self.left == 0:
            os._exit(0)
        boxes = SimpleNamespace(xyxy=np.zeros((2, 4)), conf=np.ones(2), cls=np.zeros(2))
        return [SimpleNamespace(boxes=boxes, names={{0: "person"}})]
"""


def with_buffer_of_one(program: str) -> str:
    asked = 'print("BUFFERSIZE", capture.set(cv2.CAP_PROP_BUFFERSIZE, 1), flush=True)'
    changed = re.sub(r"^(capture = .*)$", rf"\1\n{asked}", program, flags=re.M)
    assert changed != program
    return changed


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yields the output of each loop. They run concurrently, because they mostly sleep."""
    folder = tmp_path_factory.mktemp("behind")
    (folder / "ultralytics.py").write_text(MODEL)
    queued, fresh, thread = BLOCKS
    loops = {"queued": queued, "buffer": with_buffer_of_one(queued), "fresh": fresh, "thread": thread}
    path = os.pathsep.join([str(folder), str(Path(ff.__file__).parents[1]), str(TESTS)])
    with TruthProcess(saved({"one": film(Shape(count=1000))}, folder), folder / "log", fps=FPS) as server:
        running = {}
        for name, program in loops.items():
            assert program.count("rtsp://10.0.0.7/stream1") == 1
            (folder / f"{name}.py").write_text(program.replace("rtsp://10.0.0.7/stream1", server.url))
            running[name] = subprocess.Popen(
                [sys.executable, f"{name}.py"],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": path},
                stdout=subprocess.PIPE,
                text=True,
            )
        end = time.monotonic() + WATCHDOG
        try:
            yield {
                name: process.communicate(timeout=end - time.monotonic())[0]
                for name, process in running.items()
            }
        finally:
            for process in running.values():
                process.kill()
                process.wait()


def seconds_lost(output: str) -> float:
    """Returns by how many seconds the frames fell behind real time from the first to the last result."""
    rows = [line.split()[1:] for line in output.splitlines() if line.startswith("MODEL ")]
    assert len(rows) == RESULTS, output
    (began, first), (ended, last) = ((float(at), int(number)) for at, number in (rows[0], rows[-1]))
    return ended - began - (last - first) / FPS


@pytest.mark.parametrize("loop", ["queued", "buffer"])
def test_a_loop_of_read_and_model_falls_behind(printed: dict[str, str], loop: str) -> None:
    assert seconds_lost(printed[loop]) > 4


def test_opencv_refuses_the_buffer_size_as_the_page_says(printed: dict[str, str]) -> None:
    assert "BUFFERSIZE False\n" in printed["buffer"]


@pytest.mark.parametrize("loop", ["fresh", "thread"])
def test_a_loop_over_the_newest_frame_does_not(printed: dict[str, str], loop: str) -> None:
    assert seconds_lost(printed[loop]) < 1


def test_the_output_of_the_page_is_what_the_program_prints(printed: dict[str, str]) -> None:
    line = re.compile(r"^frame \d+: 2 boxes, \d\.\d\d s old$", re.M)
    assert len(line.findall(printed["fresh"])) >= RESULTS - 2, printed["fresh"]
    assert len(line.findall(PAGE.read_text(encoding="utf-8"))) >= 3
