"""Statistics of a pipeline: snapshots of the engine's counters."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .._graph.join import JoinBy
from .._graph.queue import Queue
from .._interpreter import fork
from .shown import ShownAsText

NodeState = Literal["opening", "waiting", "working", "blocked", "waiting_gil", "ended", "failed"]
DropCause = Literal[
    "queue_full", "no_waiter", "skipped", "stale", "unmatched", "late", "no_clock", "stop", "removed", "rate"
]
NodeDropCause = Literal[
    "device", "decode", "pool", "error", "worker", "stop", "repeated", "lost", "not_decoded"
]
WorkerState = Literal["starting", "idle", "working", "resting", "closing", "ended"]
SourceState = Literal[
    "connecting", "resolving", "waiting_keyframe", "reading", "stalled", "backing_off", "closing", "closed"
]
PublishState = Literal["waiting_keyframe", "connecting", "publishing", "backing_off", "closed"]
FrozenKind = Literal["frozen", "loop", "flat"]


@dataclass(frozen=True, slots=True)
class ClockStats:
    """The clock of a network camera, by its sender reports (RTCP): the one of `Sample.utc`.

    Attributes:
        offset: The camera's time minus this machine's in seconds, less the time for which pictures are on
            their way. A camera that is more than a second off is named on the dashboard.
        drift_ppm: Drift of the camera's clock against its stream's own time, in parts per million.
        residual: The largest distance of a report from the line through all of them, in seconds.
        reports: Number of reports of the last minute that the line goes through.
        steps: Number of times that the camera's clock was set, over all connections.
    """

    offset: float
    drift_ppm: float
    residual: float
    reports: int
    steps: int


@dataclass(frozen=True, slots=True)
class SourceStats:
    """The state and the counters of a video source's connection.

    An outage begins with the last packet, or with the first attempt to open. It ends with the next frame.

    Attributes:
        state: The state of the source: "connecting" (opening the connection, device or file),
            "resolving" (looking up the server's name), "waiting_keyframe", "reading", "stalled" (connected,
            but no data has arrived for a while), "backing_off" (waits before it tries again), "closing",
            "closed" (also before start()).
        outages: Times without a connection, the present one included.
        away_for: Seconds of the present one so far; 0.0 while the source is connected.
        away_total: Seconds of all of them together.
        reconnects: Outages that ended.
        stalls: Times without data on an open connection, whether or not they became outages.
        size_changes: Number of changes of the frames' size.
        decoder_frames: Frames that the decoder held back when it returned the last frame.
        behind: Seconds by which frames arrive later than the earliest ones of the last ten minutes did, by
            the stream's own times, over the last two seconds. None for a stream without times. For a
            file with ``realtime=True``, seconds by which its last frame was late.
        pace: Stamped seconds per second: 1.0 unless the arrivals have shown that the camera's timestamps run
            slower or faster than time. ``age``, ``captured`` and ``utc`` then follow the arrivals, and
            ``pts`` the timestamps.
        clock: The camera's clock by its sender reports; None before the first one, and for sources without
            any.
        packets: Packets of RTP that have come. This and the next three are of RTSP that freshframe reads.
        packets_lost: Packets that have not come.
        packets_late: Packets that came after the wait for them had ended. They are among ``packets``, too.
        jitter: Mean deviation of the intervals between packets, in seconds (RFC 3550).
        marker_faults: How often RTP's marker was on a packet that did not end its picture.
        damaged: Pictures that were delivered with the mark ``damaged``: frames, and packets of pictures that
            were not decoded.
        undecoded: Pictures that came while nothing took the frames, and were not decoded: the camera was
            recorded or shown, or neither. They are no samples: ``processed`` and ``rate`` do not count them.
        last_error: The reason for the latest outage; None if there was none. Passwords are masked.
        frozen: "frozen": the source shows one picture. "loop": the same ones again and again. "flat": one
            without contrast. None if none of these has lasted for ``open(frozen_after=)``, and the next four
            are 0.
        frozen_for: Seconds for which it has lasted, up to the newest keyframe.
        frozen_period: Seconds of a loop.
        frozen_frames: Keyframes in this time.
        frozen_contents: Different ones of these. As many as pictures: parts of the picture have come again,
            never the whole, so it is likely and not proven.
        settings: The exposure, gain, focus and white_balance of a camera, if the program has set them: a
            number or "auto", read from the driver after each was set.
        settings_reason: Why the camera, back after an outage, runs without some of them; None if it has all.
        decoder: Where the pictures of a file or a network stream are decoded: "cpu", or a card such as
            "cuda:0". None before the first picture, and for other sources.
        decoder_reason: Why the CPU decodes although ``open(decoder="auto")`` was given; None if it does
            not.
        decoder_changes: How often decoding moved from a card to the CPU, or back.
        downloads: Pictures that were copied from a card into the host's memory: all of them, unless
            ``open(on_device=True)`` was given.
        card_wait: Seconds for which decoding has waited for a card.
    """

    state: SourceState
    outages: int
    away_for: float
    away_total: float
    reconnects: int
    stalls: int
    size_changes: int
    decoder_frames: int
    behind: float | None
    clock: ClockStats | None
    packets: int
    packets_lost: int
    packets_late: int
    jitter: float
    marker_faults: int
    damaged: int
    undecoded: int
    last_error: str | None
    frozen: FrozenKind | None = None
    frozen_for: float = 0.0
    frozen_period: float = 0.0
    frozen_frames: int = 0
    frozen_contents: int = 0
    settings: dict[str, int | Literal["auto"]] = field(default_factory=dict)
    settings_reason: str | None = None
    decoder: str | None = None
    decoder_reason: str | None = None
    decoder_changes: int = 0
    downloads: int = 0
    card_wait: float = 0.0
    pace: float = 1.0


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """One worker process of a node with ``process=``.

    Attributes:
        pid: Its process id; None while it has no process: it waits for its next start, or has ended.
        state: Its present state.
        processed: Samples that it and its predecessors have finished.
        restarts: How often a new process has replaced a process that had died.
        rss_bytes: Its resident memory in bytes, including the shared pictures that it has read.
        cpu: Seconds of processor time of this process.
    """

    pid: int | None
    state: WorkerState
    processed: int
    restarts: int
    rss_bytes: int
    cpu: float


@dataclass(frozen=True, slots=True)
class InferenceStats:
    """How a node computes a neural network.

    Attributes:
        provider: The provider that computes: "cpu", "cuda" or "openvino".
        threads: Threads that compute on the CPU.
        runs: Number of runs of the network. One run may compute several pictures.
        duration_p50: Median seconds per run, without the work before and after it.
        duration_p99: 99th percentile of it.
    """

    provider: str
    threads: int
    runs: int
    duration_p50: float
    duration_p99: float


@dataclass(frozen=True, slots=True)
class SpoolStats:
    """The results that a Spool keeps on disk, and how it sends them.

    Attributes:
        waiting: Results on disk that were not sent.
        size_bytes: Bytes of the results on disk.
        oldest_age: Seconds since the oldest result of the present batch came; 0 when nothing is to be sent.
        sending_for: Seconds for which the present call of `send` has run; 0 when none runs.
        sent: Results for which `send` has returned, in this run as all that follow.
        refused: Results that were put aside because `send` has raised RefusedError.
        expired: Results that were older than ``max_age``, or made room for newer ones, before they were sent.
        lost: Results that were on disk and could not be read, found no room in memory while the disk did not
            respond, or were refused and found no room in `refused.1.jsonl`.
        errors: Calls of `send` that have raised another exception.
        last_error: Class and message of the latest one; None if there was none.
    """

    waiting: int
    size_bytes: int
    oldest_age: float
    sending_for: float
    sent: int
    refused: int
    expired: int
    lost: int
    errors: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class PublishStats:
    """The connection of a Publish, and the pictures that it has sent.

    Attributes:
        state: "waiting_keyframe", "connecting", "publishing", "backing_off" or "closed".
        connections: That were made.
        sent: Encoded pictures that were sent.
        dropped_away: Pictures that were not sent because there was no connection, or no keyframe since it was
            made.
        dropped_slow: Pictures that were not sent because the link was too slow: they had waited longer than
            ``max_wait``, or a picture that they need had.
        last_error: Why the last connection could not be made, or was lost; None if that has not happened.
    """

    state: PublishState
    connections: int
    sent: int
    dropped_away: int
    dropped_slow: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class JoinStats:
    """The sets of a node with ``join=``. Quantiles are over the time of NodeStats.duration_p50.

    The samples of each parent are counted by its edge: ``passed_in`` is the sum of the samples in a set
    (``delivered``), in no set (``unmatched`` and ``late``), of the other drops and of the waiting ones.

    Attributes:
        by: The time that it compares: "captured", "pts", "seq" or "utc".
        sets: Complete sets.
        partial: Sets that lacked a sample; only with ``partial=True``.
        unmatched: Samples that found no partners, by parent.
        late: Samples whose set had been given up before they came, by parent. A longer ``max_wait`` would
            have had them.
        spread_p50: Median of the seconds between the earliest and the latest time of a set.
        spread_p99: 99th percentile of the same.
        wait_p50: Median of the seconds from the arrival of a set's first sample to the set.
        wait_p99: 99th percentile of the same.
        nearest: Of each parent but the first: median of how many seconds (with "seq": numbers) later than
            the reference's sample its nearest one was, over the latest reference samples. Negative: earlier.
            None as long as it has sent nothing. Clocks that differ show here.
        reason: Why there has been no complete set for ten seconds or more; None otherwise.
    """

    by: JoinBy
    sets: int
    partial: int
    unmatched: dict[str, int]
    late: dict[str, int]
    spread_p50: float
    spread_p99: float
    wait_p50: float
    wait_p99: float
    nearest: dict[str, float | None]
    reason: str | None


@dataclass(frozen=True, slots=True)
class NodeStats:
    """One node.

    Attributes:
        state: The present state of its thread.
        processed: Samples that it has finished.
        rate: Samples per second, over the last second; over the whole run once it has ended.
        busy: Share of the run that it spent working, 0 to 1; with ``process=`` the mean of its workers. For a
            source it is the processor time of its thread.
        duration_p50: Median seconds per sample: over the last ten seconds while the pipeline runs, over the
            whole run after its end and in a Report. 0 when there was none. For a source it is from frame to
            frame: the wait for the device, or for a full queue, is part of it.
        duration_p99: 99th percentile of the same.
        gil_wait: Seconds in total that a Python node waited for the GIL, before and within its calls.
        gil_hold: Seconds in total that it held the GIL, computing or waiting. The time in which a function
            such as zlib.compress works without the GIL does not count. Both are sampled for calls of more
            than 20 µs, about a hundred times a second: within 0.1 of the truth over a few seconds. Where the
            interpreter's record of the GIL cannot be read, gil_hold is the processor time of such calls, and
            gil_wait has no waits within calls.
        errors: Exceptions.
        ticks: Calls of on_tick().
        ticks_missed: Calls that were left out because the node was busy when they came due.
        dropped: Frames that reached no edge: the sum of drops.
        lost: Dropped frames that somebody wanted. The decoder was not asked to leave them out.
        drops: By cause; only causes that occurred.
        source: The connection of a video source; None for every other node.
        last_error: Class and message of the latest exception; None if there was none.
        in_flight: Samples that a node with ``process=`` has taken and neither finished nor dropped. For such
            a node ``processed + dropped + in_flight`` is the number that its edges have delivered, in every
            snapshot. The counts of edges that have gone since are in ``Stats.removed``.
        workers: The worker processes of a node with ``process=``.
        batches: For a node with ``batch=``: the number of calls by their number of samples. duration_p50 and
            duration_p99 are then seconds per call.
        inference: For an OnnxDetector or OnnxModel: the provider and the times of its neural network. None
            for every other node.
        spool: The results that a Spool keeps on disk; None for every other node.
        join: Of a node with ``join=``: its sets. None for every other node.
        publish: The connection of a Publish, and what it has sent; None for every other node.
    """

    state: NodeState
    processed: int
    rate: float
    busy: float
    duration_p50: float
    duration_p99: float
    gil_wait: float
    gil_hold: float
    errors: int
    dropped: int
    lost: int
    drops: dict[NodeDropCause, int]
    source: SourceStats | None = None
    last_error: str | None = None
    in_flight: int = 0
    workers: tuple[WorkerStats, ...] = ()
    batches: dict[int, int] = field(default_factory=dict)
    inference: InferenceStats | None = None
    ticks: int = 0
    ticks_missed: int = 0
    spool: SpoolStats | None = None
    join: JoinStats | None = None
    publish: PublishStats | None = None


@dataclass(frozen=True, slots=True)
class EdgeStats:
    """One edge. ``passed_in == delivered + dropped + waiting`` in every snapshot.

    Attributes:
        parent: The node that offers samples.
        child: The node or reader that takes them.
        queue: The policy chosen at start(), applied per source that can reach the edge.
        passed_in: Samples offered.
        delivered: Samples taken by the consumer.
        waiting: Samples in the queue.
        dropped: The sum of drops.
        lost: Dropped samples that the queue was to keep. LATEST and NEXT lose none.
        events_lost: Dropped samples with events that no later sample took along, because more than 10,000
            waited, or because a stop had no time for them.
        age_p50: Median seconds from capture to the consumer, over the time of NodeStats.duration_p50.
        age_p99: 99th percentile of the same.
        drops: By cause; only causes that happened.
        source_count: Number of sources that can reach the edge: at most ``queue.depth * source_count``
            samples wait.
        of: The source that the edge is limited to by ``port.of(source)``; None means no limit.
        max_rate: Samples per second that may pass, of each source; None means no limit.
    """

    parent: str
    child: str
    queue: Queue
    passed_in: int
    delivered: int
    waiting: int
    dropped: int
    lost: int
    events_lost: int
    age_p50: float
    age_p99: float
    drops: dict[DropCause, int]
    source_count: int = 1
    of: str | None = None
    max_rate: float | None = None


@dataclass(frozen=True, slots=True)
class GilCulprit:
    """A function that held the GIL for too long, and its stalls; from a watch (freshframe.gil).

    Attributes:
        native: ``library:symbol`` or ``module:name`` of the native function; None for bytecode.
        python: ``file:line:function`` that called it, or ran.
        count: Stalls.
        total: Their seconds.
        max: Seconds of the longest.
        p50: Median of their seconds; of the latest 1000.
        program: As GilStall.program, of the longest stall.
    """

    native: str | None
    python: str | None
    count: int
    total: float
    max: float
    p50: float
    program: str | None = None


@dataclass(frozen=True, slots=True)
class GilStats:
    """The GIL in this pipeline.

    Attributes:
        wait: Seconds in total that its Python nodes waited for it.
        hold: Seconds in total that they computed with it.
        stalls: Number of times that other threads waited for the GIL for longer than the threshold of the
            active freshframe.gil.watch(); None when no watch is active.
        stalled_total: Seconds of those stalls.
        culprits: The functions that caused them, the worst first, at most five.
        enabled: Whether there is a GIL now: False on a free-threaded Python. There ``wait`` is the time of
            the garbage collector's pauses, and ``hold`` the time that the nodes computed.
        enabled_by: On a free-threaded Python whose GIL is on: the module that switched it on, then others
            that need it; "unknown" if the module is not known.
    """

    wait: float
    hold: float
    stalls: int | None = None
    stalled_total: float = 0.0
    culprits: tuple[GilCulprit, ...] = ()
    enabled: bool = True
    enabled_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolStats:
    """Picture memory.

    Attributes:
        bound: Frames that the engine may hold at once.
        in_use: Frames that it holds now.
        allocated: Buffers taken from the system by this process.
        reused: Requests served from idle buffers.
        idle_bytes: Bytes kept for reuse.
    """

    bound: int
    in_use: int
    allocated: int
    reused: int
    idle_bytes: int


@dataclass(frozen=True, slots=True)
class RemovedStats:
    """The sums of what was removed from a running pipeline, so that totals never fall.

    Attributes:
        node_count: Nodes that were removed.
        samples: Samples that the sources among them delivered.
        processed: Samples that the other nodes finished.
        errors: Exceptions.
        edge_count: Edges that went, by remove() and disconnect().
        passed_in: Samples that came to them.
        delivered: Samples that their consumers took.
        dropped: Samples that they dropped.
        drops: The same by cause.
        node_drops: Frames lost in the nodes, by cause.
    """

    node_count: int
    samples: int
    processed: int
    errors: int
    edge_count: int
    passed_in: int
    delivered: int
    dropped: int
    drops: dict[str, int]
    node_drops: dict[str, int]


class Nodes(dict[str, NodeStats]):
    """The nodes' statistics by name. A name that is not there is an error with the names that are."""

    def __missing__(self, name: object) -> NodeStats:
        """Raises KeyError."""
        raise KeyError(f"no node {name!r}; the nodes are {', '.join(map(repr, self)) or 'none'}")


@dataclass(frozen=True, slots=True)
class Stats(ShownAsText):
    """A snapshot of a pipeline.

    Attributes:
        nodes: By name.
        edges: In the order of building.
        gil: Sums over the Python nodes, and the findings of an active GIL watch.
        elapsed: Seconds since start(), until the end.
        held_bytes: Picture memory held only outside the engine.
        device_bytes: Memory of pictures that stay on graphics cards.
        pool: Picture memory of the engine.
        removed: The sums of what was removed while it ran.
    """

    nodes: dict[str, NodeStats]
    edges: list[EdgeStats]
    gil: GilStats
    elapsed: float
    held_bytes: int
    device_bytes: int
    pool: PoolStats
    removed: RemovedStats

    def __str__(self) -> str:
        """A line for each node and each edge."""
        with fork.explaining(), fork.loading():
            from .stats_text import stats_text  # noqa: PLC0415  (only programs that print need it)

        return stats_text(self)


@dataclass(frozen=True, slots=True)
class Report(Stats):
    """The result of a run.

    Attributes:
        complete: Every source reached its end, no sample was dropped, and every node closed without error.
            False after a stop(), also of a live source. ``losses`` has the reasons.
        samples: Samples that sources delivered.
        failures: The reasons of the last 100 nodes that were removed because they failed
            (``on_error="remove"``).
        silent: A sentence for each node in Python that took samples and gave none, although others wait for
            its results: perhaps it lacks a ``return``.
    """

    complete: bool
    samples: int
    failures: tuple[str, ...]
    silent: tuple[str, ...] = ()

    @property
    def losses(self) -> tuple[str, ...]:
        """Why it is not complete: a sentence for each edge and each node that lost samples, or failed."""
        with fork.explaining(), fork.loading():
            from .stats_text import losses  # noqa: PLC0415  (most runs are complete)

        return losses(self)

    def __str__(self) -> str:
        """The outcome, then a line for each node and each edge."""
        with fork.explaining(), fork.loading():
            from .stats_text import report_text  # noqa: PLC0415  (only programs that print need it)

        return report_text(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """A tick of run(progress=).

    Attributes:
        samples: Samples that sources delivered so far.
        total: Their total number, if the sources know it.
        elapsed: Seconds.
        rate: Samples per second since the tick before.
        dropped: Samples dropped on all edges.
        remaining: Seconds to go, when total is known.
    """

    samples: int
    total: int | None
    elapsed: float
    rate: float
    dropped: int
    remaining: float | None
