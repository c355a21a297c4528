"""The dashboard's state and /healthz report each problem, and events are grouped."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest
from rigs.web_client import Live, request
from support import Count, Gate, Ticker, until

import freshframe as ff

SCENE = "demo:circles?size=320x180&fps=30"


def state_when(live: Live, condition: Callable[[Any], object]) -> Any:
    """Returns the first state for which `condition` is true."""
    while True:
        state = live.next("state")
        if condition(state):
            return state


def test_like_errors_are_one_event_and_push_nothing_else_out() -> None:
    def fail(value: int) -> None:
        raise ValueError(f"not {value}")

    pipeline = ff.Pipeline()
    source = pipeline.add(Count(500), name="count")
    for number in range(3):
        pipeline.add(fail, source, name=f"picky {number}", on_error="skip")
    with pipeline, Live(pipeline.serve().url) as live:
        state = state_when(live, lambda state: state["phase"] == "ended")
    errors = {event["subject"]: event for event in state["events"] if event["kind"] == "error"}
    assert len([event for event in state["events"] if event["kind"] == "error"]) == 3
    for event in errors.values():
        assert event["count"] == 500
        assert event["first"] <= event["time"]
        assert "ValueError: not" in event["text"]
    assert {"start", "end"} <= {event["kind"] for event in state["events"]}


def test_a_drop_by_design_is_no_problem_and_a_loss_is_one() -> None:
    gate = Gate()

    def hold(value: int) -> None:
        gate.enter()

    pipeline = ff.Pipeline()
    source = pipeline.add(Ticker(0.001), name="count")
    pipeline.add(hold, source, name="newest only", queue=ff.LATEST)
    pipeline.add(hold, source, name="recorder", queue=ff.Queue(2, "drop_newest"))
    with pipeline, Live(pipeline.serve().url) as live:
        state = state_when(
            live, lambda state: len([e for e in state["events"] if e["kind"] in ("drop", "loss")]) == 2
        )
        edges = {edge["child"]: edge for edge in state["edges"]}
        assert edges["newest only"]["dropped"] > 0
        assert edges["newest only"]["lost"] == 0
        assert edges["recorder"]["lost"] == edges["recorder"]["dropped"] > 0
        kinds = {event["subject"]: event["kind"] for event in state["events"]}
        assert kinds["count->newest only"] == "drop"
        assert kinds["count->recorder"] == "loss"
        shown_problems = [(problem["kind"], problem["subject"]) for problem in state["problems"]]
        assert shown_problems == [("loss", "count->recorder")]
        assert "freshframe_edge_lost_total" in request(pipeline.serve().url, "/metrics").text
        gate.open()


def test_health_fails_when_a_source_is_away_for_longer_than_its_limit() -> None:
    pipeline = ff.Pipeline(stall_timeout=None)
    pipeline.add(ff.open(SCENE), name="here")
    pipeline.add(ff.open("rtsp://user:secret@127.0.0.1:9/none"), name="roof")
    url = pipeline.serve(away_after=0.5).url
    with pipeline:
        until(lambda: request(url, "/healthz").status == 503, "the source to be missed")
        reason = request(url, "/healthz").text
        assert reason.startswith("roof: has delivered no frames for ")
        assert "The limit is away_after=0.5." in reason
        assert "secret" not in reason

        def of_roof() -> list[str]:  # excludes the scene, which loses frames on a busy machine
            problems = request(url, "/api/state").json()["problems"]
            return [problem["kind"] for problem in problems if problem["subject"] == "roof"]

        until(of_roof, "the problem to be reported")
        assert of_roof() == ["away"]
        state = request(url, "/api/state").json()
        assert "away_after" not in next(one["text"] for one in state["problems"] if one["subject"] == "roof")
        sources = {node["name"]: node["source"] for node in state["nodes"]}
        assert sources["roof"]["away_for"] > 0.5
        assert sources["here"]["away_for"] is None


@pytest.mark.needs_gil
def test_a_node_that_holds_the_gil_in_a_blocked_call_is_a_problem() -> None:
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL

    def sdk(frame: ff.Frame) -> None:
        usleep(60_000)

    pipeline = ff.Pipeline()
    pipeline.add(sdk, pipeline.add(ff.open(SCENE), name="cam"))
    url = pipeline.serve().url

    shown_problems: list[dict[str, str]] = []  # the problem appears and disappears

    def found() -> bool:
        problems = request(url, "/api/state").json()["problems"]
        shown_problems.extend(problem for problem in problems if problem["kind"] == "gil")
        return len(shown_problems) > 0

    with pipeline, ff.gil.watch():
        until(found, "the problem to be reported")
    problem = shown_problems[0]
    assert problem["subject"] == "sdk"
    assert "GIL" in problem["text"]


@pytest.mark.needs_gil
def test_the_page_and_the_watch_show_the_same_culprits() -> None:
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL

    def sdk(frame: ff.Frame) -> None:
        usleep(60_000)

    pipeline = ff.Pipeline()
    pipeline.add(sdk, pipeline.add(ff.open(SCENE), name="cam"))
    url = pipeline.serve().url

    def same() -> bool:
        before = pipeline.stats().gil.culprits
        shown_problems = request(url, "/api/state").json()["gil"]["culprits"]
        shown = [ff.gil.GilCulprit(**culprit) for culprit in shown_problems]
        return len(before) > 0 and before[0].count > 2 and shown == list(before) == watch.summary()[:5]

    with pipeline, ff.gil.watch() as watch:
        until(same, "the page and the watch to say the same")
        worst = watch.summary()[0]
    assert worst.program is not None
    assert worst.program.endswith(":sdk") or ":test_" in worst.program
    found = watch.summary()
    with ff.gil.watch():
        assert watch.summary() == found, "another watch has changed it"
