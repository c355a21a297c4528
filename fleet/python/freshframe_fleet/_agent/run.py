"""A run of a camera in an agent: its build function, its pipeline, and the nodes that pass its results on."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from freshframe import Frame, FreshframeError, GraphError, Pipeline, Port, Queue
from freshframe._agent import (
    Contract,
    NativeNode,
    check,
    native,
    not_by_design,
    pickling,
    pipelines,
    ports,
)

from .._url import cut, hide_password, masked
from .._wire import loss_name
from .ways import Ways


class ReceivedBuild:
    """A build function that is unpickled when the first camera needs it.

    Unpickling may import large modules. Cameras that start at the same time wait for it instead of repeating
    it.
    """

    def __init__(self, known: bytes, pickled: bytes) -> None:
        """Stores the pickles without loading them.

        Args:
            known: Pickled definitions that the function may refer to.
            pickled: Its other definitions and the function itself.
        """
        self._pickles = known, pickled
        self._lock = threading.Lock()  # held while loading
        self._function: Any = None

    def function(self) -> Any:
        """Returns the function; the first call loads it.

        Raises:
            FreshframeError: The function cannot be loaded.
        """
        with self._lock:
            if self._function is None:
                try:
                    known, pickled = self._pickles
                    pickling.learn(pickle.loads(known))
                    definitions, function = pickle.loads(pickled)
                    pickling.learn(definitions)
                except Exception as error:
                    why = f"{type(error).__name__}: {error}"
                    advice = ". Install it on the agent's machine" if isinstance(error, ImportError) else ""
                    raise FreshframeError(f"the agent cannot load build: {why}{advice}") from error
                self._function = function
            return self._function


def checked(made: Any) -> tuple[Pipeline, Mapping[str, Port[Any]]]:
    """Checks what a build function returned; returns the pipeline and its outputs.

    Raises:
        GraphError: The function returned something else.
    """
    if not isinstance(made, tuple) or len(made) != 2:
        several = f" of {len(made)}" if isinstance(made, tuple) else ""
        raise GraphError(f"build must return (pipeline, outputs), got {type(made).__name__}{several}")
    pipeline, outputs = made
    if not isinstance(pipeline, Pipeline):
        raise GraphError(
            "build must return (pipeline, outputs), but its first value is "
            f"{check.with_article(type(pipeline).__name__)}"
        )
    if pipelines.find_engine(pipeline).started:
        raise GraphError(
            "build must not start the pipeline: the agent does so after connecting to the outputs"
        )
    if not isinstance(outputs, Mapping) or not outputs:
        raise GraphError(
            "build must return the outputs as a non-empty mapping of names to ports, got "
            f"{check.show(outputs)}"
        )
    for name, port in outputs.items():
        if not isinstance(name, str):
            raise GraphError(
                f"build must return the outputs as a mapping of names to ports, but the name {name!r} is "
                "not a string"
            )
        if not isinstance(port, Port):
            raise GraphError(
                f"the output {name!r} must be a port of the pipeline that build returns, got "
                f"{check.show(port)}"
            )
        if not ports.belongs_to(port, pipelines.find_engine(pipeline)):
            raise GraphError(
                f"the output {name!r} is a port of another pipeline than the one that build returns"
            )
        if ports.value_type(port) is Frame:
            raise GraphError(
                f"the output {name!r} contains frames, which cannot be sent to another machine: return "
                "results instead, such as boxes or tracks"
            )
    return pipeline, outputs


_QUEUE = Queue(64, "drop_oldest")  # between a live output and its outlet


class Outlet(NativeNode[Any, None]):
    """Puts the results of an output into its readers' outboxes, and counts them."""

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(Any, None))

    def __init__(self, stream: native.FleetStream, output: str) -> None:
        self._handle = stream.outlet(output)
        self._stream = stream
        self._name = self._handle.default_name

    @property
    def name_in_pipeline(self) -> str:
        """Contains the output's name. src/fleet/runs.cpp recognises outlets by the prefix."""
        return self._name

    @property
    def counts(self) -> Counter[str]:
        """How many results were kept, rejected because the run was closed, or too large."""
        stream = self._stream
        return Counter(kept=stream.kept, refused=stream.refused, too_large=stream.too_large)


def add_outlet(pipeline: Pipeline, port: Any, stream: native.FleetStream, output: str) -> Outlet:
    """Adds the outlet for one of a pipeline's outputs."""
    outlet = Outlet(stream, output)
    queue = _QUEUE if pipelines.is_live(pipeline) else None
    pipeline.add(outlet, port, name=outlet.name_in_pipeline, queue=queue)
    return outlet


def add_counts(outlets: Iterable[Outlet]) -> Counter[str]:
    """Returns the sum of the counts of these outlets."""
    counts: Counter[str] = Counter()
    for outlet in outlets:
        counts.update(outlet.counts)
    return counts


def add_final_counts(pipeline: Pipeline, outlets: Sequence[Outlet]) -> Counter[str]:
    """Returns the final counts of a pipeline that has ended, with its frames and all losses on the way."""
    counts = add_counts(outlets)
    stats = pipeline.stats()
    names = {outlet.name_in_pipeline for outlet in outlets}
    edges = Ways(stats).to(names)
    fed = {edge.child for edge in edges}
    for name in names | {edge.parent for edge in edges}:
        node = stats.nodes[name]
        counts.update(_lost(node.drops))
        if name not in fed:
            counts["frames"] += node.processed + node.lost
    for edge in edges:
        counts.update(_lost(edge.drops))
        counts["stopped"] += edge.waiting
    # If the pipeline failed while the outlet had a result, that was delivered but is in none of its counts.
    delivered = sum(edge.delivered for edge in edges if edge.child in names)
    counts["failed"] = max(0, delivered - counts["kept"] - counts["refused"])
    return counts


def _lost(drops: Mapping[Any, int]) -> Counter[str]:
    return Counter({loss_name(cause): count for cause, count in not_by_design(drops).items()})


_SHORTEST_SECRET = 4  # in characters; shorter ones occur in any string by chance


@dataclass(eq=False)
class Run:
    """One start of a camera."""

    camera: int
    epoch: int
    name: str
    url: str
    exclusive: bool
    secret: str = ""  # the resolved URL if it differs from `url`; must not be shown
    lock: threading.Lock = field(default_factory=threading.Lock)
    pipeline: Pipeline | None = None
    outlets: list[Outlet] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    reported: Counter[str] = field(default_factory=Counter)  # counts last sent to the controller
    began: float | None = None  # time when its start began; None if it is not starting
    thread: int = 0  # id of the thread that is starting or closing it
    hung: bool = False  # its start timed out
    ended: bool = False  # the event that reports its end was sent, or is about to be
    running: bool = False  # started, and not being closed yet
    stopping: bool = False
    closing: bool = False  # being closed

    @property
    def key(self) -> tuple[int, int]:
        """Identifies the run: (camera, epoch)."""
        return self.camera, self.epoch

    @property
    def start_name(self) -> str:
        """Names this start in messages about the pipeline."""
        return f"{self.name}, start {self.epoch & 0xFFFFFFFF}"

    def hide_passwords(self, text: str) -> str:
        """Returns the text shortened and without passwords."""
        return cut(masked(self.hidden(text)))

    def hidden(self, text: str) -> str:
        """Hides the password in this camera's URL.

        Must run before the text is shortened, because a truncated URL would not be recognised.
        """
        for known in (self.url, self.secret):
            if len(known) >= _SHORTEST_SECRET:
                text = text.replace(known, hide_password(self.url))
        return text


def hangs(run: Run) -> str:
    """Returns for how long the build function has been running, and where it is."""
    began, frame = run.began, sys._current_frames().get(run.thread)
    since = "" if began is None else f" after {time.monotonic() - began:.0f} s"
    where = "".join(f", in {each.name} at {each.filename}:{each.lineno}" for each in _innermost(frame))
    return f"has not returned{since}{where}"


def _innermost(frame: Any) -> list[traceback.FrameSummary]:
    return [] if frame is None else list(traceback.extract_stack(frame, limit=1))


def describe_error(error: BaseException) -> str:
    """Returns the error's class and message, which may have any length and may contain passwords."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
