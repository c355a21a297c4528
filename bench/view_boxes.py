"""Do boxes stand on their own picture? Screenshots of <freshframe-view> with numbers as pictures and boxes.

A server of /api/video sends pictures at 15 per second with their number in blocks, and results with a box
below each block that is white, so a screenshot says of which picture it is and of which its boxes are. So it
does with a detector of 20 and of 120 ms, and with results of every third picture, by WebCodecs and by MSE. A
screenshot is right when both numbers are equal, and told when they differ and the page has said of this
picture that its boxes are not exact. All others are wrong. Needs what ./dev test-web installs.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from _measure import ROOT, Result, Row, arguments

sys.path.insert(0, str(ROOT / "tests" / "python"))
sys.path.insert(0, str(ROOT / "tests" / "web"))

import browser
from video_server import video_server
from view_page import EXACT, live, numbers, picture, show

SCENES = {
    "detector 20 ms": {"delay": 0.02},
    "detector 120 ms": {"delay": 0.12},
    "every third picture": {"delay": 0.12, "every": 3},
}
GOALS = {"webcodecs": 0.0, "mse": 0.001}  # wrong, as a share


def kind_of(page: browser.Page) -> str:
    """Takes one screenshot and says what it shows."""
    shown, boxed = numbers(picture(page))
    if boxed is None:
        return "without boxes"
    if boxed == shown:
        return "right"
    return "wrong" if page.run(EXACT, shown) is not False else "told"


def main() -> None:
    """Takes the screenshots of each scene in turns, so that a busy minute meets all of them."""
    options = arguments(__doc__, "view_boxes", shots=10_000, turns=10)
    result = Result("view_boxes", "Boxes on their own picture in screenshots", {"shots": options.shots})
    found = {(mode, scene): Counter[str]() for mode in GOALS for scene in SCENES}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        browser.started(Path(profile)) as page,
        video_server() as server,
    ):
        for _ in range(options.turns):
            for (mode, scene), counts in found.items():
                server.change(**({"every": 1} | SCENES[scene]))
                show(page, server, f'mode="{mode}"')
                live(page, mode)
                for _ in range(options.shots // options.turns):
                    counts[kind_of(page)] += 1
    for (mode, scene), counts in found.items():
        share = counts["wrong"] / max(1, counts.total())
        figures = {name: counts[name] for name in ("right", "told", "wrong", "without boxes")}
        result.add(Row(f"{mode}, {scene}: wrong", figures, share, GOALS[mode]))
    result.keep(options.out)


if __name__ == "__main__":
    main()
