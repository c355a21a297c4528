"""Each how-to page shows the output of its program or command, or an image."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest
from rigs.watchdog import run_to_end

import freshframe as ff

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to"
SHOWS = re.compile(r"^```text$|^!\[|^<picture>", re.MULTILINE)
# Pages without output, because their programs need a compiler, a browser or another service. The list may
# only shrink.
SHOW_NOTHING = {
    "call-python-from-a-thread",
    "compose",
    "genicam",
    "release-the-gil",
    "release-the-gil-in-cython",
    "ros2",
    "step-in-cpp",
    "step-in-other-languages",
    "streamlit-gradio",
    "use-the-engine-from-cpp",
}


def test_each_page_shows_what_comes_out() -> None:
    pages = {page.stem: page.read_text(encoding="utf-8") for page in HOW_TO.glob("*.md")}
    assert {name for name, text in pages.items() if not SHOWS.search(text)} == SHOW_NOTHING


def test_each_page_is_in_the_table_of_contents_once() -> None:
    index = (HOW_TO.parent / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^how-to/([\w-]+)$", index, re.MULTILINE)
    assert sorted(listed) == sorted(page.stem for page in HOW_TO.glob("*.md"))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("pygame") is None, reason="needs pygame-ce")
@pytest.mark.parametrize("scene", ["demo:circles?size=640x480&fps=30", "demo:circles?size=640x480&frames=1"])
def test_the_game_draws_with_a_camera_and_after_its_end(scene: str, tmp_path: Path) -> None:
    text = (HOW_TO / "pygame.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python notest\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len([line for line in program.splitlines() if line]) <= 30
    short = program.replace("while not pygame.event.get(pygame.QUIT):", "for _ in range(60):")
    assert short != program
    short = short.replace("demo:circles?size=640x480&fps=30", scene)
    short += "print(screen.get_at((int(ball.x), int(ball.y)))[:3])\n"
    path = {"PYTHONPATH": str(Path(ff.__file__).parents[1]), "SDL_VIDEODRIVER": "dummy"}
    done = run_to_end([sys.executable, "-c", short], cwd=tmp_path, env=os.environ | path)
    assert done.returncode == 0, done.stderr
    ball = (255, 255, 255) if "fps=30" in scene else (255, 0, 0)
    assert done.stdout.splitlines()[-1] == str(ball)
