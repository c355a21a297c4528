"""A finding's remedy says what it would give: against a run with it, and in the same words everywhere."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import Any

import pytest

import freshframe as ff

LONGEST = 40.0  # seconds until the finding has its prediction
RUN = 12.0


def slow(frame: ff.Frame) -> int:
    time.sleep(0.05)
    return frame.width


def built(queue: ff.Queue) -> tuple[ff.Pipeline, ff.Reader[int]]:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=30&size=64x48"), name="camera")
    return pipeline, pipeline.reader(pipeline.add(slow, camera, name="slow", queue=queue), name="reader")


class Reading:
    """Takes each sample at once, and keeps their ages."""

    def __init__(self, reader: ff.Reader[int]) -> None:
        self.reader = reader
        self.ages: list[float] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.read)

    def read(self) -> None:
        while not self.over.is_set():
            try:
                sample = self.reader.get(timeout=1)
            except ff.ReadTimeoutError:
                continue
            self.ages.append(time.monotonic() - sample.captured)

    def __enter__(self) -> Reading:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.thread.join()


def fetched(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def predicted(pipeline: ff.Pipeline) -> ff.stats.Finding:
    ends = time.monotonic() + LONGEST
    while time.monotonic() < ends:
        for finding in pipeline.why().findings:
            if "predicted" in finding.evidence:
                return finding
        time.sleep(0.25)
    asked = pipeline.what_if("slow", queue=ff.LATEST)
    reason = asked.reason or next((each.reason for each in asked.outcomes), "")
    if reason:
        pytest.skip(f"the machine is too busy: {reason}")
    raise AssertionError(f"no prediction in {pipeline.why()}")


@pytest.mark.full
def test_a_run_with_the_remedy_has_the_predicted_age_and_all_say_the_same() -> None:
    pipeline, reader = built(ff.Queue(8))
    with pipeline, Reading(reader), pipeline.serve() as dashboard:
        finding = predicted(pipeline)
        asked = fetched(f"{dashboard.url}api/why")["findings"]
        problems = fetched(f"{dashboard.url}api/state")["problems"]
    assert finding.kind == "queue"
    assert "With queue=LATEST at slow, samples would be " in finding.remedy
    assert {"text": finding.text, "remedy": finding.remedy} in [
        {"text": each["text"], "remedy": each["remedy"]} for each in asked
    ]
    assert finding.remedy in [each.get("remedy") for each in problems]
    pipeline, reader = built(ff.LATEST)
    with pipeline, Reading(reader) as reading:
        time.sleep(RUN)
    real = sum(reading.ages) / len(reading.ages)
    slack = 0.005  # the reader's thread, which what_if() leaves out
    assert finding.evidence["predicted_low"] - slack <= real <= finding.evidence["predicted_high"] + slack


def stored(frame: ff.Frame) -> None:
    time.sleep(0.06)


@pytest.mark.full
def test_two_branches_of_a_camera_are_judged_while_another_camera_is_away() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=30&size=64x48"), name="here")
    pipeline.add(slow, camera, name="slow", queue=ff.Queue(8))
    pipeline.add(stored, camera, name="stored", queue=ff.RECORDING)
    pipeline.add(
        slow, pipeline.add(ff.open("rtsp://user:secret@127.0.0.1:9/none"), name="roof"), name="other"
    )
    wanted = {("away", "roof"), ("queue", "here->slow"), ("loss", "here->stored")}
    with pipeline:
        ends = time.monotonic() + 2 * LONGEST
        found: set[tuple[str, str]] = set()
        while not wanted <= found and time.monotonic() < ends:
            time.sleep(0.25)
            why = pipeline.why()
            found |= {(finding.kind, finding.subject) for finding in why.findings}
    assert wanted <= found, str(why)
    assert why.unsettled == ("roof",)
    assert "secret" not in str(why)
