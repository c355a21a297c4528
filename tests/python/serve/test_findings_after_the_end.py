"""Each view shows the findings that docs/reference/findings.md promises after the end, and no others."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rigs.web_client import request
from support import Push, Ticker, until

import freshframe as ff

PROMISED = {
    "error": ("error", "picky"),
    "loss": ("loss", "camera->slow"),
    "spool": ("spool", "box"),
    "silent": ("silent", "mute"),
}


def refuse(value: object) -> None:
    raise ValueError("no")


def fail(results: object) -> None:
    raise OSError("away")


def swallow(value: int) -> int | None:
    return value if value < 0 else None


@contextmanager
def ended(folder: Path, end: str) -> Iterator[tuple[ff.Pipeline, str]]:
    """Yields a pipeline with each of the faults, after it has ended."""
    pipeline = ff.Pipeline("ended", stall_timeout=None)
    source = Push()
    camera = pipeline.add(source, name="camera")
    gate = threading.Event()
    pipeline.add(refuse, camera, name="picky", on_error="skip", queue=ff.Queue(256))
    pipeline.add(lambda value: gate.wait(60) and None, camera, name="slow", queue=ff.Queue(2))
    pipeline.add(ff.Spool(folder / "box", fail, max_wait=0), camera, name="box")
    mute = pipeline.add(swallow, camera, name="mute", queue=ff.Queue(256))
    pipeline.add(lambda value: None, mute, name="below")
    dashboard = pipeline.serve()
    pipeline.start()
    for number in range(60):
        source.push(number)
    until(lambda: pipeline.stats().nodes["picky"].errors == 60, "all samples were refused")
    until(lambda: pipeline.stats().nodes["mute"].processed == 60, "all samples were taken")
    box = pipeline.stats().nodes["box"]
    until(lambda: pipeline.stats().nodes["box"].spool.errors > 0, f"send() failed: {box}")  # type: ignore[union-attr]
    gate.set()
    if end == "the source ends":
        source.end()
        pipeline.wait()
    pipeline.stop()
    yield pipeline, dashboard.url
    dashboard.close()


def in_why(pipeline: ff.Pipeline, url: str) -> set[tuple[str, str]]:
    return {(each.kind, each.subject) for each in pipeline.why().findings}


def in_state(pipeline: ff.Pipeline, url: str) -> set[tuple[str, str]]:
    return {(each["kind"], each["subject"]) for each in request(url, "/api/state").json()["problems"]}


def in_metrics(pipeline: ff.Pipeline, url: str) -> set[tuple[str, str]]:
    finding = re.compile(r'^freshframe_finding\{pipeline="ended",kind="(\w+)",subject="([^"]*)"\} 1$', re.M)
    return set(finding.findall(request(url, "/metrics").text))


VIEWS: dict[str, Callable[[ff.Pipeline, str], set[tuple[str, str]]]] = {
    "why": in_why,
    "state": in_state,
    "metrics": in_metrics,
}


@pytest.mark.parametrize("end", ["the source ends", "stop()"])
def test_each_view_shows_the_promised_findings_after_the_end(tmp_path: Path, end: str) -> None:
    with ended(tmp_path, end) as (pipeline, url):
        for _ in range(2):
            for view in ("why", "state", "metrics", "why"):
                assert VIEWS[view](pipeline, url) == set(PROMISED.values()), view
        spool = next(each for each in pipeline.why().findings if each.kind == "spool")
        assert re.match(r"\d+ results? (has|have) not been sent", spool.text)
        assert "start a Spool with this folder" in spool.remedy


@pytest.mark.parametrize("first", VIEWS)
def test_the_first_look_after_the_end_shows_what_all_later_ones_show(tmp_path: Path, first: str) -> None:
    with ended(tmp_path, "stop()") as (pipeline, url):
        found = VIEWS[first](pipeline, url)
        assert found == set(PROMISED.values())
        assert all(look(pipeline, url) == found for look in VIEWS.values())


def test_a_run_without_a_fault_shows_nothing_after_the_end(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    ticks = pipeline.add(Ticker())
    reader = pipeline.reader(pipeline.add(lambda value: value, ticks))
    with pipeline:
        for sample in reader:
            if sample.value > 5:
                break
    assert not pipeline.why().findings


def test_a_spool_whose_results_were_all_sent_shows_nothing_after_the_end(tmp_path: Path) -> None:
    sent: list[object] = []
    source = Push(live=False)
    source.push(1, 2)
    source.end()
    pipeline = ff.Pipeline()
    pipeline.add(ff.Spool(tmp_path / "box", sent.extend, max_wait=0), pipeline.add(source))
    pipeline.run()
    assert len(sent) == 2
    assert not pipeline.why().findings
