"""All views agree: each shows the same faults, and none reports a drop by design as a loss."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rigs.live.camera import PATIENT
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.server import TruthServer
from rigs.web_client import Live, request
from support import until

import freshframe as ff
from freshframe._cli.mcp import Eyes
from freshframe._cli.top import Target
from freshframe._cli.top_table import page, plain_console

FPS = 20.0
# Each fault, by the name of its node: the kind of its finding, and a pattern for its message.
FAULTS = {
    "wrong": ("clock", r"its clock is 3,6\d\d s ahead of this machine's\. Set the camera's clock"),
    "box": ("spool", r"\d+ results? (?:has|have) not been sent, the oldest for \d+ s: OSError: away\."),
    "pair": ("join", r"'roof' sends nothing"),
    "picky": ("error", r"\d+ errors, the last: ValueError: no\."),
    "roof": ("away", r"has delivered no frames for [\d.]+ s: .*freshframe keeps trying\."),
}
BY_DESIGN = ("keys", "scene->slow")


@dataclass(frozen=True)
class Views:
    """The responses of all views of one pipeline, at nearly the same time."""

    listed: dict[str, set[tuple[str, str]]]  # kinds and subjects
    texts: dict[str, str]
    page: dict[str, Any]
    metrics: str
    stats: ff.stats.Stats


def refuse(frame: ff.Frame) -> None:
    raise ValueError("no")


def receive(results: object) -> None:
    raise OSError("away")


def slow(frame: ff.Frame) -> None:
    time.sleep(0.1)


def built(folder: Path, servers: ExitStack) -> ff.Pipeline:
    def camera(lies: Lies) -> str:
        manners = Manners(report_interval=0.25)
        return servers.enter_context(TruthServer(film(Shape()), fps=FPS, lies=lies, manners=manners)).url

    pipeline = ff.Pipeline("judged", stall_timeout=None)
    scene = pipeline.add(ff.open("demo:circles?fps=20&size=64x48"), name="scene")
    roof = pipeline.add(ff.open("rtsp://127.0.0.1:9/none"), name="roof")
    wrong = pipeline.add(ff.open(camera(Lies(clock_ahead=3612)), **PATIENT), name="wrong")
    keys = pipeline.add(ff.open(camera(Lies()), decode="keyframes", **PATIENT), name="keys")
    pipeline.add(lambda frame: None, wrong, name="look at wrong")
    pipeline.add(lambda frame: None, keys, name="look at keys")
    pipeline.add(
        lambda scene, roof: None, [scene, roof], join=ff.Join(within=0.02, max_wait=0.5), name="pair"
    )
    pipeline.add(refuse, scene, name="picky", on_error="skip")
    pipeline.add(slow, scene, name="slow", queue=ff.LATEST)
    word = pipeline.add(lambda frame: "word", scene, name="word", max_rate=2)
    pipeline.add(ff.Spool(folder / "box", receive), word, name="box")
    return pipeline


def seen_by_all(pipeline: ff.Pipeline, url: str) -> Views:
    def listed(state: dict[str, Any]) -> set[tuple[str, str]]:
        return {(each["kind"], each["subject"]) for each in state["problems"]}

    with Live(url) as live:
        shown = live.next("state")
    state = request(url, "/api/state").json()
    metrics = request(url, "/metrics").text
    finding = re.compile(r'^freshframe_finding\{pipeline="judged",kind="(\w+)",subject="([^"]*)"\} 1$', re.M)
    console = plain_console()
    with console.capture() as top:
        console.print(page(state, None))
    why = pipeline.why()
    return Views(
        listed={
            "page": listed(shown),
            "state": listed(state),
            "metrics": set(finding.findall(metrics)),
            "why": {(each.kind, each.subject) for each in why.findings},
        },
        texts={
            "page": "".join(
                f"{each['subject']}: {each['text']} {each.get('remedy', '')}\n" for each in shown["problems"]
            ),
            "top": " ".join(top.get().split()),
            "why": str(why),
            "mcp": Eyes(Target.parse(url), max_age=5).why(),
            "healthz": request(url, "/healthz").text,
        },
        page=shown,
        metrics=metrics,
        stats=pipeline.stats(),
    )


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Views]:
    with ExitStack() as servers:
        pipeline = built(tmp_path_factory.mktemp("judge"), servers)
        dashboard = pipeline.serve()
        expected = {(kind, node) for node, (kind, _) in FAULTS.items()}
        with pipeline:
            until(
                lambda: (
                    expected <= {(each.kind, each.subject) for each in pipeline.why().findings}
                    and pipeline.stats().nodes["keys"].drops.get("not_decoded", 0) > 10
                ),
                "all faults",
            )
            yield seen_by_all(pipeline, dashboard.url)


@pytest.mark.table
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("view", ["page", "state", "metrics", "why"])
def test_a_fault_is_one_finding_in_each_list(views: Views, view: str, fault: str) -> None:
    kind, _ = FAULTS[fault]
    assert (kind, fault) in views.listed[view]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("view", ["page", "top", "why", "mcp", "healthz"])
def test_a_fault_has_the_same_words_in_each_text(views: Views, view: str, fault: str) -> None:
    _, words = FAULTS[fault]
    assert re.search(f"{fault}: .*{words}" if fault == "pair" else f"{fault}: {words}", views.texts[view])


def test_nobody_finds_nothing_wrong(views: Views) -> None:
    assert "Nothing is wrong" not in views.texts["why"] + views.texts["mcp"]


@pytest.mark.parametrize("name", BY_DESIGN)
@pytest.mark.parametrize("view", ["page", "state", "metrics", "why"])
def test_a_drop_by_design_is_no_finding(views: Views, view: str, name: str) -> None:
    assert ("loss", name) not in views.listed[view]


def test_a_drop_by_design_is_dropped_and_not_lost(views: Views) -> None:
    node, edge = views.stats.nodes["keys"], next(e for e in views.stats.edges if e.child == "slow")
    shown = next(each for each in views.page["nodes"] if each["name"] == "keys")
    shown_edge = next(each for each in views.page["edges"] if each["child"] == "slow")
    for each in (node, edge):
        assert (each.dropped > 0, each.lost) == (True, 0)
    for drawn in (shown, shown_edge):
        assert (drawn["dropped"] > 0, drawn["lost"], drawn["lost_rate"]) == (True, 0, 0)
    assert re.search(r'^freshframe_node_lost_total\{pipeline="judged",node="keys"\} 0$', views.metrics, re.M)
    assert re.search(r'^freshframe_edge_lost_total\{.*child="slow"\} 0$', views.metrics, re.M)
    assert shown_edge["queue"]["skips"]


def test_a_frame_at_which_a_node_has_thrown_is_lost(views: Views) -> None:
    picky = views.stats.nodes["picky"]
    assert picky.lost == picky.dropped == picky.drops["error"] > 0
