"""The predicted effect of a change of one node: the answer of `Pipeline.what_if()`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import _check, _native
from .._errors import GraphError, OptionTypeError
from .._graph import wiring
from .._graph.batch import Batch
from .._graph.port import Port
from .shown import ShownAsText


@dataclass(frozen=True, slots=True)
class Range:
    """A predicted value: it will be from `low` to `high`.

    A run as long as the records falls into it 19 times of 21, if load and machine stay what they were.

    Attributes:
        low: The least value of 20 draws, with a slack.
        middle: Their median.
        high: The greatest.
    """

    low: float
    middle: float
    high: float

    def __contains__(self, value: float) -> bool:
        """Whether a value lies in it."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Outcome:
    """The predicted effect of a change at one reader or sink.

    Attributes:
        consumer: The name of the reader or sink.
        is_reader: Whether it is a reader. A reader's ages count until samples reach it, whenever it takes
            them.
        rate_now: Samples per second, as recorded.
        age_mean_now: The mean age in seconds, as recorded.
        rate: Samples per second.
        age_mean: The mean age in seconds; None means ages are not known.
        age_p50: The age in seconds that half of the samples do not exceed.
        age_p99: The age in seconds that 99 of 100 do not exceed.
        reason: Why the ages are not known; None if they are.
    """

    consumer: str
    is_reader: bool
    rate_now: float
    age_mean_now: float
    rate: Range | None
    age_mean: Range | None
    age_p50: Range | None
    age_p99: Range | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class WhatIf(ShownAsText):
    """The answer of `Pipeline.what_if()`. The text has all of it: `print(pipeline.what_if(...))`.

    Attributes:
        node: The name of the node.
        change: The change as text, such as "queue=NEXT".
        reason: Why nothing is known; None if something is.
        outcomes: The effect at each reader and sink below the node; none if nothing is known.
        calls: The fewest recorded calls of a node that the answer is made of.
        duration: The length of the records.
        text: The answer as lines of text.
    """

    node: str
    change: str
    reason: str | None
    outcomes: tuple[Outcome, ...]
    calls: int
    duration: float
    text: str

    @property
    def known(self) -> bool:
        """Whether there is a prediction."""
        return self.reason is None

    def __str__(self) -> str:
        """The text."""
        return self.text.rstrip("\n")


def _range(value: _native.Range | None) -> Range | None:
    return None if value is None else Range(value.low, value.middle, value.high)


def _outcome(outcome: _native.Outcome) -> Outcome:
    return Outcome(
        outcome.consumer,
        outcome.is_reader,
        outcome.rate_now,
        outcome.age_mean_now,
        _range(outcome.rate),
        _range(outcome.age_mean),
        _range(outcome.age_p50),
        _range(outcome.age_p99),
        outcome.reason,
    )


def _asked(engine: _native.Engine, node: Any, change: _native.NodeChange) -> WhatIf:
    answer = engine.what_if(node, change)
    return WhatIf(
        answer.node,
        answer.change,
        answer.reason,
        tuple(map(_outcome, answer.outcomes)),
        answer.calls,
        answer.duration,
        answer.text,
    )


def ask(engine: _native.Engine, question: str) -> WhatIf:
    """The answer to a question as text: "detect: queue=NEXT"."""
    asked = _native.Question(question)
    return _asked(engine, asked.node, asked.change)


def what_if(engine: _native.Engine, node: Any, **change: Any) -> WhatIf:
    """Does the work of Pipeline.what_if()."""
    if isinstance(node, Port):
        if node._engine is not engine:
            raise GraphError(f"the port {node.name!r} belongs to another pipeline")
        name = node.name
    else:
        if not isinstance(node, str):
            wanted = "node must be a port that add() returned, or the name of a node"
            raise OptionTypeError(f"{wanted}, got {_check.show(node)}")
        name = _check.text("node", node)
    return _asked(engine, name, _native.NodeChange(**_checked(name, **change)))


def _checked(
    name: str, *, queue: Any, max_age: Any, max_rate: Any, workers: Any, batch: Any, speed: Any, rate: Any
) -> dict[str, Any]:
    if batch is not None and not isinstance(batch, Batch):
        raise OptionTypeError(
            f"batch must be a Batch, such as freshframe.Batch(8), or None; got {_check.show(batch)}"
        )
    numbers = {"max_age": max_age, "max_rate": max_rate, "speed": speed, "rate": rate}
    return {
        "queue": wiring.policy(queue, name),
        "workers": None if workers is None else _check.integer("workers", workers),
        "batch": None if batch is None else batch._policy(),
        **{key: None if value is None else _check.number(key, value) for key, value in numbers.items()},
    }
