"""Runs one of examples/programs unchanged: python twelve_programs.py NUMBER

Replaces cameras by the built-in scene, and a window, a robot, a server and a model by fakes that end the
program after a while. Prints one line of JSON: the program's output, and what the fakes have seen.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import json
import os
import runpy
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import freshframe as ff
from freshframe.fleet import Fleet, FleetReader
from rigs import vision_model

PROGRAMS = Path(__file__).resolve().parents[3] / "examples" / "programs"
OF_SHAPES = ("03", "06", "09", "10", "11")
FRAMES = 90
Seen = dict[str, Any]
running = contextlib.ExitStack()  # servers that stop when the program ends


class Ended(Exception):  # noqa: N818  (an end, no error)
    """Raised to end a program that would run forever."""


def scene(number: str) -> str:
    """Returns the URL of the scene for a program. A program for files does not need real time."""
    name, pace = ("shapes" if number in OF_SHAPES else "circles"), ("&pace=0" if number == "11" else "")
    size = "1280x720" if number in ("02", "05", "06") else "640x360"
    return f"demo:{name}?size={size}&fps=30&frames={FRAMES}{pace}"


def use_the_scene(number: str) -> None:
    """Opens the scene instead of any camera, and the scene's model instead of any model."""
    opened = ff.open
    ff.open = lambda url, /, **options: opened(scene(number) if number != "09" else url)
    made = ff.OnnxDetector.__init__

    def with_the_model(self: ff.OnnxDetector, path: object, *, classes: Any = None, **more: Any) -> None:
        made(self, ff.demo.shapes_model(), classes=["ball"] if classes else None, **more)

    ff.OnnxDetector.__init__ = with_the_model  # type: ignore[method-assign]


def webcam(seen: Seen) -> None:
    cv2: Any = importlib.import_module("cv2")

    shown = seen["shown"] = []
    cv2.imshow = lambda _, picture: shown.append(picture.shape)
    cv2.waitKey = lambda _: ord("q") if len(shown) == 20 else -1


def game(seen: Seen) -> None:
    pygame: Any = importlib.import_module("pygame")

    flip, circle, turns = pygame.display.flip, pygame.draw.circle, itertools.count(1)
    seen.update(flips=0, circles=0)

    def flipped() -> None:
        seen["flips"] = next(turns)
        flip()

    def drawn(*arguments: Any) -> None:
        seen["circles"] += 1
        circle(*arguments)

    pygame.display.flip, pygame.draw.circle = flipped, drawn
    pygame.event.get = lambda kind=None: [1] if seen["flips"] >= 5 and seen["circles"] >= 20 else []


def robot(seen: Seen) -> None:
    seen.update(driven=0, stops_at_the_end=0)

    def drive(command: object) -> None:
        moves = command != "stop"
        seen["driven"] += moves
        seen["stops_at_the_end"] = 0 if moves else seen["stops_at_the_end"] + 1
        if seen["driven"] and seen["stops_at_the_end"] > 20:  # the scene has ended, but the loop continues
            raise Ended

    sys.modules["robot"] = types.SimpleNamespace(STOP="stop", drive=drive, steer=len)  # type: ignore[assignment]


def web_server(seen: Seen) -> None:
    flask: Any = importlib.import_module("flask")

    def run(app: Any) -> None:
        client = app.test_client()
        while client.get("/circles").status_code == 503:
            threading.Event().wait(0.05)
        seen["circles"], seen["page"] = client.get("/circles").json, client.get("/").text

    flask.Flask.run = run


def notebook(_: Seen) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:shapes?size=640x360&fps=25&frames=100&pace=0"))
    pipeline.add(ff.VideoFile("match.mp4", codec="mpeg4"), camera)
    pipeline.run()


def model(_: Seen) -> None:
    server = vision_model.serving(lambda call: vision_model.completion("No."))
    made = ff.Ask.__init__
    url = running.enter_context(server).url

    def ask(self: ff.Ask, address: str, *arguments: Any, **options: Any) -> None:
        made(self, url, *arguments, **options)

    ff.Ask.__init__ = ask  # type: ignore[method-assign, assignment]


def fleet(_: Seen) -> None:
    following, turns, add = FleetReader.__next__, itertools.count(), Fleet.add_many

    def add_scenes(self: Fleet, cameras: dict[str, str], build: Any) -> int:
        return add(self, dict.fromkeys(cameras, scene("12")), build)

    def some(self: FleetReader) -> Any:
        if next(turns) == 40:
            raise StopIteration
        return following(self)

    Fleet.add_many, FleetReader.__next__ = add_scenes, some  # type: ignore[method-assign, assignment]


REPLACED: dict[str, Callable[[Seen], None]] = {
    "01": webcam, "02": game, "07": robot, "08": web_server, "09": notebook, "10": model, "12": fleet,
}  # fmt: skip


def main() -> None:
    """Runs the program in the current folder."""
    number = sys.argv[1]
    seen: Seen = {}
    os.environ |= {"SDL_VIDEODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
    if number in REPLACED:
        REPLACED[number](seen)
    use_the_scene(number)
    (program,) = PROGRAMS.glob(f"{number}_*.py")
    out = io.StringIO()
    with running, contextlib.redirect_stdout(out), contextlib.suppress(Ended):
        values: dict[str, Any] = runpy.run_path(str(program), run_name="__main__")
        if number == "09":
            seen["rows"] = len(values["boxes"].to_pandas())
    print(json.dumps({"printed": out.getvalue().splitlines(), **seen}))


if __name__ == "__main__":
    main()
