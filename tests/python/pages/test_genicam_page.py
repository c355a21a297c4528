"""docs/how-to/genicam.md, with the fake camera of Aravis."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest
from rigs.watchdog import run_to_end
from support import WATCHDOG

PAGE = Path(__file__).parents[3] / "docs/how-to/genicam.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


PACKAGES = Path("/usr/lib/python3/dist-packages")  # Debian's packages

RUN_AGAIN = """
devices, new = [], Aravis.Camera.new
class Camera:
    def new(name):
        camera = new(name)
        devices.append(camera.get_device())
        return camera
Aravis.Camera = Camera
pipeline, source = ff.Pipeline(), GenICam()
source.name = "Fake_1"
frames = pipeline.reader(pipeline.add(source))
with pipeline:
    frames.get(timeout=10)
    devices[0].emit("control-lost")
    while len(devices) < 2:
        frames.get(timeout=10)
    print(frames.get(timeout=10).seq, len(devices))
"""


def test_the_source_has_at_most_35_lines() -> None:
    program = BLOCKS[0][BLOCKS[0].index("class GenICam") :]
    assert len(program.splitlines()) <= 35


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Returns an environment in which PyGObject, and no other package of Debian, can be imported."""
    if importlib.util.find_spec("gi") is not None:
        return dict(os.environ)
    version = f"{sys.version_info.major}{sys.version_info.minor}"
    if not any(PACKAGES.glob(f"gi/_gi.cpython-{version}-*.so")):
        pytest.skip(
            f"needs PyGObject (python3-gi) for Python {sys.version_info.major}.{sys.version_info.minor}"
        )
    seen = tmp_path / "packages"
    seen.mkdir()
    (seen / "gi").symlink_to(PACKAGES / "gi")
    return {**os.environ, "PYTHONPATH": str(seen)}


def run(program: Path, text: str, environment: dict[str, str]) -> list[str]:
    program.write_text(text, encoding="utf-8")
    done = run_to_end([sys.executable, program], env=environment, timeout=2 * WATCHDOG)
    if "Namespace Aravis not available" in done.stderr:
        pytest.skip("needs Aravis (gir1.2-aravis-0.8)")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_the_programs_read_the_fake_camera(tmp_path: Path, environment: dict[str, str]) -> None:
    lines = run(tmp_path / "genicam.py", "\n".join(BLOCKS), environment)
    numbers = [int(number) for number in lines[:20]]
    assert numbers == sorted(set(numbers))
    completed = re.search(r"n_completed_buffers=(\d+), n_failures=0", lines[20])
    assert completed, lines[20]
    assert int(completed[1]) >= 20


@pytest.mark.slow
def test_a_camera_whose_control_is_lost_is_opened_again(tmp_path: Path, environment: dict[str, str]) -> None:
    text = "\n".join([BLOCKS[0], 'Aravis.enable_interface("Fake")', RUN_AGAIN])
    seq, opened = map(int, run(tmp_path / "genicam.py", text, environment)[0].split())
    assert seq > 0
    assert opened == 2
