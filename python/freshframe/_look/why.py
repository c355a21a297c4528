"""Why samples are old: the answer of `Pipeline.why()`."""

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
    """One part of an age: what samples spent time on, and where.

    Attributes:
        kind: "source": from the capture until the source gave the sample, with its decoding and conversion.
            "room": a node's results waited for room at its children. "queue": in the queue before a node or
            reader; "worker": the same before a node whose workers were busy; "batch": until the batch was
            full or its time was over; "set": until the set of a join was there. "gil": a node's thread waited
            for the GIL, before its call and within it. "start": the node had the sample and its call had not
            begun, as during a conversion. "call": in the node's call. "order": a worker's result waited for
            earlier ones.
        node: The name of the node or reader.
        mean: Seconds, over all samples of the age.
        oldest_mean: Mean seconds, over the oldest twentieth of them.
    """

    kind: AgeKind
    node: str
    mean: float
    oldest_mean: float


@dataclass(frozen=True, slots=True)
class Age:
    """The age of the samples that a reader or a sink got in the last seconds, taken apart.

    A reader's age ends when it takes a sample, a sink's age with its call. All times are means of the
    same samples. So the parts add up to the age, which medians do not.

    Attributes:
        consumer: The name of the reader or sink.
        sources: The names of the sources that its samples came from.
        is_reader: Whether it is a reader.
        samples: Number of samples that the means are made of.
        unknown: Number of further samples, whose way is not known: they began in a node (`on_tick()`), or
            came a longer way than is kept, which is 4,096 calls of each node.
        duration: The length of the time that was looked at.
        interval: Mean time between two samples in seconds.
        mean: The mean age in seconds; 0 without samples.
        oldest_mean: The mean age of the oldest twentieth in seconds.
        parts: The parts along the way, from the source on.
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
    """A proven cause of old or lost samples, and what to do.

    Attributes:
        kind: The rule that found it, as the page of `why` lists them.
        subject: A node, a reader, or "parent->child".
        text: One or two sentences with figures. The subject may be the subject of the first.
        remedy: What to do.
        evidence: The numbers of the rule: times in seconds, shares from 0 to 1.
    """

    kind: FindingKind
    subject: str
    text: str
    remedy: str
    evidence: Mapping[str, float]

    def __str__(self) -> str:
        """The finding as the page shows it."""
        return f"{self.subject}: {self.text} {self.remedy}".rstrip()


@dataclass(frozen=True, slots=True)
class Why(ShownAsText):
    """The answer of `Pipeline.why()`. The text has all of it in sentences: `print(pipeline.why())`.

    Attributes:
        findings: The causes that were proven, the worst first.
        ages: The ages of the samples of each reader and sink.
        is_running: Whether the pipeline runs. Findings need that, except for silent nodes.
        watched_for: Seconds for which causes have been looked for.
        needed: Seconds until the first cause can be proven; 0: it could be now, so without findings nothing
            is wrong, apart from what is below ``unsettled``.
        unsettled: The names of the sources that have, or have just had, an outage, and of the nodes and
            readers below a change of the graph. A node below these alone is not judged for ten seconds.
        text: The answer as lines of text.
    """

    findings: tuple[Finding, ...]
    ages: tuple[Age, ...]
    is_running: bool
    watched_for: float
    needed: float
    unsettled: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        """The text."""
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
    """Makes a Why of the engine's."""
    return Why(
        tuple(map(_finding, why.findings)),
        tuple(map(_age, why.ages)),
        why.is_running,
        why.watched_for,
        why.needed,
        tuple(why.unsettled),
        why.text,
    )
