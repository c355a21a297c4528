"""Dashboard.show(), and what notebooks show of frames, pipelines and dashboards."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import subprocess
import webbrowser
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import freshframe as ff
from freshframe import fleet
from freshframe._graph.queue import show_queue as queue_text

SCENE = "demo:circles?size=320x180&fps=30"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Fakes a display and a browser. Returns the browser's arguments."""
    started: list[list[str]] = []
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setenv("PATH", str(tmp_path))

    def start(command: list[str], **options: Any) -> None:
        started.append(command)

    monkeypatch.setattr(subprocess, "Popen", start)
    return started


def served(**options: Any) -> ff.types.Dashboard:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(SCENE))
    return pipeline.serve(**options)


def test_show_opens_the_page_in_a_window(screen: list[list[str]]) -> None:
    dashboard = served(token="0123456789abcdef")
    dashboard.show()
    ((browser, page),) = screen
    assert browser.endswith("/chromium")
    assert page == f"--app={dashboard.url}"


def test_show_opens_a_tab_where_no_window_is_wanted_or_possible(
    screen: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def open_tab(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", open_tab)
    dashboard = served()
    dashboard.show(window=False)
    monkeypatch.setenv("PATH", "")
    dashboard.show()
    assert opened == [dashboard.url] * 2
    assert screen == []
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    with pytest.raises(ff.FreshframeError, match=f"no browser was found.*{dashboard.url}"):
        dashboard.show()


def test_without_a_display_show_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    dashboard = served()
    with pytest.raises(ff.FreshframeError, match=r"no display .*ssh -L \d+:127.0.0.1:\d+ HOST.*http://"):
        dashboard.show()
    assert not dashboard.closed


def test_a_frame_shows_itself_as_jpeg(tmp_path: Path) -> None:
    array = np.zeros((1200, 1920, 3), np.uint8)
    array[:, 960:] = (200, 40, 90)
    frame = ff.Frame.from_array(array, "rgb")
    (tmp_path / "shown.jpg").write_bytes(frame._repr_jpeg_())
    shown = ff.Frame.read(tmp_path / "shown.jpg")
    assert (shown.width, shown.height) == (960, 600)
    assert np.abs(shown.rgb[300, 700].astype(int) - (200, 40, 90)).max() <= 4


@pytest.mark.parametrize(
    "queue",
    [
        ff.LATEST,
        ff.NEXT,
        ff.LOSSLESS,
        ff.RECORDING,
        ff.Queue(4, "drop_newest"),
        ff.Queue(2, "drop_oldest", max_seconds=0.5, max_bytes=1 << 20),
    ],
)
def test_the_drawing_names_a_queue_as_the_engine_does(queue: ff.Queue) -> None:
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?frames=1&pace=0&size=64x48"))
    _reader = pipeline.reader(scene, queue=queue)
    with pipeline:
        pass
    drawn = "".join(ET.fromstring(f"<div>{pipeline._repr_html_()}</div>").itertext())
    printed = str(pipeline)
    name = queue_text(queue)
    assert name in drawn
    assert name in printed


def test_a_pipeline_shows_itself_as_a_drawing() -> None:
    pipeline = ff.Pipeline("a <b> & c")
    camera = pipeline.add(ff.open(SCENE), name="<script>")
    pipeline.reader(pipeline.add(ff.CircleTracker(), camera), name="results")
    before = ET.fromstring(f"<div>{pipeline._repr_html_()}</div>")
    assert "a <b> & c" in "".join(before.itertext())
    with pipeline:
        dashboard = pipeline.serve()
        shown = pipeline._repr_html_()
    drawing = ET.fromstring(f"<div>{shown}</div>")
    texts = "".join(drawing.itertext())
    for name in ("<script>", "CircleTracker", "results", "LATEST", "fps", dashboard.url):
        assert name in texts
    assert "<script>" not in shown
    space = "{http://www.w3.org/2000/svg}"
    assert len(drawing.findall(f".//{space}rect")) == 3
    assert len(drawing.findall(f".//{space}path")) == 2
    assert dashboard.url in dashboard._repr_html_()


class Printer:
    """The printer that IPython passes to _repr_pretty_()."""

    def __init__(self) -> None:
        self.shown = ""

    def text(self, text: str) -> None:
        self.shown += text


def answers() -> Iterator[tuple[str, Any]]:
    pipeline = ff.Pipeline("a <b>")
    camera = pipeline.add(ff.open("demo:circles?fps=30&size=64x48&frames=3&pace=0"), name="<i> & more")
    pipeline.add(lambda frame: 1, camera, name="node")
    yield "stats", pipeline.stats()
    yield "report", pipeline.run()
    yield "why", pipeline.why()
    yield "finding", ff.stats.Finding("away", "<i> & more", "has delivered no frames for 9 s.", "Look.", {})
    yield "fleet", fleet.FleetStats("a <b>", {}, {}, [], [])


def test_every_answer_that_is_text_shows_this_text_in_a_notebook() -> None:
    """The repr() of all values in a snapshot is a single line of some thousand characters."""
    for name, answer in answers():
        shown = answer._repr_html_()
        assert ET.fromstring(shown).tag == "pre", name
        assert "".join(ET.fromstring(shown).itertext()) == str(answer), name
        assert "<i>" not in shown, name
        printer = Printer()
        answer._repr_pretty_(printer, False)
        assert printer.shown == str(answer), name


def test_no_public_class_with_a_text_of_its_own_lacks_a_display() -> None:
    public = [getattr(module, name) for module in (ff, ff.stats, fleet) for name in module.__all__]
    texts = [
        each
        for each in public
        if isinstance(each, type) and dataclasses.is_dataclass(each) and each.__str__ is not object.__str__
    ]
    assert {each.__name__ for each in texts} >= {"Stats", "Report", "Why", "Finding", "FleetStats"}
    assert [each.__name__ for each in texts if not hasattr(each, "_repr_html_")] == []
