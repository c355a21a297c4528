"""Pipeline: add nodes, create readers, start, wait, stop."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import _check, _native
from .._errors import FreshframeError, NodeError, OptionTypeError, SourceError
from .._graph import wiring
from .._graph.graph import Graph
from .._interpreter import exit_hooks, log
from . import life, observation, signatures, unstarted
from .changes import Changes, WorkerPlans
from .run_by_with import RunByWith
from .runners import Runners
from .signatures import with_overloads

if TYPE_CHECKING:
    from .._graph.batch import Batch
    from .._graph.join import Join
    from .._graph.port import Port
    from .._graph.queue import Queue
    from .._look.dashboard import Dashboard
    from .._look.stats import Progress, Report, Stats
    from .._look.why import Why
    from .._media.look import Look
    from .._native import Reader
    from .._process.process import Process
    from .signatures import OnError


class Pipeline(RunByWith):
    """A graph of nodes, each on its own thread. Runs once.

    Args:
        name: Name for messages.
        stall_timeout: Seconds without progress after which run() and wait() raise StalledError; None: never.
        max_held_bytes: Bytes of frame memory that Python may hold outside the engine; reading another sample
            then raises FramesHeldError.
        max_device_bytes: Limit in bytes for frames in GPU memory. Default: a quarter of the free memory.
        keep_running: Do not end when the last source ends, and allow a start without sources. run() and
            wait() then only return after stop().

    ``with pipeline:`` and ``async with pipeline:`` start it and stop it at the end. Thread-safe. add(),
    reader(), connect(), disconnect(), remove() and replace() change the graph while it runs, the first four
    also before start().

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> camera = pipeline.add(ff.open("demo:circles?frames=30"))
        >>> circles = pipeline.reader(pipeline.add(ff.CircleTracker(), camera))
        >>> with pipeline:
        ...     for sample in circles:
        ...         last = sample.seq
        >>> last
        29
    """

    if not TYPE_CHECKING:  # otherwise type checkers would accept a loop
        __iter__ = _check.not_iterable("loop over pipeline.reader(port), where port is what add() returned")

    def __init__(
        self,
        name: str = "pipeline",
        *,
        stall_timeout: float | None = 5.0,
        max_held_bytes: float = 1 << 30,
        max_device_bytes: float | None = None,
        keep_running: bool = False,
    ) -> None:
        self.name = wiring.pipeline_name(name)
        if stall_timeout is not None:
            stall_timeout = _check.number("stall_timeout", stall_timeout)
        life.forget_ended()
        limits = wiring.max_held_bytes(max_held_bytes), wiring.max_device_bytes(max_device_bytes)
        self._engine = _native.Engine(name, stall_timeout, *limits, _check.flag("keep_running", keep_running))
        self._engine.call_at_end(life.forget_ended)
        self._graph = Graph(self._engine)
        self._worker_plans = WorkerPlans()
        self._runners = Runners(self._engine)
        self._changes = Changes(self._engine, self._graph, self._runners, self._worker_plans)
        unstarted.note(self)
        if keep_running:
            observation.prepare()

    # ---- building

    @with_overloads(signatures.add)
    def add(  # noqa: PLR0913  (options after the subject, by name)
        self,
        node: Any,
        parent: Any = None,
        *,
        name: str | None = None,
        queue: Queue | None = None,
        on_error: OnError = "stop",
        max_age: float | None = None,
        max_rate: float | None = None,
        every: int = 1,
        process: bool | Process = False,
        batch: Batch | None = None,
        as_source: str | None = None,
        join: Join | None = None,
    ) -> Port[Any]:
        """Adds a source, a node or a function to the graph.

        Args:
            node: A Source, a Node, or a callable that maps a value to a result (None emits nothing).
            parent: The port whose samples it gets, or a list of ports (a merge: takes from them in turn;
                connect() can add more). If samples come from several sources, the queue's depth is per
                source. A merge without parents, ``[]``, is live and stays until remove() or stop().
            name: Default: the name of the class or function, with ``_2``, ``_3`` appended if taken.
            queue: Default: LATEST (for recorders RECORDING) with live sources, LOSSLESS with files. It blocks
                directly downstream of a generator, so that no results of a sample are lost.
            on_error: "skip" continues after an exception and counts the sample as ``error``. "remove" removes
                the node and all nodes downstream that get samples only through it. Its earlier results are
                processed, the rest continues, and ``report.failures`` has the reason. If open() fails at the
                start, the pipeline always ends.
            max_age: Samples older than this many seconds when their turn comes are dropped as ``stale``. Only
                with live sources.
            max_rate: Maximum samples per second and source, evenly spaced by `captured` (with files by
                `pts`). Others are dropped as ``rate``.
            every: With 5, passes the first and then every fifth sample of each source, counted before the
                queue. Others are dropped as ``rate``. Not with a join.
            process: True: runs a copy of the node in a worker process. A Process sets the number of workers
                and their time and memory limits.
            batch: The node's ``process_batch(samples)`` gets up to ``batch.size`` samples per call; a
                function gets a list of values and returns a list of results. The default queue with files is
                then at least as deep as the batch.
            as_source: Name of the stream that a node with on_tick() or finish() creates. Default: the node's
                name.
            join: The node gets sets of matching samples, one per parent; a function gets their values as
                arguments, in the order of the parents. See Join for the default queue. Pass a tuple of two to
                four ports to have types checked.

        Raises:
            GraphError: The node cannot be connected like this.
            OptionError: An option is out of range.
            OptionTypeError: An argument is of the wrong type, or the node cannot be sent to another process.
            StateError: The pipeline has ended or was stopped.
            SourceError: The source could not be opened (while the pipeline runs).
            NodeError: The node's open() failed (while the pipeline runs).

        While the pipeline runs, add() opens the node, connects it and returns; this may take as long as a
        source's ``open_timeout``. A live source starts reading immediately. After an exception the graph is
        unchanged. GIL: released while waiting.
        """
        return self._changes.add(
            node,
            parent,
            name=name,
            queue=queue,
            on_error=on_error,
            max_age=max_age,
            max_rate=max_rate,
            every=every,
            process=process,
            batch=batch,
            as_source=as_source,
            join=join,
        )

    def connect(
        self,
        child: Port[Any],
        parent: Port[Any],
        *,
        queue: Queue | None = None,
        max_age: float | None = None,
        max_rate: float | None = None,
        every: int = 1,
    ) -> None:
        """Adds a parent to a node that was added with a list of parents. Before start() or while running.

        The node receives the parent's samples from the next one on.

        Args:
            child: The port of the node, such as a detector for all cameras that was added with ``[]``.
            parent: The port whose samples it receives.
            queue: As in add().
            max_age: As in add().
            max_rate: As in add().
            every: As in add().

        Raises:
            GraphError: The node was not added with a list, takes another type, is already connected, is
                upstream of the parent, or would receive several sources although it only supports one.
            StateError: One of the nodes was removed, the child has ended with its other parents, or the
                pipeline has ended.
        """
        self._changes.connect(child, parent, queue, max_age, max_rate, every)

    def disconnect(self, child: Port[Any], parent: Port[Any]) -> None:
        """Removes an edge that connect(), or add() with a list of parents, has created.

        Its queued samples are dropped as ``removed``. The node stays, even without parents.

        Raises:
            GraphError: There is no such edge, or the node was not added with a list.
            StateError: One of the nodes was removed, or the pipeline has ended.
        """
        self._changes.disconnect(child, parent)

    def set_max_wait(self, port: Port[Any], max_wait: float) -> None:
        """Changes ``max_wait`` of a node that was added with ``batch=``, from its next batch on.

        Args:
            port: The port of a node that was added with ``batch=``.
            max_wait: Seconds, as for Batch.

        Raises:
            GraphError: The node was added without ``batch=``, or belongs to another pipeline.
            OptionError: ``max_wait`` is negative or not finite.
            OptionTypeError: ``max_wait`` is not a number.
            StateError: The node was removed, or the pipeline has ended.
        """
        self._changes.set_max_wait(port, max_wait)

    def replace(self, port: Port[Any], node: Any, *, timeout: float | None = 5.0) -> None:
        """Replaces a running node, for example with a new model or another camera URL.

        The new node opens while the old one keeps running. Once the old node's current call has returned, the
        new node takes over its edges, name and counters. The old one is closed without finish(), and its
        state is not transferred. Lossless edges lose nothing, and nodes downstream notice no difference. The
        ``pts`` and ``seq`` of a source continue, as after a reconnection; ``seq`` includes the frames skipped
        by ``start=`` of a file. A network camera counts as open before its first keyframe.

        Args:
            port: The port of the node to replace; its ``node`` is the new one afterwards.
            node: The replacement, of the same kind (a native node or source, or a Python Node or function)
                and with the same input and output types. Recorders, Python sources and nodes in worker
                processes cannot be replaced: use remove() and add().
            timeout: Seconds to wait for the old node's current call after the new one has opened; None: no
                limit.

        Raises:
            GraphError: The nodes are of different kinds, or the new one is already in a pipeline.
            StateError: The node was removed, has ended or is being replaced, or the pipeline is not running.
            NodeError: open() of a native node failed, and the old one continues; or close() of the old one
                failed.
            SourceError: The new source could not be opened, and the old one continues. Only one attempt is
                made, even if the source reconnects otherwise.
            StopTimeoutError: The old node is still in a call after ``timeout`` seconds, and continues. An old
                source ends after the call, and the new one then replaces it.

        For Python nodes, open() of the new and close() of the old one run on the calling thread, and their
        exceptions are passed through. Native nodes open and close on their own threads. If the old node is
        blocked by a full queue downstream, which the caller itself may have to empty, replace() returns, and
        the new node takes over when there is space. The same applies on a node's own thread. In both cases
        the old node is closed later, and an exception of its close() is logged. A Python node that was
        replaced or rejected may be added again. After an exception of a signal handler, such as that of
        Ctrl-C, it waits up to 5 s for the new native node to close; a second one ends this wait, and the
        first is raised.
        GIL: released while waiting.
        """
        self._changes.replace(port, node, _check.timeout(timeout))

    def remove(self, port: Port[Any], *, drain: bool = False, timeout: float | None = 5.0) -> Stats | None:
        """Removes a node from a running pipeline, and all nodes downstream that get samples only through it.

        A join is removed with any of its parents; with ``partial=True``, with its first one. A source is
        closed, and a camera's ``packets`` are removed, too. Recorders downstream write their queued samples
        and close their files; other queued samples are dropped as ``removed``. Nodes that were added with a
        list of parents stay, as do readers, whose stream ends with their last parent. The names may then be
        reused; a new source of the same name is a different source for trackers.

        Args:
            port: The port of the node. To remove a reader, call its close().
            drain: End the sources, and return when all nodes downstream, including merges, have processed
                their samples.
            timeout: Seconds, or None for no limit.

        Returns:
            The final statistics of all removed nodes and edges. None for a node that was removed before, and
            on a node's own thread, where removal is only requested.

        Raises:
            GraphError: The port belongs to another pipeline.
            NodeError: A node failed while it closed.
            StateError: The pipeline is not running.
            StopTimeoutError: Nodes are still busy after ``timeout`` seconds; they are removed when they
                finish.
        GIL: released while waiting.
        """
        return self._changes.remove(port, _check.flag("drain", drain), _check.timeout(timeout))

    @with_overloads(signatures.reader)
    def reader(
        self,
        ports: Any,
        /,
        *,
        queue: Queue | None = None,
        name: str | None = None,
        frames: bool = True,
        join: Join | None = None,
        max_rate: float | None = None,
    ) -> Reader[Any]:
        """Creates a reader, through which the program reads samples.

        Args:
            ports: The port to read, or a list of ports, which have a queue each and are read in turn. Pass a
                tuple of two to four ports to have types checked.
            queue: Default: LATEST with live sources, LOSSLESS with files and directly downstream of a
                generator.
            name: Default "reader".
            frames: False: samples have no frame, so that keeping results does not keep frames in memory.
            join: The reader returns sets of matching samples: ``sample.value`` is the tuple of their values,
                and ``sample.members`` has the samples. The default queue is as for add().
            max_rate: As for add(). Not with a join.

        Raises:
            GraphError: The ports cannot be read like this.
            OptionError: An option is out of range.
            OptionTypeError: An argument is of the wrong type.
            StateError: The pipeline has ended or was stopped.

        While the pipeline runs, a new reader starts with the next sample.
        """
        return self._changes.reader(
            ports, queue=queue, name=name, frames=frames, join=join, max_rate=max_rate
        )

    # ---- life

    def start(self) -> None:
        """Opens all nodes and sources, then starts the flow of samples. ``with pipeline:`` also stops it.

        Raises:
            GraphError: The graph cannot run.
            StateError: The pipeline was started or stopped before.
            SourceError: A source could not be opened.
            NodeError: A node's open() failed.
        GIL: released while waiting.
        """
        launched = False

        def start_outside() -> None:
            nonlocal launched
            launched = True
            life.keep(life.Running(self.name, self._engine, self.stop))
            self._runners.start(self._graph, self._worker_plans.definitions)

        try:
            self._engine.start(start_outside)
        except BaseException as error:  # even from a signal handler, at any point
            if launched or not isinstance(error, FreshframeError):  # another start() may have launched it
                self._stop_quietly()
            raise
        self._runners.start_beside(self._graph)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the pipeline has ended.

        Args:
            timeout: Seconds; None means no limit.

        Returns:
            True if it has ended, False on timeout.

        Raises:
            NodeError: A node failed.
            SourceError: A source was lost.
            StalledError: The pipeline is stuck because nobody reads from a full blocking edge.
        GIL: released while waiting.
        """
        limit = _check.timeout(timeout)
        try:
            if not self._engine.wait(limit):
                return False
        except KeyboardInterrupt as interrupt:  # stop cleanly first
            self._stop_quietly()
            raise exit_hooks.without_traceback(interrupt) from None
        except BaseException as error:
            log.drain()
            life.forget_ended()
            if isinstance(error, (NodeError, SourceError)):  # after other errors it continues to run
                self._graph.end_run(lambda: False)
            raise
        self._join_threads()
        return True

    def run(
        self, *, progress: bool | Callable[[Progress], None] = False, progress_every: float = 0.5
    ) -> Report:
        """Starts the pipeline if necessary, and waits until all samples are processed and all nodes closed.

        Args:
            progress: True: shows a progress bar in the terminal. A callable is called with a Progress.
            progress_every: Seconds between updates.

        Raises:
            NodeError: A node failed.
            SourceError: A source could not be opened or was lost.
            StalledError: The pipeline is stuck because nobody reads from a full blocking edge.
            StateError: run() was called before, or is called on a node's own thread.
            KeyboardInterrupt: Ctrl-C was pressed; the pipeline has stopped and closed its files. If uncaught,
                the program exits with status 130 and without a traceback.
        GIL: released while waiting; held for ``progress``.
        """
        _check.progress(progress, progress_every)
        unstarted.warn_of_blocking_run()
        self._begin_run()
        try:
            if not self._engine.started:
                self.start()
            if progress is False:
                self.wait()
            else:
                observation.wait_with_progress(self._engine, self.wait, progress, progress_every)
        except BaseException:
            self._stop_quietly()
            self._graph.end_run(lambda: False)
            raise
        finally:
            self._was_left = True
        self._runners.join_beside()
        return observation.report(self._engine)

    def stop(self, timeout: float | None = 5.0) -> None:
        """Stops the pipeline and waits until its threads have ended. Idempotent and thread-safe.

        On a node's own thread it only requests the stop. Never raises NodeError. ``timeout=None``: no limit.

        Raises:
            StopTimeoutError: Nodes are still busy after ``timeout`` seconds; ``nodes`` names them.
        GIL: released while waiting.
        """
        limit, self._was_left = _check.timeout(timeout), True
        if self._engine.stop(limit):
            self._join_threads()
            life.forget_stopped()

    @staticmethod
    def stop_all(timeout: float | None = 5.0) -> None:
        """Stops all running pipelines of this process, for example before a notebook cell is executed again.

        Raises:
            StopTimeoutError: Nodes are still busy after ``timeout`` seconds in total; ``nodes`` names them.
        GIL: released while waiting.
        """
        life.stop_all(_check.timeout(timeout))

    def _join_threads(self) -> None:
        self._runners.join()
        log.drain()
        observation.end_run(self._engine, self._graph, is_reported=self._has_run)

    # ---- observation

    def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        view: Port[Any] | Sequence[Port[Any]] | None = None,
        token: str | None = None,
        away_after: float | None = 30.0,
        look: Look | Sequence[Look] = (),
        looks_per_minute: float = 30.0,
        origins: str | Sequence[str] = (),
    ) -> Dashboard:
        """Serves a live dashboard of this pipeline, before, while or after it runs.

        Native threads serve it without the GIL, so it responds even while Python is blocked. It ends with
        close(), when the pipeline is garbage collected, or with the program. Until then serve() without
        arguments returns it again.

        Args:
            host: Address to listen on. All except "127.0.0.1", "::1" and "localhost" need a token.
            port: TCP port; 0 means a free one.
            view: Ports to offer as live video; their samples must have a frame. The page shows the first one.
                None: all that are known to emit frames. Each one may hold one more frame in memory.
            token: 16 to 256 characters of ``a-z A-Z 0-9 - _``. None: a random one if ``host`` requires one.
            away_after: Seconds without a connection after which /healthz fails for a source; None: never.
            look: Looks from which a client with the token may request frames: ``/api/look/NAME.jpg``.
            looks_per_minute: Maximum number of such requests per minute and client, 0.1 to 6000. At most four
                are served at a time.
            origins: Origins of other web pages that may show the live video, or of proxies for this server,
                such as ``"https://my.site"``; ``"*"``: all origins; requires a token.

        Returns:
            The dashboard; its ``url`` includes the token if there is one.

        Raises:
            OptionError: An argument is out of range.
            OptionTypeError: An argument is of the wrong type.
            StateError: The pipeline is already served, with other arguments.
            FreshframeError: The port is in use or not permitted.
        """
        wanted = (host, port, view, token, away_after, look, looks_per_minute, origins)
        return observation.serve(self._engine, *wanted)

    def stats(self) -> Stats:
        """Returns a snapshot of the statistics. Does not block the pipeline; also works after stop()."""
        return observation.stats(self._engine)

    def why(self) -> Why:
        """Explains latency and drops: where samples spent their time, and proven causes with remedies.

        The ages cover the samples that readers and sinks received in the last ten seconds. Causes are
        determined four times per second on a native thread, while a dashboard is served or from the first
        call of this method on. A cause is reported once it was proven in two successive windows of five
        seconds; the first ten seconds of a run, after a change of the graph and after an outage do not count.
        So call it again after 20 seconds, or serve the pipeline. Only a dashboard considers the stalls of a
        watch (`freshframe.gil.watch()`).

        Returns:
            The explanation; ``print(pipeline.why())`` shows it in sentences. ``ages`` is empty without
            samples.

        GIL: released while the records are evaluated.

        Example:
            >>> import freshframe as ff
            >>> pipeline = ff.Pipeline()
            >>> camera = pipeline.add(ff.open("demo:circles?fps=50&frames=20"), name="camera")
            >>> reader = pipeline.reader(camera, name="reader")
            >>> with pipeline:
            ...     samples = [sample for sample in reader]
            >>> [age] = pipeline.why().ages
            >>> age.consumer, age.samples == len(samples), age.mean > 0
            ('reader', True, True)
        """
        return observation.why(self._engine)

    def __str__(self) -> str:
        """Returns the graph as text, one edge per line with its policy and counts."""
        return repr(self) if self._engine.forked else self._engine.describe().rstrip("\n")

    def __repr__(self) -> str:
        return f"<Pipeline {self.name!r}, {life.describe_state(self._engine)}>"

    def _repr_html_(self) -> str:
        """Returns the graph as an HTML drawing, for notebooks."""
        return observation.html(self.name, self._engine)

    def __reduce__(self) -> Any:
        """Raises: a pipeline cannot be pickled, because of its threads."""
        raise OptionTypeError("a Pipeline cannot be pickled: build it in the process that runs it")


def find_engine(pipeline: Pipeline) -> _native.Engine:
    """Returns the engine of a pipeline, for other modules of this package."""
    return pipeline._engine


def is_live(pipeline: Pipeline) -> bool:
    """Returns True if all sources of the pipeline are live."""
    return pipeline._graph.live
