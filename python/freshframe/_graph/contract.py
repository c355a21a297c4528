"""All that the package asks of a node besides its public methods."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .. import _native


@dataclass(frozen=True, slots=True)
class Marks:
    """The distinctions between the samples of a pipeline, which a recorder of results writes.

    Attributes:
        damaged: Some may be damaged.
        part: Some are one of several results of their sample.
        source: They may have several sources.
    """

    damaged: bool = False
    part: bool = False
    source: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """The contract of one node. A new ability is one field here, and its use.

    Node._freshframe_contract() returns it. read_contract.find_contract() adds what the methods of a Python
    node show: the five fields from `gives_several` on.

    Attributes:
        label: Its name in messages, and in a pipeline unless add() gets one; "" means the name of its class.
        types: The input and the output of a native node, or None if its class shows them.
        gives_several: One sample may have several results, so the default queue of its children blocks.
        tick_every: Seconds between two calls of on_tick(), or None.
        finishes: It has finish().
        generates: process(), on_tick() or finish() is a generator function, so its results may have parts.
        gives_last_of_source: on_tick() is called again after source_gone().
        travels: A native node that may go to a worker process.
        needs_live: It may not be below a file that is read at full speed.
        marks_damage: A source whose samples may be damaged.
        check_parents: Gets the types of the parents. Raises GraphError or OptionError if they do not fit.
        note_name: Gets the name in the pipeline, for results that have it.
        note_marks: Gets the marks of the pipeline's samples.
        beside: The body of a thread that runs beside a native node until its close.
        when_run_ends: Gets whether the run was complete, after its end. Returns the path of a file that the
            node therefore does not leave, or None.
        spool: The counters of a node that keeps results on disk until a receiver has them.
        must_open: Makes a camera, which is about to be added for a loop, fail unless its first frame comes.
        packets: Makes the source of a camera's packets.
        wake: Wakes a camera that decodes its keyframes only: for seconds, or until a pts.
        is_part_of: Of a Look: whether it is in the pipeline of this engine.
    """

    label: str = ""
    types: tuple[Any, Any] | None = None
    gives_several: bool = False
    tick_every: float | None = None
    finishes: bool = False
    generates: bool = False
    gives_last_of_source: bool = False
    travels: bool = False
    needs_live: bool = False
    marks_damage: bool = False
    check_parents: Callable[[Sequence[Any]], None] | None = None
    note_name: Callable[[str], None] | None = None
    note_marks: Callable[[Marks], None] | None = None
    beside: Callable[[], None] | None = None
    when_run_ends: Callable[[bool], str | None] | None = None
    spool: _native.SpoolCounters | None = None
    must_open: Callable[[], None] | None = None
    packets: Callable[[], Any] | None = None
    wake: Callable[[float | None, float | None], None] | None = None
    is_part_of: Callable[[_native.Engine], bool] | None = None

    @property
    def has_own_stream(self) -> bool:
        """Whether it gives results that belong to no sample. A recorder of results gives none."""
        return self.note_marks is None and (self.finishes or self.tick_every is not None)

    @property
    def is_recorder(self) -> bool:
        """Whether an exchange of the node would cut what it writes, even if it has no `records_to`."""
        return self.when_run_ends is not None or self.spool is not None


PLAIN = Contract()
