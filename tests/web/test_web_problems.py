"""Problems are visible at a glance in the header and on the card, even among many nodes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pipelines
import pytest
from browser import VIEW

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page

Run = Callable[..., str]
SCENE = "demo:circles?fps=30&size=320x180&balls=2"
# Takes one snapshot of everything, because the state of the node changes every second.
HOLDS_THE_GIL = """const node = document.querySelector(".node[data-node=" + arguments[0] + "]");
  const problem = document.querySelector("#problems li[data-kind=gil]").innerText;
  const colour = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();
  return problem.includes(arguments[0]) && node.querySelector(".state").innerText === "holds the GIL" &&
    colour(node, "--tone") === colour(document.documentElement, "--bad")"""
RED = """const tone = getComputedStyle(document.querySelector(arguments[0])).getPropertyValue("--tone");
  const bad = getComputedStyle(document.documentElement).getPropertyValue("--bad");
  return tone.trim() === bad.trim()"""


def test_a_dead_camera_is_red_in_the_header_and_on_its_card(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("yard", stall_timeout=None)
    for name, source in (("door", pipelines.Camera(gives=True)), ("roof", ff.open(pipelines.AWAY))):
        pipeline.add(ff.CircleTracker(), pipeline.add(source, name=name))
    page.open(running(pipeline))
    away = "document.querySelector('#problems li[data-kind=away]')"
    elapsed = page.until(f"return {away} && document.getElementById('uptime').textContent")
    assert elapsed >= "0:10", "cameras may need some seconds to connect"
    assert "roof" in page.text("#problems")
    assert "has delivered no frames for" in page.text("#problems")
    assert page.text("#phase") == "running \u00b7 1 problem"
    assert page.run(RED, "#phase")
    assert page.text(".node[data-node=roof] .state").startswith("away ")
    assert page.run(RED, ".node[data-node=roof]")
    assert page.text(".node[data-node=door] .state") == "ok"
    assert not page.run(RED, ".node[data-node=door]")
    page.run("document.querySelector('#problems button').click()")
    page.until("return document.getElementById('details').open")
    assert page.text("#details-title") == "roof"
    assert page.complaints() == []


def test_a_frozen_camera_is_red_on_its_card_and_among_the_sources(
    page: Page, running: Run, tmp_path: Path
) -> None:
    with pipelines.hung_camera(tmp_path) as url:
        pipeline = ff.Pipeline("yard")
        pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url, frozen_after=2), name="door"))
        page.open(running(pipeline))
        page.until("return document.querySelector('.node[data-node=door]')?.dataset.state === 'frozen'")
        assert re.match(r"frozen \d", page.text(".node[data-node=door] .state"))
        page.until(RED, ".node[data-node=door]")  # grey in the first ten seconds
        assert page.run("return document.querySelector('.source').dataset.state") == "frozen"
        assert "frozen " in page.text(".source")
        page.until("return document.querySelector('#problems li[data-kind=frozen]') !== null")
        assert "is frozen" in page.text("#problems li[data-kind=frozen]")
        assert "has shown the same image for" in page.text("#problems li[data-kind=frozen]")
        assert page.complaints() == []


def test_a_node_that_holds_the_gil_is_red_in_the_header_and_on_its_card(page: Page, running: Run) -> None:
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL

    def sdk(frame: ff.Frame) -> None:
        usleep(60_000)

    pipeline = ff.Pipeline("frozen")
    pipeline.add(sdk, pipeline.add(ff.open(SCENE), name="camera"))
    with ff.gil.watch():
        page.open(running(pipeline))
        page.until(HOLDS_THE_GIL, "sdk")


def test_a_loss_is_an_alarm_and_names_the_edge(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("recorder")
    camera = pipeline.add(ff.open(SCENE), name="camera")
    pipeline.add(pipelines.tired, camera, queue=ff.Queue(2, "drop_newest"))
    page.open(running(pipeline))
    page.until("return document.querySelector('#problems li[data-kind=loss]') !== null")
    assert page.run("return document.querySelector('.edge[data-child=tired]').dataset.state") == "losing"
    assert page.text(".edge[data-child=tired] .drops").endswith(" lost")
    page.until("return document.querySelector('#facts .bad') !== null")


def test_a_source_that_loses_frames_says_which_and_how_many_on_its_group_too(
    page: Page, running: Run
) -> None:
    page.size(390, 800, phone=True)
    pipeline = ff.Pipeline("overtaxed")
    pipeline.add(
        lambda frame: None, pipeline.add(ff.open("demo:circles?size=3840x2160&fps=1000"), name="camera")
    )
    page.open(running(pipeline))
    page.until("return document.querySelector('#problems li[data-kind=loss]') !== null")
    text = page.text("#problems li[data-kind=loss]")
    assert re.search(r"lost \d+ frames? that (was|were) not read in time\.", text), text
    page.until("return document.querySelector('.group[data-source=camera]').hasAttribute('data-alarm')")
    assert page.text(".group[data-source=camera] > summary .state") == "loses frames"
    assert page.text(".node[data-node=camera] .state") == "loses frames"


def test_like_errors_are_one_line(page: Page, running: Run) -> None:
    def picky(frame: ff.Frame) -> None:
        raise ValueError("no good")

    pipeline = ff.Pipeline("picky")
    pipeline.add(picky, pipeline.add(ff.open(SCENE), name="camera"), on_error="skip")
    page.open(running(pipeline))
    lines = "[...document.querySelectorAll('#event-list li[data-kind=error]')]"
    page.until(f"return {lines}.length === 1 && {lines}[0].textContent.includes('\u00d7, since')")
    assert "ValueError: no good" in page.text("#event-list li[data-kind=error]")
    assert page.text(".node[data-node=picky] .state") == "errors"


def test_thirty_nodes_fit_by_source_and_can_be_filtered(page: Page, running: Run) -> None:
    page.open(running(pipelines.many(10)))
    page.until("return document.querySelectorAll('.group').length === 10")
    page.until("return document.querySelector('.group[data-alarm]') !== null")
    dead = ".group[data-source='camera-09-north-entrance']"
    assert page.run("return document.querySelector(arguments[0]).open", dead), "its group is open"
    assert page.run("return document.querySelectorAll('.group[open]').length") == 1
    assert page.run("return document.getElementById('graph').offsetHeight") < 900, "it fits on a screen"
    names = page.texts(".group summary b")
    assert names == [f"camera-{number:02d}-north-entrance" for number in range(10)], "whole names"
    page.run(
        """const field = document.querySelector('#graph-tools input');
        field.value = 'detect 3';
        field.dispatchEvent(new Event('input'));"""
    )
    shown = page.run(
        """return [...document.querySelectorAll(".as-list .node")]
          .filter(row => row.checkVisibility()).map(row => row.dataset.node)"""
    )
    assert shown == ["detect 3"]


@pytest.mark.parametrize("cameras", [1, 10])
@pytest.mark.parametrize("size", [(1440, 900), (900, 1100), (390, 844)], ids=["desk", "tablet", "phone"])
def test_nothing_is_wider_than_the_window(
    page: Page, running: Run, size: tuple[int, int], cameras: int
) -> None:
    page.size(*size, phone=size[0] < 500)
    page.open(running(pipelines.many(cameras)))
    page.until("return document.querySelector('#problems li') !== null")
    assert page.run("return document.documentElement.scrollWidth") <= size[0]
    smallest = page.run(
        """const scale = Number(document.querySelector('.surface').style.zoom || 1);
        return Math.min(...[...document.querySelectorAll('.card *')].filter(one => one.checkVisibility())
          .map(one => scale * parseFloat(getComputedStyle(one).fontSize)))"""
    )
    assert smallest >= 9
    folder = Path(__file__).parents[2] / "build" / "web"
    folder.mkdir(parents=True, exist_ok=True)
    page.picture(folder / f"problems-{cameras}-{size[0]}.png")


def test_a_port_in_the_address_is_shown_first_and_large(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("view")
    camera = pipeline.add(ff.open(SCENE), name="source")
    drawn = pipeline.add(ff.Annotate(), pipeline.add(ff.CircleTracker(), camera))
    url = running(pipeline, view=[drawn, camera])
    page.open(f"{url}#view=Annotate")
    page.until_picture()
    assert page.texts(".screen figcaption b") == ["Annotate"]
    assert page.texts("#ports [aria-pressed]") == ["Annotate", "source"]
    assert page.run(f"return {VIEW}.querySelector('canvas').clientWidth") > 1000
    above = """return document.getElementById('pictures').getBoundingClientRect().top
      < document.getElementById('graph').getBoundingClientRect().top"""
    assert page.run(above)


class Burst(ff.Source[ff.Frame]):
    """A camera of 2 fps that gives 30 frames in a burst in its fifth second."""

    live = True
    GREY = np.zeros((48, 64), np.uint8)

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        for number, pts in enumerate(self.stop_token.every(0.5)):
            for part in range(30 if number == 9 else 1):
                yield ff.Frame.from_array(self.GREY, "gray"), pts + part / 100


def test_a_loss_in_the_first_ten_seconds_is_an_event_and_no_problem(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("yard")
    camera = pipeline.add(Burst(), name="door")
    pipeline.add(pipelines.slow, camera, name="count", queue=ff.Queue(2, "drop_oldest"))
    url = running(pipeline)
    page.open(url)
    page.run(
        """window.problems = new Set();
        new MutationObserver(() => {
          for (const line of document.querySelectorAll("#problems li")) window.problems.add(line.textContent);
        }).observe(document.getElementById("problems"), {childList: true});"""
    )
    page.until("return document.querySelector('#event-list [data-kind=loss]') !== null")
    page.until("return document.getElementById('uptime').textContent >= '0:17'")  # no longer in the state
    assert page.run("return [...window.problems]") == []
    assert page.text("#phase") == "running"


SETTLED = """const {settle} = await import("/words.js");
  const losses = [1, 4.5, 6].map((ago) => ({kind: "loss", subject: String(ago), ago}));
  const problems = [...losses, {kind: "error", subject: "all"}];
  const state = (phase, elapsed) => ({phase, elapsed, problems});
  return [state("running", 9), state("running", 12), state("running", 20), state("ended", 5)].map((one) => {
    settle(one);
    return one.problems.map(({subject}) => subject);
  });"""


SMALL = """const {settle} = await import("/words.js");
  const kinds = [["few", "source", 2], ["many", "source", 11], ["step", "node", 2]];
  const nodes = kinds.map(([name, kind, lost]) => ({name, kind, lost, processed: 1000}));
  const problems = ["few", "many", "step", "few->step"].map((subject) => ({kind: "loss", subject}));
  problems.push({kind: "away", subject: "few"});
  const state = {phase: "running", elapsed: 60, nodes, problems};
  settle(state);
  return state.problems.map(({kind, subject}) => `${kind} ${subject}`);"""


def test_a_source_that_lost_one_frame_in_a_hundred_has_a_problem(page: Page, running: Run) -> None:
    page.open(running(pipelines.example()[0]))
    assert page.wait_for(SMALL) == ["loss many", "loss step", "loss few->step", "away few"]


def test_problems_are_shown_once_a_pipeline_has_settled(page: Page, running: Run) -> None:
    page.open(running(pipelines.example()[0]))
    assert page.wait_for(SETTLED) == [
        ["all"],
        ["1", "all"],
        ["1", "4.5", "6", "all"],
        ["1", "4.5", "6", "all"],
    ]


def test_four_views_are_shown_at_first_and_more_by_their_buttons(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("yard")
    ports = [pipeline.add(pipelines.Camera(gives=True), name=name) for name in ("a", "b", "c", "d", "e")]
    page.open(running(pipeline, view=ports))
    page.until("return document.querySelectorAll('#ports [aria-pressed]').length === 5")
    shown = "return [...document.querySelectorAll('.screen')].map(one => one.dataset.port)"
    assert page.run(shown) == ["a", "b", "c", "d"]
    assert page.texts("#ports [aria-pressed=false]") == ["e"]
    page.run("document.querySelector('#ports [aria-pressed=false]').click()")
    assert page.run(shown) == ["a", "b", "c", "d", "e"]
    assert page.complaints() == []
