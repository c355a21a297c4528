"""The programs of how-to pages with the libraries that they are about: MediaPipe, Rerun, mss and ipywidgets.

`./dev test-libraries` installs them into an environment of their own, named in FRESHFRAME_TEST_LIBRARIES.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from drawn_hand import index_tip
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.process import TruthProcess, saved
from rigs.watchdog import LONG_WATCHDOG, run_to_end
from support import TESTS

import freshframe as ff

FOLDER = Path(os.environ.get("FRESHFRAME_TEST_LIBRARIES", "nowhere")).absolute()
PYTHON = FOLDER / "venv/bin/python"
HERE = Path(__file__).parent
HOW_TO = HERE.parents[1] / "docs/how-to"

pytestmark = pytest.mark.skipif(not PYTHON.is_file(), reason="./dev test-libraries installs them")


def programs(page: str) -> list[str]:
    text = (HOW_TO / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^```python(?: notest)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def changed(program: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert program.count(old) == 1, old
        program = program.replace(old, new)
    return program


def run(program: str, folder: Path, *before: str) -> str:
    """Runs a program in the environment of the libraries, and returns what it prints."""
    path = os.pathsep.join([str(Path(ff.__file__).parents[1]), str(HERE), str(TESTS)])
    environment = {**os.environ, "PYTHONPATH": path, "SDL_VIDEODRIVER": "dummy"}
    done = run_to_end([*before, PYTHON, "-c", program], cwd=folder, env=environment, timeout=LONG_WATCHDOG)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Runs cells, and prints what each shows.
NOTEBOOK = """
import nbformat
from nbclient import NotebookClient

notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
for cell in notebook.cells:
    for output in cell.outputs:
        data = output.get("data", {})
        print(*data, data.get("text/plain"), output.get("text"))
"""
WATCHED = """import time
shown, images = live(drawn), set()
while len(images) < 5:
    images.add(bytes(shown.value))
    time.sleep(0.05)
print("JPEG", all(image[:2] == b"\\xff\\xd8" for image in images - {b""}))"""


def test_images_are_live_in_the_cell_of_a_notebook(tmp_path: Path) -> None:
    first, live, newest = programs("notebook")[1:4]
    cells = [first, live, WATCHED, newest, "pipeline.stop()"]
    printed = run(f"cells = {cells!r}\n{NOTEBOOK}", tmp_path)
    assert "application/vnd.jupyter.widget-view+json" in printed
    assert "JPEG True" in printed
    assert re.search(r"<Circles: 4: \(\d+, \d+\) r \d+, ", printed)


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[str]:
    """The URL of an RTSP camera."""
    film_of_camera = saved({"one": film(Shape(count=300))}, tmp_path)
    with TruthProcess(film_of_camera, tmp_path / "log", fps=25) as server:
        yield server.url


def test_rerun_gets_the_packets_and_boxes_of_a_camera(tmp_path: Path, camera: str) -> None:
    program = changed(
        programs("rerun")[0],
        ("rtsp://10.0.0.7/stream1", camera),
        ("pipeline.run()", "import time\nwith pipeline:\n    time.sleep(4)\n"),
    )
    run(program, tmp_path)
    tool = PYTHON.with_name("rerun")
    verified = run_to_end([tool, "rrd", "verify", "camera.rrd"], cwd=tmp_path, timeout=LONG_WATCHDOG)
    assert verified.stdout + verified.stderr in (HOW_TO / "rerun.md").read_text(encoding="utf-8")
    assert "1 file" in verified.stdout + verified.stderr
    printed = run_to_end([tool, "rrd", "print", "-vv", "camera.rrd"], cwd=tmp_path, timeout=LONG_WATCHDOG)
    for part in ("/camera", "VideoStream", "/camera/boxes", "Boxes2D", "/age_ms"):
        assert part in printed.stdout, part


GAME = "screen = pygame.display"
OFF = """from drawn_hand import index_tip
off = []
"""
NOTE = "points[8], 20); off.append(np.hypot(*np.subtract(points[8], index_tip(sample.seq))))"


@pytest.fixture
def hands(tmp_path: Path) -> str:
    """The page's program with a drawn hand; its model is in the folder of the test."""
    shutil.copy(FOLDER / "hand_landmarker.task", tmp_path)
    program = changed(programs("hands-in-a-game")[0], ("ff.open(0)", "DrawnHand(150)"))
    return f"from drawn_hand import DrawnHand\n{program}"


def test_a_game_follows_the_finger_of_a_drawn_hand(tmp_path: Path, hands: str) -> None:
    game = OFF + changed(hands, ("points[8], 20)", NOTE))
    found, median = run(f"{game}\nprint(len(off), np.median(off))\n", tmp_path).split()[-2:]
    assert int(found) > 0
    assert float(median) < 5  # pixels


def test_the_tips_of_fingers_are_printed_as_on_the_page(tmp_path: Path, hands: str) -> None:
    printed = run(hands[: hands.index(GAME)] + programs("hands-in-a-game")[1], tmp_path)
    tips = re.findall(r"^(\d+) \[\[(\d+)\. +(\d+)\.\]\]$", printed, re.MULTILINE)
    assert tips != []
    for seq, x, y in tips:
        assert (float(x), float(y)) == pytest.approx(index_tip(int(seq)), abs=6)


LAST = """    if sample.seq >= 5:
        print(sample.frame.width, sample.frame.height)
        break
"""


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="needs Xvfb")
def test_the_screen_is_a_camera(tmp_path: Path) -> None:
    program = changed(programs("screen")[0], ("Screen()", "Screen(area=AREA)"))
    program = f"AREA = {{'left': 8, 'top': 8, 'width': 320, 'height': 240}}\n{program}{LAST}"
    printed = run(program, tmp_path, "xvfb-run", "-a", "-s", "-screen 0 1280x720x24")
    assert "320 240" in printed
    assert re.search(r"^\d+ 0 \d+ ms old$", printed, re.MULTILINE)
