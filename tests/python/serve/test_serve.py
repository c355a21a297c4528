"""Pipeline.serve(): the figures and images that a viewer gets, even while the interpreter is frozen."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.web_client import Live, Video, request
from support import TESTS, Count, Gate, until

import freshframe as ff

SCENE = "demo:circles?size=320x180&fps=30"


def doubled(value: int) -> int:
    return 2 * value


def fail_at_three(value: int) -> int:
    if value == 3:
        raise ZeroDivisionError("three is too much")
    return value


def state_when(live: Live, condition: Callable[[Any], object]) -> Any:
    """Returns the first state for which `condition` is true."""
    while True:
        state = live.next("state")
        if condition(state):
            return state


def test_state_says_what_stats_say() -> None:
    pipeline = ff.Pipeline("numbers")
    source = pipeline.add(Count(50), name="count")
    reader = pipeline.reader(pipeline.add(doubled, source, name="doubled"), name="reader")
    with pipeline:
        assert len(list(reader)) == 50
        pipeline.wait()
        url = pipeline.serve().url
        state = request(url, "/api/state").json()
        stats = pipeline.stats()
    assert state["schema"] == 1
    assert state["name"] == "numbers"
    assert state["phase"] == "ended"
    assert [node["name"] for node in state["nodes"]] == list(stats.nodes)
    for node in state["nodes"]:
        assert node["processed"] == stats.nodes[node["name"]].processed
        assert node["language"] == "python"
        assert node["gil_wait"] == pytest.approx(stats.nodes[node["name"]].gil_wait)
    assert [node["kind"] for node in state["nodes"]] == ["source", "node"]
    assert [(edge["parent"], edge["child"], edge["reader"]) for edge in state["edges"]] == [
        ("count", "doubled", False),
        ("doubled", "reader", True),
    ]
    for edge, counted in zip(state["edges"], stats.edges, strict=True):
        assert edge["delivered"] == counted.delivered == 50
        assert edge["queue"]["name"] == "LOSSLESS"
    assert state["pool"]["bound"] == stats.pool.bound


@pytest.mark.slow
def test_a_viewer_sees_a_pipeline_from_before_its_start_to_its_end() -> None:
    gate = Gate()

    def wait_for_gate(value: int) -> int:
        gate.enter()
        return value

    pipeline = ff.Pipeline()
    pipeline.add(wait_for_gate, pipeline.add(Count(3)), name="gated")
    with Live(pipeline.serve().url) as live:
        assert live.next("history")["edges"] == []
        assert live.next("state")["phase"] == "created"
        pipeline.start()
        state_when(live, lambda state: state["phase"] == "running")
        gate.open()
        state = state_when(live, lambda state: state["phase"] == "ended")
        assert [event["kind"] for event in state["events"]] == ["start", "end"]
        pipeline.stop()
        assert live.next("state")["phase"] == "ended"


@pytest.mark.slow
def test_pictures_come_while_a_viewer_looks_and_none_is_encoded_otherwise() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open(SCENE), name="cam")
    bound = ff.Pipeline().stats().pool.bound
    reader = pipeline.reader(source)
    with pipeline:
        unseen = pipeline.stats().pool.bound
        url = pipeline.serve(view=source).url
        assert pipeline.stats().pool.bound == unseen + 1
        reader.get()
        with Live(url) as live:
            state = live.next("state")
            assert state["views"] == [{"port": "cam", "encoded": 0, "viewers": 0, "watchers": []}]
            assert state["nodes"][0]["view"] is True
            with Video(url) as page:
                page.watch("cam", mode="jpeg")
                shown = [page.next("jpeg") for _ in range(4)]
            times = [picture.pts for picture in shown]
            assert times == sorted(set(times))
            for picture in shown:
                assert picture.body.startswith(b"\xff\xd8")
                assert picture.body.endswith(b"\xff\xd9")
                assert picture.elapsed >= 0
            before = state_when(live, lambda state: state["views"][0]["viewers"] == 0)["views"][0]["encoded"]
            # An image in progress may still be counted. After it, nothing is encoded.
            later = [live.next("state")["views"][0]["encoded"] for _ in range(5)]
            assert before >= 4
            assert later[-1] == later[0]
    assert bound > 0


def test_a_snapshot_is_the_picture_of_a_port(tmp_path: Path) -> None:
    picture = np.full((48, 64, 3), (200, 40, 90), np.uint8)
    pipeline = ff.Pipeline()
    camera = pipeline.add(
        ff.testing.MockCamera(ff.Frame.from_array(picture, "rgb"), fps=60), name="a b/<script>"
    )
    with pipeline:
        answer = request(pipeline.serve(view=[camera]).url, "/api/picture/a%20b%2F%3Cscript%3E.jpg")
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/jpeg"
    (tmp_path / "shot.jpg").write_bytes(answer.body)
    read = ff.Pipeline()
    got = read.reader(read.add(ff.open(str(tmp_path / "shot.jpg"))))
    with read:
        shown = got.get().value.rgb
    assert shown.shape == picture.shape
    assert np.abs(shown.astype(int) - picture).max() <= 4


@pytest.mark.slow
def test_a_snapshot_of_a_pipeline_that_does_not_run_is_refused_after_a_while() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(SCENE), name="cam")
    url = pipeline.serve().url
    assert request(url, "/api/picture/cam.jpg").status == 503
    assert request(url, "/api/picture/nobody.jpg").status == 404


def test_names_are_escaped_wherever_they_appear() -> None:
    name = '</script><script>alert(1)</script> "quoted" \\ \n\t\u2028 é'
    pipeline = ff.Pipeline(name)
    pipeline.add(doubled, pipeline.add(Count(1), name="count"), name=name)
    pipeline.run()
    url = pipeline.serve().url
    answer = request(url, "/api/state")
    assert b"<" not in answer.body
    assert answer.json()["name"] == name
    assert answer.json()["nodes"][1]["name"] == name
    assert b"\n\t" not in request(url, "/metrics").body


def test_the_error_that_ended_a_pipeline_is_shown_with_its_traceback() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(fail_at_three, pipeline.add(Count(9)), name="picky")
    url = pipeline.serve().url
    with pytest.raises(ff.NodeError):
        pipeline.run()
    state = request(url, "/api/state").json()
    assert state["phase"] == "failed"
    assert state["error"]["node"] == "picky"
    assert state["error"]["message"] == "ZeroDivisionError: three is too much"
    assert 'raise ZeroDivisionError("three is too much")' in state["error"]["traceback"]
    assert state["error"]["traceback"].startswith("Traceback (most recent call last):")
    assert [(event["kind"], event["subject"]) for event in state["events"]][-2] == ("error", "picky")
    health = request(url, "/healthz")
    assert health.status == 503
    assert health.text == "picky: failed: ZeroDivisionError: three is too much.\n"


def test_errors_that_are_skipped_are_events() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(fail_at_three, pipeline.add(Count(5)), name="picky", on_error="skip")
    pipeline.run()
    state = request(pipeline.serve().url, "/api/state").json()
    assert state["phase"] == "ended"
    assert state["error"] is None
    errors = [event for event in state["events"] if event["kind"] == "error"]
    assert len(errors) == 1
    assert "fail_at_three" in errors[0]["text"]


def test_a_node_that_goes_because_it_failed_leaves_an_event_with_the_error() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    camera = pipeline.add(ff.open(SCENE), name="camera")

    def broken(frame: ff.Frame) -> None:
        raise ValueError("the model is broken")

    with pipeline:
        url = pipeline.serve().url
        pipeline.add(broken, camera, name="picky", on_error="remove")

        def errors() -> list[str]:
            events = request(url, "/api/state").json()["events"]
            return [
                event["text"] for event in events if (event["kind"], event["subject"]) == ("error", "picky")
            ]

        until(lambda: "picky" not in pipeline.stats().nodes and errors() != [], "an event with the error")
        assert "the model is broken" in errors()[-1]
        assert errors()[-1].endswith('(on_error="remove": the node was removed)')


def test_nodes_that_come_and_go_while_the_pipeline_runs_are_events() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    with pipeline:
        url = pipeline.serve().url

        def changes() -> list[tuple[str, str]]:
            events = request(url, "/api/state").json()["events"]
            return [(event["subject"], event["text"]) for event in events if event["kind"] == "change"]

        until(
            lambda: request(url, "/api/state").json()["phase"] == "running", "a state of the running pipeline"
        )
        door = pipeline.add(ff.open(SCENE), name="door")
        until(lambda: changes() == [("door", "the node was added")], "an event for the node")
        pipeline.remove(door)
        until(lambda: changes() == [("door", "the node was removed")], "an event for its removal")


@pytest.mark.parametrize("on_error", ["skip", "stop"])
def test_an_error_about_a_name_that_is_no_unicode_is_reported(on_error: Any) -> None:
    def fail(value: int) -> None:
        raise FileNotFoundError(os.fsdecode(b"caf\xe9.png") + "\0")

    pipeline = ff.Pipeline()
    pipeline.add(fail, pipeline.add(Count(1)), name="picky", on_error=on_error)
    if on_error == "skip":
        pipeline.run()
    else:
        with pytest.raises(ff.NodeError, match=r"picky.* FileNotFoundError: caf") as failed:
            pipeline.run()
        assert isinstance(failed.value.__cause__, FileNotFoundError)
    state = request(pipeline.serve().url, "/api/state").json()
    errors = [event["text"] for event in state["events"] if event["kind"] == "error"]
    assert len(errors) == 1
    assert errors[0].endswith("FileNotFoundError: caf\\udce9.png\\x00")


def drops_now(state: Any) -> bool:
    return bool(state["edges"]) and state["edges"][0]["drop_rate"].get("queue_full", 0) > 0


def test_drops_appear_on_their_edge_with_cause_and_event() -> None:
    gate = Gate()

    def hold(value: int) -> None:
        gate.enter()

    pipeline = ff.Pipeline()
    pipeline.add(hold, pipeline.add(Count(live=True), name="count"), name="slow")
    with pipeline, Live(pipeline.serve().url) as live:
        state = state_when(live, drops_now)
        edge = state["edges"][0]
        assert edge["drops"]["queue_full"] == edge["dropped"] > 0
        state = state_when(live, lambda state: any(event["kind"] == "drop" for event in state["events"]))
        drop = next(event for event in state["events"] if event["kind"] == "drop")
        assert drop["subject"] == "count->slow"
        gate.open()


def test_metrics_are_what_prometheus_reads() -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    pipeline = ff.Pipeline('a "b"\\')
    pipeline.add(doubled, pipeline.add(Count(7), name="count"), name="new\nline")
    pipeline.run()
    answer = request(pipeline.serve().url, "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parser.text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    pipeline_label = ("pipeline", 'a "b"\\')
    assert found["freshframe_node_processed_total", ("node", "new\nline"), pipeline_label] == 7
    assert (
        found["freshframe_edge_delivered_total", ("child", "new\nline"), ("parent", "count"), pipeline_label]
        == 7
    )
    assert found["freshframe_pipeline_phase", ("phase", "ended"), pipeline_label] == 1


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
def test_promtool_finds_nothing_to_complain_about() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(SCENE))
    with pipeline:
        text = request(pipeline.serve().url, "/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_health_is_good_while_frames_flow_and_bad_when_they_stop() -> None:
    gate = Gate()

    def hold(value: int) -> None:
        if value >= 3:
            gate.enter()

    pipeline = ff.Pipeline(stall_timeout=0.5)
    url = pipeline.serve().url
    assert request(url, "/healthz").text == "no frames flow: the pipeline is created\n"
    pipeline.add(hold, pipeline.add(Count(), name="count"), name="hold", queue=ff.LOSSLESS)
    with pipeline:
        until(lambda: "stalled: no sample" in request(url, "/healthz").text, "the stall to be reported")
        gate.open()
        until(lambda: request(url, "/healthz").text.startswith("ok\n"), "frames to flow again")
    assert "the pipeline is stopped" in request(url, "/healthz").text


WATCHER = """
import json, os, sys
sys.path.insert(0, {folder!r})
from rigs.web_client import Live

with Live(sys.argv[1]) as live:
    live.next("history")
    print("ready", flush=True)
    frozen = []
    while len(frozen) < 12:
        gil = live.next("state")["gil"]
        if gil["stalled_by"] and (gil["stalled_by"]["python"] or "").startswith("frozen.py"):
            frozen.append(gil)
    os.write(int(sys.argv[2]), b"x")
    events = []
    while not events:
        state = live.next("state")
        events = [event["text"] for event in state["events"] if "frozen.py" in event["text"]]
    print(json.dumps([frozen, events, state["gil"]["culprits"]]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.needs_gil
def test_a_viewer_in_another_process_sees_who_freezes_python_as_long_as_it_lasts() -> None:
    # Python stays frozen until the viewer has received twelve states, or has ended.
    reading, writing = os.pipe()
    hold = f"import ctypes; ctypes.PyDLL(None).read({reading}, ctypes.create_string_buffer(1), 1)"
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(SCENE))
    program = WATCHER.format(folder=str(TESTS))
    command = [sys.executable, "-c", program, pipeline.serve().url, str(writing)]
    with (
        pipeline,
        ff.gil.watch(),
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=[writing]) as viewer,
    ):
        os.close(writing)
        assert viewer.stdout is not None
        assert viewer.stdout.readline() == "ready\n"
        exec(compile(hold, "frozen.py", "exec"), {})
        frozen, events, culprits = json.loads(viewer.stdout.readline())
    os.close(reading)
    lasted = [gil["stalled_for"] for gil in frozen]
    assert lasted == sorted(set(lasted)), "each state says more"
    assert lasted[-1] - lasted[0] > 1, "seconds"
    assert "read" in frozen[-1]["stalled_by"]["native"]
    assert frozen[-1]["stalled_by"]["python"].startswith("frozen.py:1")
    assert "read" in events[-1]
    assert "read" in culprits[0]["native"]


@pytest.mark.slow
@pytest.mark.needs_gil
def test_a_second_watch_is_heard_too() -> None:
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL
    pipeline = ff.Pipeline()
    url = pipeline.serve().url

    def stalls() -> int:
        events = request(url, "/api/state").json()["events"]
        return sum(event["count"] for event in events if event["kind"] == "gil")

    for holds in (3, 1):
        before = stalls()
        with ff.gil.watch():
            for _ in range(holds):
                usleep(300_000)
                time.sleep(0.05)
            until(lambda wanted=before + holds: stalls() >= wanted, "the stalls to be reported")  # type: ignore[misc]


def test_a_viewer_that_leaves_takes_its_wish_along() -> None:
    gate = Gate()

    class Gated(ff.Source[ff.Frame]):
        live = True

        def read(self) -> Iterator[tuple[ff.Frame, float]]:
            gate.enter()
            for number in range(3):
                yield ff.Frame.from_array(np.zeros((16, 16, 3), np.uint8), "rgb"), number / 10

    pipeline = ff.Pipeline()
    source = pipeline.add(Gated(), name="gated")
    url = pipeline.serve(view=source).url
    with pipeline:
        with Live(url) as live, Video(url) as page:
            page.watch("gated", mode="jpeg")
            state_when(live, lambda state: state["views"][0]["viewers"] == 1)
        until(lambda: request(url, "/api/state").json()["views"][0]["viewers"] == 0, "the viewer to be gone")
        gate.open()
        pipeline.wait()
        assert request(url, "/api/state").json()["views"] == [
            {"port": "gated", "encoded": 0, "viewers": 0, "watchers": []}
        ]
