"""Each how-to page says what it needs, shows output or an image, and says what to do if it does not work."""
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
FAULTS = re.compile(r"^## If it does not work\n\n(?:[^|#\n].*\n+)*((?:\|.*\n)*)", re.MULTILINE)
ROOT = HOW_TO.parents[1]
PLACEHOLDER = re.compile(r"'[^']*'|\"[^\"]*\"|https?://\S+|\.\.\.|\([^)]*\)|\[[^]]*\]|-?\d[\d.]*")
# Messages of Python, a compiler, a browser or another library, which are not in this tree.
FOREIGN = {
    "Buffer has wrong number of dimensions (expected 2, got 3)",
    "Calling gil-requiring function not allowed without gil",
    'Could not find a package configuration file provided by "freshframe"',
    "MemoryError: Unable to allocate 1.00 GiB",
    "Namespace Aravis not available",
    "No matching distribution found for freshframe",
    "No module named 'gi'",
    "No module named 'mediapipe'",
    "No module named 'rclpy'",
    "No module named 'rerun'",
    "TypingError: Failed in nopython mode pipeline",
    "WARNING: No supported WebSocket library detected",
    "XError: Cannot connect to display: display is unset or invalid (check $DISPLAY)",
    "all the input array dimensions ... must match exactly",
    "arv-device-error-quark: No supported device found",
    "cannot load '.../libfocus.so': ... No such file or directory",
    "cannot open 'rtsp://...': connection refused",
    "fatal error: freshframe/plugin.hpp: No such file or directory",
    "std::thread arguments must be invocable after conversion to rvalues",
}


def test_each_page_shows_what_comes_out() -> None:
    pages = {page.stem: page.read_text(encoding="utf-8") for page in HOW_TO.glob("*.md")}
    assert {name for name, text in pages.items() if not SHOWS.search(text)} == set()


NEEDS = re.compile(r"\A# .+\n\nNeeds \[freshframe\b[^]]*\]\(install\.md(?:#[\w-]+)?\)")
# Module -> what installs it, where a page's program imports it.
PACKAGES = {
    "cv2": "opencv-python",
    "fastapi": "fastapi",
    "ff.Onnx": "onnxruntime",
    "ff.native.numba": "numba",
    "flask": "flask",
    "gradio": "gradio",
    "ipywidgets": "ipywidgets",
    "mediapipe": "mediapipe",
    "mss": "mss",
    "numba": "numba",
    "pygame": "pygame-ce",
    "rerun": "rerun-sdk",
    "streamlit": "streamlit",
    "supervision": "supervision",
    "torch": "torch",
    "ultralytics": "ultralytics",
    "uvicorn": "uvicorn",
    "websockets": "websockets",
}


def test_each_page_says_first_what_it_needs() -> None:
    pages = {page.stem: page.read_text(encoding="utf-8") for page in HOW_TO.glob("*.md")}
    assert {name for name, text in pages.items() if not NEEDS.match(text)} == {"install"}


def packages_of(text: str) -> set[str]:
    """Returns what the programs of a page need besides freshframe. Skips a program that it replaces."""
    programs = re.findall(r"^```python[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    code = "\n".join(program for program in programs if "ff." in program)
    imported = set(re.findall(r"^ *(?:import|from) (\w+)", code, re.MULTILINE))
    used = {name for name in PACKAGES if name.startswith("ff.") and name in code}
    return {PACKAGES[name] for name in (imported | used) & PACKAGES.keys()}


def test_each_page_names_the_packages_of_its_programs() -> None:
    unnamed = {}
    for page in HOW_TO.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        said = " ".join(re.findall(r"pip install [^`\n]*", text))
        if missing := {name for name in packages_of(text) if name not in said}:
            unnamed[page.stem] = missing
    assert unnamed == {}


def test_no_page_asks_an_index_for_freshframe() -> None:
    """It is not on PyPI: pip needs a wheel's folder, and extras are packages of their own."""
    for page in [*HOW_TO.glob("*.md"), *HOW_TO.parent.glob("tutorial/*.md")]:
        commands = re.findall(r"pip install [^`\n]*", page.read_text(encoding="utf-8"))
        assert [line for line in commands if "freshframe[" in line and "--find-links" not in line] == [], page


def faults(page: Path) -> list[str]:
    """Returns the first cells of the page's table of faults."""
    table = FAULTS.search(page.read_text(encoding="utf-8"))
    rows = table[1].splitlines()[2:] if table else []
    return [re.split(r"(?<!\\) \| ", row)[0].removeprefix("| ") for row in rows]


def messages() -> list[tuple[str, str]]:
    """Returns the messages that the tables of faults quote, each with its page."""
    return [
        (page.stem, quoted)
        for page in sorted(HOW_TO.glob("*.md"))
        for cell in faults(page)
        for quoted in re.findall(r"`([^`]{20,})`", cell)
        if " " in quoted and not quoted.startswith("/")
    ]


def word_runs(message: str) -> list[str]:
    """Returns each three adjacent words of a message, without the values that it contains."""
    parts = [part.split() for part in PLACEHOLDER.split(message)]
    return [" ".join(words[i : i + 3]) for words in parts for i in range(len(words) - 2)]


@pytest.fixture(scope="module")
def sources() -> str:
    """Returns the code of the tree, with adjacent string literals joined."""
    folders = ("src", "include", "python", "gil", "fleet/python", "deploy")
    suffixes = {".cpp", ".hpp", ".h", ".py", ".yaml"}
    files = (path for folder in folders for path in sorted((ROOT / folder).rglob("*")))
    text = "".join(path.read_text(encoding="utf-8") for path in files if path.suffix in suffixes)
    return re.sub(r'"\s*\n\s*f?"', "", text).replace('\\"', '"')


def test_each_page_says_what_to_do_if_it_does_not_work() -> None:
    few = {page.stem: len(faults(page)) for page in HOW_TO.glob("*.md") if len(faults(page)) < 2}
    assert few == {}


def test_each_message_of_freshframe_that_a_page_quotes_is_in_the_code(sources: str) -> None:
    runs = {quoted: word_runs(quoted) for _, quoted in messages()}
    gone = {quoted for quoted, found in runs.items() if found and not any(run in sources for run in found)}
    assert gone == FOREIGN


def test_each_page_is_in_the_table_of_contents_once() -> None:
    sidebar = (HOW_TO.parent / "sidebar.txt").read_text(encoding="utf-8")
    listed = re.findall(r"^how-to/([\w-]+)$", sidebar, re.MULTILINE)
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
