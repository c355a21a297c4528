"""Builds a random pipeline, runs it with its changes, and keeps what was seen for the model."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import freshframe as ff
from night.edges import faults_in
from night.own_process import Lines, also_log_to
from night.program import IN_WORKERS, READERS, SOURCES, Change, Program, Step
from night.steps import Log, Noted, Take, as_token, node_of, painted_number

PATIENCE = 60.0  # seconds after which something hangs


@dataclass
class Outcome:
    """Holds the observations of a run.

    Attributes:
        log: The samples that each step took.
        stats: At the end.
        complete: By the report, or None without one.
        gone: The edges of removed nodes, by parent and child.
        removed: Totals of what remove() returned: passed_in.
        failure: The exception of the run.
        changed: Changes that took place.
        findings: Faults, whatever the model says.
        errors: Lines of the log that are errors.
    """

    log: Log
    stats: ff.stats.Stats
    complete: bool | None = None
    gone: dict[tuple[str, str], ff.stats.EdgeStats] = field(default_factory=dict)
    failure: BaseException | None = None
    changed: list[Change] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class _Run:
    """One run."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.chance = random.Random(program.seed + 1)
        self.log = Log()
        if program.changes:  # below packets, frames are decoded only while somebody takes them
            self.log.replaced |= {step.parents[0] for step in program.steps if step.kind == "packets"}
        self.pipeline = ff.Pipeline(f"seed-{program.seed}", stall_timeout=PATIENCE / 2)
        self.ports: dict[str, ff.Port[Any]] = {}
        self.readers: dict[str, ff.Reader[Any]] = {}
        self.looks: dict[str, ff.Look] = {}
        self.threads: list[threading.Thread] = []
        self.outcome = Outcome(self.log, self.pipeline.stats())

    def add(self, step: Step) -> None:
        """Adds one step."""
        program, options = self.program, dict[str, Any]()
        if step.kind == "packets":
            self.ports[step.name] = self.ports[step.parents[0]].packets
            return
        late = program.late_parents(step)
        parents = [self.port(step, parent) for parent in step.parents if parent not in late]
        if step.kind in READERS:
            limits: Any = {"queue": step.queue, "max_rate": step.max_rate, "name": step.name}
            self.readers[step.name] = self.pipeline.reader(parents, **limits)
            return
        node = node_of(step, program.pause, self.log, self.folder)
        if step.kind in SOURCES:
            self.ports[step.name] = self.pipeline.add(node, name=step.name)
            return
        if step.kind == "join":
            options["join"] = ff.Join()
        if step.kind in ("batch", "batch_node"):
            options["batch"] = ff.Batch(step.size, max_wait=0.001 if step.live else 0)
        if step.kind in IN_WORKERS:
            options["process"] = ff.Process(workers=step.size)
        if step.kind == "skip":
            options["on_error"] = "skip"
        if step.kind == "leaves":
            options["on_error"] = "remove"
        parent = parents[0] if len(parents) == 1 and not step.listed and step.kind != "join" else parents
        more: Any = {"queue": step.queue, "max_age": step.max_age, "max_rate": step.max_rate}
        self.ports[step.name] = self.pipeline.add(node, parent, name=step.name, **more, **options)
        if step.kind == "look":
            self.looks[step.name] = node

    def port(self, step: Step, parent: str) -> ff.Port[Any]:
        """The one of this parent, or of it the samples that the step takes."""
        port = self.ports[parent]
        return port if step.only is None else port.of(self.ports[step.only])

    def read(self, step: Step) -> None:
        """Pulls all samples of a reader, in its way."""
        reader = self.readers[step.name]
        try:
            if step.kind == "async":
                asyncio.run(self._read_async(step, reader))
            else:
                self._read(step, reader)
        except ff.EndOfStreamError:
            pass
        except ff.NodeError:
            if self.program.ending != "fail":
                raise
        except BaseException as error:
            self.outcome.findings.append(f"{step.name}: reading raised {error!r}")

    def _read(self, step: Step, reader: ff.Reader[Any]) -> None:
        if step.kind == "for":
            for sample in reader:
                self.log.took(step.name, sample)
        while step.kind == "get":
            self.log.took(step.name, reader.get(PATIENCE))
        while step.kind == "poll":
            found = reader.poll()
            if found is None:
                time.sleep(0.0003)
            else:
                self.log.took(step.name, found)
        last = None
        while step.kind == "latest":
            over = reader.ended
            newest = reader.latest()
            if newest is not last and newest is not None:
                self.log.took(step.name, newest)
                last = newest
            elif over:
                return
            time.sleep(0.0003)

    async def _read_async(self, step: Step, reader: ff.Reader[Any]) -> None:
        async for sample in reader:
            self.log.took(step.name, sample)

    def start_reading(self, step: Step) -> None:
        """Reads on its own thread."""
        self.threads.append(threading.Thread(target=self.read, args=(step,), name=step.name))
        self.threads[-1].start()

    def change(self, change: Change) -> None:
        """Makes one change, unless the pipeline has ended meanwhile."""
        step = self.program.step(change.step)
        try:
            self._change(change, step)
        except (ff.StateError, ff.NodeError, ff.GraphError) as error:
            # It has ended, or a node above it has failed, was removed, or has lost the source of its samples.
            if isinstance(error, ff.GraphError) and (
                step.only is None or "returns no samples of" not in str(error)
            ):
                raise
            if isinstance(error, ff.NodeError) and not any(
                one.kind in ("fails", "leaves") for one in self.program.steps
            ):
                self.outcome.findings.append(f"{change}: raised {error!r}")
        else:
            self.outcome.changed.append(change)

    def _change(self, change: Change, step: Step) -> None:
        if change.verb == "add":
            self.add(step)
            if step.kind in READERS:
                self.start_reading(step)
        elif change.verb == "replace":
            node = node_of(step, self.program.pause, self.log, self.folder)
            self.log.replaced.add(step.name)
            self.pipeline.replace(self.ports[step.name], node, timeout=PATIENCE)
        elif change.verb == "close":
            self.readers[step.name].close()
        elif change.verb == "disconnect":
            self.pipeline.disconnect(self.ports[step.name], self.port(step, change.parent))
        elif change.verb == "connect":
            if change.parent in self.program.late_parents(step):
                limits: Any = {"queue": step.queue, "max_age": step.max_age, "max_rate": step.max_rate}
                self.pipeline.connect(self.ports[step.name], self.ports[change.parent], **limits)
        else:
            stats = self.pipeline.remove(
                self.ports[step.name], drain=change.verb == "drain", timeout=PATIENCE
            )
            for edge in [] if stats is None else stats.edges:
                self.outcome.gone[edge.parent, edge.child] = edge

    def run(self) -> Outcome:
        """Builds, starts, changes, ends."""
        program, outcome = self.program, self.outcome
        later = {change.step for change in program.changes if change.verb == "add"}
        for step in program.steps:
            if step.name not in later:
                self.add(step)
        try:
            with also_log_to(Lines(logging.ERROR)) as handler:
                self._go(later)
        finally:
            self._join_readers()
        self._read_files()
        self._ask()
        outcome.stats = self.pipeline.stats()
        outcome.errors = handler.lines
        return outcome

    def _go(self, later: set[str]) -> None:
        program, outcome = self.program, self.outcome
        try:
            with self.pipeline:
                for step in program.steps:
                    if step.kind in READERS and step.name not in later:
                        self.start_reading(step)
                for change in program.changes:
                    time.sleep(self.chance.uniform(0, 0.003))
                    self.change(change)
                if program.ending == "stop":
                    time.sleep(self.chance.uniform(0, 0.02))
                    self.pipeline.stop(PATIENCE)
                self._wait()
                if program.ending == "natural":
                    self._join_readers()
        except ff.NodeError as error:
            outcome.failure = error
        if program.ending == "natural" and outcome.failure is None:
            outcome.complete = self.pipeline.run().complete

    def _join_readers(self) -> None:
        for thread in self.threads:
            thread.join(PATIENCE)
            if thread.is_alive():
                self.outcome.findings.append(f"{thread.name}: the reader did not end")

    def _wait(self) -> None:
        """Waits until the end; every snapshot balances."""
        deadline = time.monotonic() + PATIENCE
        while not self.pipeline.wait(0.004):
            self.outcome.findings += faults_in(self.pipeline.stats())
            if time.monotonic() > deadline:
                self.outcome.findings.append(f"it did not end in {PATIENCE:g} s:\n{self.pipeline}")
                self.pipeline.stop()
                return

    def _read_files(self) -> None:
        for step in self.program.steps:
            if step.kind == "lines":
                path = self.folder / f"{step.name}.jsonl"
                with contextlib.suppress(FileNotFoundError):
                    lines = [json.loads(line) for line in path.read_text().splitlines()]
                    self.log.takes[step.name] = [Take(as_token(line["value"])) for line in lines]
            if step.kind in ("record", "copy"):
                path = self.folder / f"{step.name}.mkv"
                (source,) = step.sources
                number = -1
                for sample in ff.stream(ff.open(path)) if path.exists() else ():
                    number += 1
                    if source not in self.log.replaced:  # otherwise its pictures have begun again
                        number = painted_number(source, sample.value, number)
                    self.log.takes[step.name].append(Take((source, number, ())))

    def _ask(self) -> None:
        """Each Look has pictures of the newest of what came, each once, under its number and its time."""
        for name, look in self.looks.items():
            views = look.last(3600, n=16)
            seqs = [view.seq for view in views]
            if seqs != sorted(set(seqs)):
                self.outcome.findings.append(f"{name}: pictures of the past are in this order: {seqs}")
            for view in views:
                if view.source in self.log.replaced or view.source.startswith("demo"):
                    continue
                shown = painted_number(view.source, view.frame, view.seq)
                if abs(shown - view.seq) > 2 * (not view.source.startswith("camera")):  # levels of JPEG
                    self.outcome.findings.append(f"{name}: number {view.seq} of {view.source} shows {shown}")


def run(program: Program, folder: Path) -> Outcome:
    """Runs a program.

    Args:
        program: Which.
        folder: An empty one, for its files.

    Returns:
        The observations.
    """
    return _Run(program, folder).run()


__all__ = ["Noted", "Outcome", "run"]
