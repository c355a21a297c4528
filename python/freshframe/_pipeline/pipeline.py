"""The graph: add nodes, take readers, start, wait, stop."""

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
        name: For messages.
        stall_timeout: Seconds without movement after which run() and wait() raise StalledError; None: never.
        max_held_bytes: Bytes of picture memory that Python may hold outside the engine before reading a
            sample raises FramesHeldError.
        max_device_bytes: Bytes of pictures on graphics cards. The default is a quarter of the free memory.
        keep_running: It does not end with its last source, and may start without any. run() and wait() then
            return after stop() only.

    ``with pipeline:`` and ``async with pipeline:`` start it and, at the end, stop it. Thread-safe. add(),
    reader(), connect(), disconnect(), remove() and replace() change the graph while it runs, the first
    four also before start().

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

    def __init__(
        self,
        name: str = "pipeline",
        *,
        stall_timeout: float | None = 5.0,
        max_held_bytes: float = 1 << 30,
        max_device_bytes: float | None = None,
        keep_running: bool = False,
    ) -> None:
        """Makes an empty graph. No thread runs yet."""
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
        process: bool | Process = False,
        batch: Batch | None = None,
        as_source: str | None = None,
        join: Join | None = None,
    ) -> Port[Any]:
        """Adds a source, a node or a function to the graph.

        Args:
            node: A Source, a Node, or a callable that takes a value and returns one (None emits nothing).
            parent: The port whose samples it gets, or a list (a merge, which takes from them in turn, and to
                which connect() can add more). With samples of several sources a queue holds its depth for
                each source. A merge without parents, ``[]``, is live and stays until remove() or stop().
            name: Default: the class's or function's name; ``_2``, ``_3`` when that is taken.
            queue: Default: LATEST (a recorder: RECORDING) below a live source, LOSSLESS below files. Directly
                below a generator function or method it blocks, so that its results stay together.
            on_error: "skip" continues after an exception and counts the sample as ``error``. "remove" takes
                the node out, with the nodes below it that no source reaches without it. Its earlier results
                are processed, the rest runs on, and ``report.failures`` has the reason. A failure of open()
                at the start ends the pipeline in any case.
            max_age: Seconds; an older sample is dropped as ``stale`` at its turn. Only below live sources.
            max_rate: At most this number of samples per second of each source pass, evenly by `captured`
                (below files by `pts`). The others are dropped as ``rate``.
            process: True: a copy of the node runs in a worker process, on another core. A Process also
                has the number of workers and their limits of time and memory.
            batch: The node's ``process_batch(samples)`` gets up to ``batch.size`` samples per call; a
                function gets a list of values and returns a list of results. The default queue below files is
                then at least as deep as the batch.
            as_source: The name of the stream that a node with on_tick() or finish() begins. Default: the
                node's name.
            join: The node gets a sample of each parent that belong together: a function of as many arguments
                their values, in their order. Join documents the default queue. Type checkers check a
                tuple of two to four ports.

        Raises:
            GraphError: This wiring is not possible.
            OptionError: An option is out of range.
            OptionTypeError: An argument is of the wrong type, or the node cannot go to another process.
            StateError: The pipeline has ended or was stopped.
            SourceError: The source could not be opened (while the pipeline runs).
            NodeError: The node's open() failed (while the pipeline runs).

        While the pipeline runs, add() returns when the node has opened, and then connects it; after an
        exception the graph is as before. A source that cannot wait begins to read at once. It may take as
        long as the source's ``open_timeout``: a service calls it from a thread. GIL: released while waiting.
        """
        return self._changes.add(
            node,
            parent,
            name=name,
            queue=queue,
            on_error=on_error,
            max_age=max_age,
            max_rate=max_rate,
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
    ) -> None:
        """Adds an edge into a node that was added with a list of parents; before start() and while it runs.

        The node gets the parent's samples from the next one on.

        Args:
            child: The port of the node, such as a detector for all cameras that was added with ``[]``.
            parent: The port whose samples go there.
            queue: As in add().
            max_age: As in add().
            max_rate: As in add().

        Raises:
            GraphError: The node was not added with a list, takes another type, gets these samples already, is
                above the parent, or the samples of several sources would come to a node that takes one.
            StateError: One of the nodes was removed, the child has ended with its other parents, or the
                pipeline has ended.
        """
        self._changes.connect(child, parent, queue, max_age, max_rate)

    def disconnect(self, child: Port[Any], parent: Port[Any]) -> None:
        """Takes away an edge that connect(), or add() with a list, has made.

        The waiting samples are dropped as ``removed``. The node stays, even without any edge.

        Raises:
            GraphError: There is no such edge, or the node was not added with a list.
            StateError: One of the nodes was removed, or the pipeline has ended.
        """
        self._changes.disconnect(child, parent)

    def set_max_wait(self, port: Port[Any], max_wait: float) -> None:
        """Changes how long a node with a batch waits for more samples, from its next batch on.

        Args:
            port: The port of a node that was added with ``batch=``.
            max_wait: Seconds, as of Batch.

        Raises:
            GraphError: The node has no batch, or belongs to another pipeline.
            OptionError: It is negative or not finite.
            OptionTypeError: It is not a number.
            StateError: The node was removed, or the pipeline has ended.
        """
        self._changes.set_max_wait(port, max_wait)

    def replace(self, port: Port[Any], node: Any, *, timeout: float | None = 5.0) -> None:
        """Another node takes the place of a running one: a new model, another address of a camera.

        It opens while the old one works. When the old one's call has ended, the new one takes over its edges,
        its name and its counters, and the old one closes, without finish(): what it has gathered stays in the
        old object. Edges that lose nothing lose nothing, and nodes below see no difference. A source goes on
        with its times, as after a reconnection, and with its numbers, which count the frames that a file's
        ``start=`` leaves out. A network camera has opened before its first keyframe comes.

        Args:
            port: The port of the node. The ``node`` of all its ports is the new one afterwards.
            node: A native node, such as a detector or a camera, a Node in Python or a function,
                whichever was there before. It takes and gives the same types. Recorders, sources in Python
                and nodes in worker processes cannot be replaced: remove() them and add() the other.
            timeout: Seconds for the last call of the old node, once the new one has opened, or None.

        Raises:
            GraphError: The two are not alike, or the new one is in a pipeline already.
            StateError: The node was removed, has ended or is being replaced, or the pipeline does not run.
            NodeError: A native node's open() failed, and the old one works on; or the old one's close().
            SourceError: The new source could not be opened, and the old one works on. The first attempt
                counts, also of a source that would try again.
            StopTimeoutError: The old node is still in a call after ``timeout`` seconds, and works on. A
                source ends with the call, and the new one then takes its place.

        open() of a Node in Python runs on the calling thread, as does the other one's close(), and their
        exceptions are raised as they are. Native nodes open and close on their own threads. A node that
        waits for room, because a queue below is full and blocks, may wait for the very caller: replace()
        then returns, and the new node takes over as soon as there is room. On a node's own thread it does
        not wait either. In both cases the old node closes later, and an exception of its close() is logged.
        A Node in Python that was replaced, or refused, may be added again.
        GIL: released while waiting.
        """
        self._changes.replace(port, node, _check.timeout(timeout))

    def remove(self, port: Port[Any], *, drain: bool = False, timeout: float | None = 5.0) -> Stats | None:
        """Ends a node while the pipeline runs, with all nodes below it that no source reaches without it.

        A join goes with any of its parents, one with ``partial=True`` with its first. A source is closed.
        Recorders below it write their waiting samples and close their files; other waiting samples are
        dropped as ``removed``. A node that was added with a list of parents stays, as do the readers, which
        get the end of their stream when their last parent has gone. Then the names are free again, numbers
        never: nothing continues the tracks of what was removed. With a camera goes the port of its packets.

        Args:
            port: The port of the node. A reader leaves by its own close().
            drain: The sources end; it returns when nodes below, also merges, have taken all that was sent.
            timeout: Seconds, or None for no limit.

        Returns:
            The last statistics of all nodes and edges that went. None for a node that was removed before,
            and on a node's own thread, where it only asks.

        Raises:
            GraphError: It belongs to another pipeline.
            NodeError: A node failed while it closed.
            StateError: The pipeline does not run.
            StopTimeoutError: Nodes are still busy after ``timeout`` seconds; the others end by themselves.
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
        """Makes a reader: a consumer outside the graph that pulls.

        Args:
            ports: The port to read, or a list of ports. Several have a queue each, and the reader takes from
                them in turn. Type checkers keep the types of a tuple of two to four ports.
            queue: Default: LATEST below a live source, LOSSLESS below files and directly below a generator.
            name: Default "reader".
            frames: False: samples come without their frame, so that keeping results keeps no pictures.
            join: The reader gives sets of samples that belong together: ``sample.value`` is the tuple of
                their values, and ``sample.members`` has the samples. The default queue is as for add().
            max_rate: As for add(). Not with a join.

        Raises:
            GraphError: This wiring is not possible.
            OptionError: An option is out of range.
            OptionTypeError: An argument is of the wrong type.
            StateError: The pipeline has ended or was stopped.

        While the pipeline runs, a reader begins with the next sample.
        """
        return self._changes.reader(
            ports, queue=queue, name=name, frames=frames, join=join, max_rate=max_rate
        )

    # ---- life

    def start(self) -> None:
        """Opens every node and source, then lets samples flow. ``with pipeline:`` also stops it at the end.

        Raises:
            GraphError: The graph cannot run.
            StateError: It was started or stopped before.
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
            True when it has ended.

        Raises:
            NodeError: A node failed.
            SourceError: A source was lost.
            StalledError: Nothing moves because a full blocking edge is not read.
        GIL: released while waiting.
        """
        limit = _check.timeout(timeout)
        try:
            if not self._engine.wait(limit):
                return False
        except KeyboardInterrupt as interrupt:  # a clean stop first
            self._stop_quietly()
            raise exit_hooks.without_traceback(interrupt) from None
        except BaseException as error:
            log.drain()
            life.forget_ended()
            if isinstance(error, (NodeError, SourceError)):  # after others it goes on
                self._graph.end_run(lambda: False)
            raise
        self._join_threads()
        return True

    def run(
        self, *, progress: bool | Callable[[Progress], None] = False, progress_every: float = 0.5
    ) -> Report:
        """Starts the pipeline unless it runs, and waits until all samples are processed and all nodes closed.

        Args:
            progress: True: a bar in the terminal. A callable gets a Progress.
            progress_every: Seconds between two calls of it.

        Raises:
            NodeError: A node failed.
            SourceError: A source could not be opened or was lost.
            StalledError: Nothing moves because a full blocking edge is not read.
            StateError: run() was called before, or is called on a node's own thread.
            KeyboardInterrupt: Ctrl-C. The pipeline has stopped and closed its files. Uncaught it ends the
                program with status 130, without a traceback.
        GIL: released while waiting; held for ``progress``.
        """
        _check.progress(progress, progress_every)
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
        """Stops the pipeline and waits until its threads have ended. Idempotent, from any thread.

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
        """Stops all running pipelines of this process, as in a notebook before a cell runs again.

        Raises:
            StopTimeoutError: Nodes are still busy after ``timeout`` seconds for all; ``nodes`` names them.
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
        """Serves a live dashboard of this pipeline; before, while or after it runs.

        Native threads serve it without the GIL, so it answers while Python is frozen. It ends with close(),
        this pipeline's collection, or the program. Until then serve() without arguments returns it again.

        Args:
            host: Address to listen on. All but "127.0.0.1", "::1" and "localhost" need a token.
            port: TCP port; 0 means a free one.
            view: Ports that can be viewed; their samples must have a frame. The page shows the first one.
                None means all that are known to emit frames. Each raises the engine's most frames by one.
            token: 16 to 256 letters of ``a-z A-Z 0-9 - _``. None means a random one, where ``host`` needs
                one.
            away_after: Seconds without a connection after which /healthz fails for a source; None: never.
            look: Looks that a client with the token may ask: ``/api/look/NAME.jpg``, with their names.
            looks_per_minute: Such questions per minute and client, .1 to 6000. Four are answered at a time.
            origins: Other servers whose pages may show live video, or that are proxies for this one, such as
                ``"https://my.site"``; ``"*"``: all pages, which needs a token.

        Returns:
            The dashboard; its ``url`` includes the token if there is one.

        Raises:
            OptionError: An argument is out of range.
            OptionTypeError: An argument is of the wrong type.
            StateError: The pipeline is already served, with other arguments.
            FreshframeError: The port is taken or not permitted.
        """
        wanted = (host, port, view, token, away_after, look, looks_per_minute, origins)
        return observation.serve(self._engine, *wanted)

    def stats(self) -> Stats:
        """A snapshot; never blocks the pipeline, works after stop()."""
        return observation.stats(self._engine)

    def why(self) -> Why:
        """Why samples are old or lost: the parts of their age, and proven causes with a remedy.

        The ages cover the samples that readers and sinks got in the last ten seconds. Causes are
        looked for by a dashboard, or else from the first call of this method on, four times per second on a
        native thread. A cause is shown when two successive windows of five seconds have proven it, and no
        window counts in the first ten seconds of a run, after a change of the graph or after an outage. So
        call it again after 20 seconds, or serve the pipeline. Only a dashboard reads the stalls of a watch
        (`freshframe.gil.watch()`).

        Returns:
            The answer; ``print(pipeline.why())`` shows it in sentences. Without samples it has no ages.

        GIL: released while the records are joined.

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
        """The graph as text, one edge per line with policy and counts."""
        return repr(self) if self._engine.forked else self._engine.describe().rstrip("\n")

    def __repr__(self) -> str:
        """Name and state."""
        return f"<Pipeline {self.name!r}, {life.describe_state(self._engine)}>"

    def _repr_html_(self) -> str:
        """The graph as a drawing, for notebooks."""
        return observation.html(self.name, self._engine)

    def __reduce__(self) -> Any:
        """Refuses: threads cannot be pickled."""
        raise OptionTypeError("a Pipeline cannot be pickled: build it in the process that runs it")


def find_engine(pipeline: Pipeline) -> _native.Engine:
    """Returns the engine of a pipeline. The other rooms of this package use it."""
    return pipeline._engine


def is_live(pipeline: Pipeline) -> bool:
    """Whether none of its sources can wait."""
    return pipeline._graph.live
