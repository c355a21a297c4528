"""A public class is in files named after it: in Python, in C++ and in the bindings."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SPACES = ("freshframe", "freshframe.demo", "freshframe.native", "freshframe.testing", "freshframe.types")

# Classes that share the file of another one, by kind of file. Alone, each would have fewer than 60 lines,
# and the two belong together. The tables may only shrink.
SHARED = {
    "python": {
        "DemoCircle": "demo",  # the ground truth of the demo scenes
        "DemoShape": "demo",
        "Measured": "probe",  # a part of a Probe
        "Visit": "zone_counts",
    },
    "c++": {
        "Circle": "results",  # structs without functions
        "Source": "node",
        "Visit": "zone_counts",
    },
    "binding": {
        "BoxPredictor": "box_tracker",
        "CircleDetector": "circle_tracker",
        "ClipRecorder": "video_file",  # they share the encoder's options
        "Crossing": "counts",  # the four kinds of counts
        "DemoCircle": "video_source",
        "DemoShape": "video_source",
        "Ground": "box_tracker",
        "LineCounter": "zone_counter",
        "LineCounts": "counts",
        "OnnxClassifier": "onnx_model",  # they share a loaded model
        "OnnxDetector": "onnx_model",
        "Publish": "video_file",
        "VideoInfo": "video_source",
        "Visit": "counts",
        "ZoneCounts": "counts",
        "Zones": "counts",
    },
}
MOST_SHARED = {"python": 4, "c++": 3, "binding": 16}


def snake(name: str) -> str:
    """Returns CircleTracker as circle_tracker."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def public_classes() -> dict[str, type]:
    """Returns the public classes by name, except the errors, which are one-liners in one file."""
    found = {}
    for space in SPACES:
        module = import_module(space)
        for name in getattr(module, "__all__", None) or dir(module):
            thing = getattr(module, name)
            if isinstance(thing, type) and name[0].isupper() and not issubclass(thing, Exception):
                found[name] = thing
    return found


def stems(folder: str) -> dict[str, list[Path]]:
    """Returns the C++ files below a folder by name without suffix."""
    found = defaultdict(list)
    for path in (ROOT / folder).rglob("*"):
        if path.suffix in {".cpp", ".hpp"}:
            found[path.stem].append(path)
    return found


def python_files(name: str, cls: type) -> list[str] | None:
    """Returns the name of the file that defines a class, or None for a class that is in _native."""
    if cls.__module__ == "freshframe._native":
        return None
    return [Path(inspect.getfile(cls)).stem]


def cpp_files(name: str, cls: type) -> list[str] | None:
    """Returns the names of the files that contain `class NAME {`, or None if C++ does not have the class."""
    word = re.compile(rf"^(?:class|struct) {name}\b[^;{{]*\{{", re.MULTILINE)
    headers = [path for path in (ROOT / "include/freshframe").glob("*.hpp") if word.search(path.read_text())]
    if not headers:
        return None
    files = [*stems("src"), *(path.stem for path in (ROOT / "include/freshframe").glob("*.hpp"))]
    return [snake(name)] if snake(name) in files else [path.stem for path in headers]


def binding_files(name: str, cls: type) -> list[str] | None:
    """Returns the names of the files that bind a class, or None if there are none."""
    word = re.compile(rf'"(?:{name}|make_{snake(name)})"')
    files = [path for path in (ROOT / "src/bindings").rglob("*.cpp") if word.search(path.read_text())]
    if not files:
        return None
    return [snake(name)] if snake(name) in stems("src/bindings") else [path.stem for path in files]


FILES = {"python": python_files, "c++": cpp_files, "binding": binding_files}


@pytest.mark.slow
@pytest.mark.parametrize("border", FILES)
def test_a_public_class_is_in_a_file_of_its_name(border: str) -> None:
    elsewhere = {}
    for name, cls in public_classes().items():
        files = FILES[border](name, cls)
        if files is not None and snake(name) not in files:
            elsewhere[name] = files[0]
    assert elsewhere == SHARED[border], "move the class to a file of its name, or delete its exception"


@pytest.mark.parametrize("border", SHARED)
def test_the_exceptions_only_shrink(border: str) -> None:
    assert len(SHARED[border]) <= MOST_SHARED[border]
