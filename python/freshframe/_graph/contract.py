"""The declarations of a node that the package needs in addition to its public methods."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .. import _native


@dataclass(frozen=True, slots=True)
class Marks:
    """What a recorder of results must write to distinguish the samples of a pipeline.

    Attributes:
        damaged: Some samples may be damaged.
        part: Some are one of several results for the same sample.
        source: They may come from several sources.
    """

    damaged: bool = False
    part: bool = False
    source: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Declares the internal properties of a node.

    Node._freshframe_contract() returns it. read_contract.find_contract() adds what a Python node's methods
    show: the five fields from `gives_several` on.

    Attributes:
        label: Name in messages, and default name in a pipeline; "" for the name of the class.
        types: Input and output types of a native node; None if they can be read from its class.
        gives_several: A sample may have several results, so the default queue of its children blocks.
        tick_every: Interval of on_tick() in seconds, or None.
        finishes: It has finish().
        generates: process(), on_tick() or finish() is a generator function, so results may differ only by
            `part`.
        gives_last_of_source: on_tick() is called again after source_gone().
        travels: A native node that can run in a worker process.
        needs_live: Must not be downstream of a file that is read at full speed.
        marks_damage: A source whose samples may be marked as damaged.
        check_parents: Called with the types of the parents. Raises GraphError or OptionError if they do not
            fit.
        prepare_batches: Loads what a native node needs for batches of several samples. Called by add() and
            replace(), so that the first batch does not have to wait.
        follow: Called by replace() with the node that is replaced.
        note_name: Called with the node's name in the pipeline, if its results contain it.
        note_arrivals: Called with the object to ask about samples on their way to the node. Not called in a
            worker process.
        note_arrivals_in_worker: Called in a worker process before on_tick() with the capture time up to which
            everything from each live source has arrived, by its number. See NodeArrivals.until().
        note_live: Called in a node for a worker process with whether all sources are live.
        note_last_tick: Called in a worker process before on_tick() if all sources upstream have ended and
            none can follow.
        note_marks: Called with the marks of the pipeline's samples.
        beside: A function to run on an extra thread while a native node is open.
        when_run_ends: Called after the end of the run with whether it was complete. Returns the path of a
            file that the node discards for that reason, or None.
        spool: Counters of a node that keeps results on disk until they are received.
        must_open: Called before a camera is added for a loop: makes it fail unless its first frame arrives.
        packets: Creates the source of a camera's packets.
        wake: Wakes a camera that only decodes keyframes, for some seconds or until a pts.
        is_part_of: For a Look: whether it belongs to this engine's pipeline.
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
    prepare_batches: Callable[[], None] | None = None
    follow: Callable[[Any], None] | None = None
    note_name: Callable[[str], None] | None = None
    note_arrivals: Callable[[_native.NodeArrivals], None] | None = None
    note_arrivals_in_worker: Callable[[dict[int, float]], None] | None = None
    note_live: Callable[[bool], None] | None = None
    note_last_tick: Callable[[], None] | None = None
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
        """True if it emits results that do not belong to a sample. Recorders of results never do."""
        return self.note_marks is None and (self.finishes or self.tick_every is not None)

    @property
    def is_recorder(self) -> bool:
        """True if replacing the node would cut off what it writes, even without `records_to`."""
        return self.when_run_ends is not None or self.spool is not None


PLAIN = Contract()
