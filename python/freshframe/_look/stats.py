"""Statistics of a pipeline: snapshots of its counters."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .._graph.join import JoinBy
from .._graph.queue import Queue
from .._interpreter import fork
from .sender_stats import SenderStats
from .shown import ShownAsText

NodeState = Literal["opening", "waiting", "working", "blocked", "waiting_gil", "ended", "failed"]
DropCause = Literal[
    "queue_full", "no_waiter", "skipped", "stale", "unmatched", "late", "no_clock", "stop", "removed", "rate"
]
NodeDropCause = Literal[
    "device", "decode", "pool", "error", "worker", "stop", "repeated", "lost", "not_decoded", "sender"
]
WorkerState = Literal["starting", "idle", "working", "resting", "closing", "ended"]
SourceState = Literal[
    "connecting",
    "resolving",
    "waiting_keyframe",
    "reading",
    "stalled",
    "backing_off",
    "waiting_sender",
    "closing",
    "closed",
]
PublishState = Literal["waiting_keyframe", "connecting", "publishing", "backing_off", "closed"]
FrozenKind = Literal["frozen", "loop", "flat"]


@dataclass(frozen=True, slots=True)
class ClockStats:
    """The clock of a network camera, from its RTCP sender reports. `Sample.utc` uses it.

    Attributes:
        offset: The camera's time minus this machine's in seconds, corrected for the transmission delay. The
            dashboard reports an offset of more than a second.
        drift_ppm: Drift of the camera's clock relative to its RTP timestamps, in parts per million.
        residual: The largest deviation of a report from the line fitted to all of them, in seconds.
        reports: Number of reports of the last minute used for the fit.
        steps: Number of times that the camera's clock was changed, over all connections.
    """

    offset: float
    drift_ppm: float
    residual: float
    reports: int
    steps: int


@dataclass(frozen=True, slots=True)
class SourceStats:
    """The state and counters of a video source's connection.

    An outage starts at the last packet, or at the first attempt to open the source. It ends with the next
    frame.

    Attributes:
        state: The state of the source: "connecting" (opening the connection, device or file), "resolving"
            (looking up the server's name), "waiting_keyframe", "reading", "stalled" (connected, but no data
            has arrived for a while), "backing_off" (waiting before the next attempt), "waiting_sender" (no
            browser sends the camera of a ``browser:`` source), "closing", "closed" (also before start()).
        outages: Number of times without a connection, including the current one.
        away_for: Seconds of the current outage so far; 0.0 while connected.
        away_total: Seconds of all outages in total.
        reconnects: Outages that ended.
        stalls: Number of times without data on an open connection, whether or not they became outages.
        size_changes: Number of changes of the frames' size.
        decoder_frames: Frames that the decoder was still buffering when it returned the last frame.
        behind: Delay in seconds that has built up: how much later frames of the last two seconds arrived,
            relative to their timestamps, than the fastest ones of the last ten minutes. None for a stream
            without timestamps. For a file with ``realtime=True``, seconds by which its last frame was late.
        pace: Seconds of the camera's timestamps per real second: 1.0 unless arrival times have shown that the
            timestamps run slower or faster. ``age``, ``captured`` and ``utc`` then follow the arrival times,
            ``pts`` the timestamps.
        clock: The camera's clock from its RTCP sender reports; None before the first one, and for sources
            without them.
        packets: RTP packets received. This and the next three are only counted by freshframe's own RTSP
            client.
        packets_lost: RTP packets that never arrived.
        packets_late: RTP packets that arrived too late to be used. Also counted in ``packets``.
        jitter: Mean deviation of the intervals between packets, in seconds (RFC 3550).
        marker_faults: Number of RTP marker bits on packets that were not the last of their frame.
        damaged: Frames, and packets of frames that were not decoded, delivered with ``damaged`` set.
        undecoded: Frames not decoded because no node needed decoded frames, only packets or nothing. They are
            not samples: ``processed`` and ``rate`` do not count them.
        last_error: The reason for the latest outage, with passwords masked; None if there was none.
        frozen: "frozen": the image does not change. "loop": the same images repeat. "flat": the image has no
            contrast. None, and the next four are 0, unless this has lasted for ``open(frozen_after=)``.
        frozen_for: Seconds for which this has lasted, up to the newest keyframe.
        frozen_period: Period of the loop in seconds.
        frozen_frames: Number of keyframes in that time.
        frozen_contents: Number of different images among them. If equal to ``frozen_frames``, only parts of
            the image repeated, so a freeze is likely but not proven.
        settings: The exposure, gain, focus and white_balance of a camera, if the program has set them: a
            number or "auto", as read back from the driver.
        settings_reason: Why some of them could not be restored after an outage; None if all were.
        decoder: Where a file or network stream is decoded: "cpu", or a GPU such as "cuda:0". None before the
            first frame and for other sources.
        decoder_reason: Why the CPU is used despite ``open(decoder="auto")``; None otherwise.
        decoder_changes: How often decoding moved from a GPU to the CPU or back.
        downloads: Frames copied from GPU to host memory: all, unless ``open(on_device=True)`` was given.
        card_wait: Seconds for which decoding has waited for a GPU.
        sender: The browser that sends the camera of a ``browser:`` source; None before the first one, and for
            other sources.
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
    sender: SenderStats | None = None


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """One worker process of a node with ``process=``.

    Attributes:
        pid: Its process ID; None while it is waiting to be started, or has ended.
        state: Its current state.
        processed: Number of samples that it and its predecessors have finished.
        restarts: How often the process died and was replaced.
        rss_bytes: Its resident memory in bytes, including shared frames that it has read.
        cpu: CPU time of this process in seconds.
    """

    pid: int | None
    state: WorkerState
    processed: int
    restarts: int
    rss_bytes: int
    cpu: float


@dataclass(frozen=True, slots=True)
class InferenceStats:
    """How a node runs its model.

    Attributes:
        provider: The execution provider in use: "cpu", "cuda", "openvino" or another.
        threads: Number of CPU threads.
        runs: Number of runs of the model. One run may process several images.
        duration_p50: Median seconds per run, without pre- and postprocessing.
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
        waiting: Number of results on disk that were not sent yet.
        size_bytes: Bytes of the results on disk.
        oldest_age: Seconds since the oldest result of the current batch arrived; 0 if there is nothing to
            send.
        sending_for: Seconds for which the current call of `send` has been running; 0 if there is none.
        sent: Results for which `send` has returned. This counter and the following ones are for this run.
        refused: Results that were set aside because `send` raised RefusedError.
        expired: Results that were deleted before they were sent: older than ``max_age``, or to make room for
            newer ones.
        lost: Results that could not be read from disk, did not fit into memory while the disk did not
            respond, or were refused and did not fit into `refused.1.jsonl`.
        errors: Calls of `send` that raised another exception.
        last_error: Class and message of the latest exception; None if there was none.
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
    """The connection of a Publish, and the frames that it has sent.

    Attributes:
        state: "waiting_keyframe", "connecting", "publishing", "backing_off" or "closed".
        connections: Number of connections that were established.
        sent: Encoded frames that were sent.
        dropped_away: Frames that were not sent because there was no connection, or no keyframe since it was
            established.
        dropped_slow: Frames that were not sent because the link was too slow: they, or a frame that they
            depend on, had waited longer than ``max_wait``.
        last_error: Why the last connection failed or was lost; None if that has not happened.
    """

    state: PublishState
    connections: int
    sent: int
    dropped_away: int
    dropped_slow: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class JoinStats:
    """The sets of a node with ``join=``. Quantiles cover the same period as NodeStats.duration_p50.

    The samples of each parent are counted by its edge: ``passed_in`` is the sum of the samples in a set
    (``delivered``), in no set (``unmatched`` and ``late``), dropped for other reasons, and waiting.

    Attributes:
        by: The time that it compares: "captured", "pts", "seq" or "utc".
        sets: Complete sets.
        partial: Sets with a missing sample; only with ``partial=True``.
        unmatched: Samples that found no partners, by parent.
        late: Samples that arrived after their set was delivered or dropped, by parent. Increase ``max_wait``
            to include them.
        spread_p50: Median of the seconds between the earliest and the latest time of a set.
        spread_p99: 99th percentile of the same.
        wait_p50: Median of the seconds from the arrival of a set's first sample to the set.
        wait_p99: 99th percentile of the same.
        nearest: For each parent except the first: how many seconds (with "seq": numbers) its nearest sample
            was later than that of the reference, as a median over the latest reference samples. Negative:
            earlier. None until it has sent a sample. Shows clocks that differ.
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
        state: The current state of its thread.
        processed: Number of samples that it has finished.
        rate: Samples per second, over the last second; over the whole run once it has ended.
        busy: Fraction of the run that it spent working, 0 to 1; with ``process=``, the mean of its workers.
            For a source, the CPU time of its thread.
        duration_p50: Median seconds per sample: over the last ten seconds while the pipeline runs, over the
            whole run after its end and in a Report. 0 without samples. For a source it is the time between
            frames, including waiting for the device or a full queue.
        duration_p99: 99th percentile of the same.
        gil_wait: Seconds in total that a Python node waited for the GIL, before and within its calls.
        gil_hold: Seconds in total that it held the GIL, computing or waiting. Time in which a function such
            as zlib.compress releases the GIL does not count. Both are sampled for calls of more than 20 µs,
            about a hundred times per second: accurate to 0.1 over a few seconds. If the interpreter's GIL
            state cannot be read, gil_hold is the CPU time of such calls, and gil_wait excludes waits within
            calls.
        errors: Number of exceptions.
        ticks: Number of calls of on_tick().
        ticks_missed: Number of calls that were skipped because the node was busy when they were due.
        dropped: Frames that were dropped before they reached an edge: the sum of ``drops``.
        lost: Dropped frames, without those that an option told the decoder to skip.
        drops: Dropped frames by cause; only causes that occurred.
        source: The connection of a video source; None for every other node.
        last_error: Class and message of the latest exception; None if there was none.
        in_flight: Samples that a node with ``process=`` has taken and neither finished nor dropped yet. In
            every snapshot, ``processed + dropped + in_flight`` is the number of samples that its edges have
            delivered; for removed edges, see ``Stats.removed``.
        workers: The worker processes of a node with ``process=``.
        batches: For a node with ``batch=``: number of calls by batch size. duration_p50 and duration_p99 are
            then per call.
        inference: For an OnnxDetector or OnnxModel: the provider and run times of its model. None for every
            other node.
        spool: The results that a Spool keeps on disk; None for every other node.
        join: The sets of a node with ``join=``. None for every other node.
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
        dropped: The sum of ``drops``.
        lost: Dropped samples that the queue should have kept. LATEST and NEXT drop by design and lose none.
        events_lost: Dropped samples whose events (such as crossings) could not be passed on with a later
            sample, because more than 10,000 were pending, or because of a stop.
        age_p50: Median seconds from capture to the consumer, over the same period as NodeStats.duration_p50.
        age_p99: 99th percentile of the same.
        drops: Dropped samples by cause; only causes that occurred.
        source_count: Number of sources whose samples can pass the edge: it holds at most ``queue.depth *
            source_count`` samples.
        of: The source that the edge is limited to by ``port.of(source)``; None means no limit.
        max_rate: Maximum samples per second and source; None means no limit.
        every: Every n-th sample of each source passes; 1 means all do.
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
    every: int = 1


@dataclass(frozen=True, slots=True)
class GilCulprit:
    """A function that held the GIL for too long, and its stalls. Reported by freshframe.gil.watch().

    Attributes:
        native: ``library:symbol`` or ``module:name`` of the native function; None for Python code.
        python: ``file:line:function`` of the Python code that called it, or was running.
        count: Number of stalls.
        total: Total duration of the stalls in seconds.
        max: Duration of the longest in seconds.
        p50: Median duration of the latest 1000 in seconds.
        program: GilStall.program of the longest stall.
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
        wait: Seconds in total that Python nodes waited for it.
        hold: Seconds in total that they held it.
        stalls: Number of times that other threads waited for the GIL for longer than the threshold of the
            active freshframe.gil.watch(); None when no watch is active.
        stalled_total: Total duration of those stalls in seconds.
        culprits: The functions that caused them, the worst first, at most five.
        enabled: Whether the GIL is enabled; False on free-threaded Python. ``wait`` is then the duration of
            the garbage collector's pauses, and ``hold`` the time that the nodes were running.
        enabled_by: On free-threaded Python with the GIL enabled: the module that enabled it, then others that
            need it; "unknown" if the module is not known.
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
    """The engine's frame memory.

    Attributes:
        bound: Maximum number of frames that the engine may hold at a time.
        in_use: Frames that it currently holds.
        allocated: Buffers allocated by this process.
        reused: Requests served from the pool.
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
        node_count: Number of nodes that were removed.
        samples: Samples that the sources among them delivered.
        processed: Samples that the other nodes finished.
        errors: Exceptions.
        edge_count: Number of edges removed by remove() and disconnect().
        passed_in: Samples offered to these edges.
        delivered: Samples that their consumers took.
        dropped: Samples that they dropped.
        drops: Dropped samples by cause.
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
    """The nodes' statistics by name. An unknown name raises a KeyError that lists the known ones."""

    def __missing__(self, name: object) -> NodeStats:
        """Raises KeyError."""
        known = f"; the nodes are {', '.join(map(repr, self))}" if self else ": the pipeline has no nodes"
        raise KeyError(f"no node {name!r}{known}")


@dataclass(frozen=True, slots=True)
class Stats(ShownAsText):
    """A snapshot of a pipeline.

    Attributes:
        nodes: Statistics of the nodes by name.
        edges: Statistics of the edges, in the order in which they were added.
        gil: Sums over the Python nodes, and the findings of an active GIL watch.
        elapsed: Seconds from start() until now or the end.
        held_bytes: Bytes of frame memory held only outside the engine.
        device_bytes: Bytes of frames in GPU memory.
        pool: The engine's frame memory.
        removed: Sums over nodes and edges that were removed while it ran.
    """

    nodes: dict[str, NodeStats]
    edges: list[EdgeStats]
    gil: GilStats
    elapsed: float
    held_bytes: int
    device_bytes: int
    pool: PoolStats
    removed: RemovedStats

    if not TYPE_CHECKING:  # otherwise type checkers would accept them

        def __getitem__(self, name: object) -> Any:
            raise TypeError(
                f"{type(self).__name__!r} object is not subscriptable: write stats.nodes[{name!r}]"
            )

    def __str__(self) -> str:
        """Returns a line for each node and each edge, then the last errors."""
        with fork.explaining(), fork.loading():
            from .stats_text import stats_text  # noqa: PLC0415  (only programs that print need it)

        return stats_text(self)


@dataclass(frozen=True, slots=True)
class Report(Stats):
    """The result of a run.

    Attributes:
        complete: True if every source reached its end, no sample was dropped, and every node closed without
            error. False after stop(), also with live sources. ``losses`` has the reasons.
        samples: Samples that sources delivered.
        failures: The reasons of the last 100 nodes that were removed because they failed
            (``on_error="remove"``).
        silent: A sentence for each Python node that received samples but never gave a result, although it has
            consumers: maybe a ``return`` is missing.
    """

    complete: bool
    samples: int
    failures: tuple[str, ...]
    silent: tuple[str, ...] = ()

    @property
    def losses(self) -> tuple[str, ...]:
        """Why the run is not complete: a sentence for each edge and node that lost samples or failed."""
        with fork.explaining(), fork.loading():
            from .stats_text import losses  # noqa: PLC0415  (most runs are complete)

        return losses(self)

    def __str__(self) -> str:
        """Returns the outcome, then a line for each node and each edge."""
        with fork.explaining(), fork.loading():
            from .stats_text import report_text  # noqa: PLC0415  (only programs that print need it)

        return report_text(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a run, passed to ``run(progress=)``.

    Attributes:
        samples: Samples that sources delivered so far.
        total: Their total number, if the sources know it.
        elapsed: Seconds since the start of the run.
        rate: Samples per second since the previous report.
        dropped: Samples dropped on all edges.
        remaining: Estimated seconds left; None if ``total`` is unknown.
    """

    samples: int
    total: int | None
    elapsed: float
    rate: float
    dropped: int
    remaining: float | None
