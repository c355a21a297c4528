"""The programs about cameras that disconnect: open-an-ip-camera.md and wall-of-cameras.md."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rigs.live.camera import clip
from rigs.live.faulty_server import Server
from rigs.live.rtsp import RtspServer
from rigs.ports import free_port
from support import WATCHDOG, program_environment, until

import freshframe as ff

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to"
BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST = 25  # lines of a program


def programs(page: str) -> list[str]:
    return BLOCK.findall((HOW_TO / f"{page}.md").read_text(encoding="utf-8"))


def has_sent(server: Server) -> bool:
    return server.frames_sent > 10


def lines_of_code(program: str) -> int:
    return sum(1 for line in program.splitlines() if line)


def started(program: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,
        env=program_environment() | environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def read_lines(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)


def test_each_outage_is_printed_with_its_start_its_length_and_its_reason(tmp_path: Path) -> None:
    (program,) = (text for text in programs("open-an-ip-camera") if "away_total" in text)
    assert lines_of_code(program) <= LONGEST
    port = free_port()
    rows: list[tuple[float, str, float]] = []
    lines: queue.Queue[str] = queue.Queue()
    with started(program, tmp_path, CAMERA=f"rtsp://127.0.0.1:{port}/live") as process:
        reading = threading.Thread(target=read_lines, args=(process, lines))
        reading.start()
        try:
            closed: float | None = None
            for _ in range(30):  # a program that gets no time while the camera is away prints nothing
                if len(rows) == 3:
                    break
                with RtspServer(clip("h264"), port=port) as server:
                    until(functools.partial(has_sent, server), "frames")
                    with contextlib.suppress(queue.Empty):
                        if closed is not None:
                            rows.append((closed, lines.get(timeout=WATCHDOG / 10), time.time()))
                    closed = time.time()
                time.sleep(1.5)
        finally:
            process.kill()
            reading.join()
    assert len(rows) == 3
    for closed, row, printed in rows:
        parts = re.fullmatch(r"(.{24}): away for ([\d.]+) s: (\S.*)\n", row)
        assert parts, row
        begin = time.mktime(time.strptime(parts[1]))  # whole seconds
        assert closed - 2 <= begin <= begin + float(parts[2]) <= printed + 1
        assert float(parts[2]) > 0


@pytest.mark.slow
def test_the_wall_has_three_cameras_and_one_black_tile(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    (program,) = programs("wall-of-cameras")
    assert lines_of_code(program) <= LONGEST
    with started(program, tmp_path) as process:
        address, _ = process.communicate(timeout=WATCHDOG)
    assert process.returncode == 0
    assert address.startswith("http://127.0.0.1:")
    frame = [sample.frame for sample in ff.open(tmp_path / "wall.mp4")][-1]
    assert (frame.width, frame.height) == (640, 480)
    top, bottom = frame.luma[:240], frame.luma[240:]
    tiles = [top[:, :320], top[:, 320:], bottom[:, :320], bottom[:, 320:]]
    assert [int(tile[8:-8, 8:-8].max()) > 60 for tile in tiles] == [True, True, True, False]


@pytest.mark.slow
@pytest.mark.parametrize("away", [0, 3])
def test_a_partial_join_gives_nothing_while_its_first_parent_is_silent(
    away: int, caplog: pytest.LogCaptureFixture
) -> None:
    urls = [f"demo:circles?size=160x120&fps=15&seed={number}" for number in range(4)]
    urls[away] = f"rtsp://127.0.0.1:{free_port()}/away"
    pipeline = ff.Pipeline()
    cameras = [pipeline.add(ff.open(url), name=f"cam{number}") for number, url in enumerate(urls)]
    sets = pipeline.add(
        lambda *frames: frames, cameras, join=ff.Join(0.1, max_wait=0.1, partial=True), name="wall"
    )
    reader = pipeline.reader(sets, frames=False)
    warning = (
        "join 'wall': no complete set for 10 s by captured: 'cam0' sends nothing, and the first parent sets "
        "the pace, even with partial=True"
    )
    with caplog.at_level(logging.WARNING, logger="freshframe"), pipeline:
        if away == 0:
            until(lambda: warning in caplog.text, "the warning that the page shows")
            assert reader.latest() is None
        else:
            assert reader.get(timeout=WATCHDOG).value[away] is None
    assert warning in (HOW_TO / "wall-of-cameras.md").read_text(encoding="utf-8")
