"""The result of `Pipeline.why()`: an analysis of latency and drops."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, cast

from .. import _native
from .shown import ShownAsText

AgeKind = Literal["source", "room", "queue", "worker", "batch", "set", "gil", "start", "call", "order"]
FindingKind = Literal[
    "error",
    "stall",
    "unread",
    "away",
    "frozen",
    "clock",
    "pace",
    "setting",
    "decoder",
    "gil",
    "join",
    "spool",
    "worker",
    "blocked",
    "card",
    "sender",
    "stale",
    "loss",
    "queue",
    "batch",
    "gil_wait",
    "processors",
    "bursts",
    "silent",
]


@dataclass(frozen=True, slots=True)
class AgePart:
    """A part of the age of samples: where they spent time, and doing what.

    Attributes:
        kind: "source": from capture until the source emitted the sample, including decoding and conversion.
            "room": a node's results waited for space in the queues downstream. "queue": in the queue of a
            node or reader; "worker": likewise, while all of a node's workers were busy; "batch": until the
            batch was full or timed out; "set": until the set of a join was complete. "gil": the node's thread
            waited for the GIL, before or during its call. "start": the node had the sample, but its call had
            not started, for example because of a conversion. "call": in the node's call. "order": a worker's
            result waited for earlier ones.
        node: The name of the node or reader.
        mean: Mean seconds over all samples.
        oldest_mean: Mean seconds over the oldest 5 % of the samples.
    """

    kind: AgeKind
    node: str
    mean: float
    oldest_mean: float


@dataclass(frozen=True, slots=True)
class Age:
    """The age of the samples that a reader or sink received in the last seconds, broken down into parts.

    Ends when a reader takes the sample, or when a sink's call returns. All times are means over the same
    samples, so that the parts add up to the age, unlike medians.

    Attributes:
        consumer: The name of the reader or sink.
        sources: The names of the sources that its samples came from.
        is_reader: Whether it is a reader.
        samples: Number of samples in the means.
        unknown: Number of other samples whose path is unknown: they were created in a node (`on_tick()`), or
            are older than the last 4,096 calls of a node, which are recorded.
        duration: Length of the period in seconds.
        interval: Mean time between two samples in seconds.
        mean: The mean age in seconds; 0 without samples.
        oldest_mean: The mean age of the oldest 5 % in seconds.
        parts: The parts in order, starting at the source.
    """

    consumer: str
    sources: tuple[str, ...]
    is_reader: bool
    samples: int
    unknown: int
    duration: float
    interval: float
    mean: float
    oldest_mean: float
    parts: tuple[AgePart, ...]


@dataclass(frozen=True, slots=True)
class Finding(ShownAsText):
    """A proven cause of latency or lost samples, and what to do about it.

    Attributes:
        kind: The rule that found it; the documentation of `why` lists them.
        subject: A node, a reader, or "parent->child".
        text: One or two sentences with figures.
        remedy: What to do.
        evidence: The numbers behind it: times in seconds, fractions from 0 to 1.
    """

    kind: FindingKind
    subject: str
    text: str
    remedy: str
    evidence: Mapping[str, float]

    def __str__(self) -> str:
        """Returns the finding as text."""
        return f"{self.subject}: {self.text} {self.remedy}".rstrip()


@dataclass(frozen=True, slots=True)
class Why(ShownAsText):
    """The result of `Pipeline.why()`. `print(pipeline.why())` shows all of it in sentences.

    Attributes:
        findings: The proven causes, worst first.
        ages: The ages of the samples of each reader and sink.
        is_running: Whether the pipeline is running. Required for findings, except about silent nodes.
        watched_for: Seconds for which causes have been monitored.
        needed: Seconds until a cause can be proven at the earliest. If 0 and there are no findings, nothing
            is wrong, except possibly downstream of ``unsettled``.
        unsettled: Names of sources with a current or recent outage, and of nodes and readers downstream of a
            change of the graph. Nodes that only get samples from these are not judged for ten seconds.
        text: The result as text.
    """

    findings: tuple[Finding, ...]
    ages: tuple[Age, ...]
    is_running: bool
    watched_for: float
    needed: float
    unsettled: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return self.text.rstrip("\n")


def _age(age: _native.Age) -> Age:
    parts = tuple(
        AgePart(cast(AgeKind, part.kind), part.node, part.mean, part.oldest_mean) for part in age.parts
    )
    return Age(
        age.consumer,
        tuple(age.sources),
        age.is_reader,
        age.samples,
        age.unknown,
        age.duration,
        age.interval,
        age.mean,
        age.oldest_mean,
        parts,
    )


def _finding(finding: _native.Finding) -> Finding:
    return Finding(
        cast(FindingKind, finding.kind),
        finding.subject,
        finding.text,
        finding.remedy,
        MappingProxyType(dict(finding.evidence)),
    )


def make_why(why: _native.Why) -> Why:
    """Converts the engine's Why."""
    return Why(
        tuple(map(_finding, why.findings)),
        tuple(map(_age, why.ages)),
        why.is_running,
        why.watched_for,
        why.needed,
        tuple(why.unsettled),
        why.text,
    )
