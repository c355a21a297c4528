"""A program's reader of a detached fleet: a thread brings results from the controller."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from freshframe import FreshframeError

from ..._read.reader import FleetReader
from ..._read.results import Result, Results
from .channel import LONGEST_PULL, MOST_RESULTS, Channel

_TIMEOUT = 30.0  # seconds for an answer
_SHORTEST_LOOK = 0.002  # seconds between two looks whether the program has taken its results; doubles
_LONGEST_LOOK = 0.05
_FOREVER = float("inf")
_MOST_NAMES = 4000  # names of cameras that have given results


class RemoteReader(FleetReader):
    """Reads as any FleetReader, and acknowledges a result once the program has been given it."""

    # Note [Acknowledgements]
    # The controller numbers its results (serials). A result that comes a second time, since a connection
    # was lost or the controller has restarted, is known by its key and thrown away. A serial is acknowledged
    # when everything that had arrived up to then was delivered: _marks has (how many were accepted, serial).

    def __init__(
        self, channel: Channel, output: str, name: str | None, on_close: Callable[[Results], None]
    ) -> None:
        """Begins to read.

        Raises:
            FreshframeError: As the controller says.
        """
        self._camera_names: OrderedDict[int, str] = OrderedDict()  # the camera of the newest result is last
        self.results = Results(0, output, name)
        super().__init__(self.results, self._camera_name, on_close)
        self.key = secrets.token_hex(12)
        self._channel = channel
        self._incarnation = ""
        self._serial = 0  # serial number of the latest result
        self._acknowledged = 0
        self._accepted = 0
        self._delivered_before = 0  # to earlier programs that had a reader of this name
        self._marks: deque[tuple[int, int]] = deque()
        self._mark_lock = threading.Lock()
        self._opened = threading.Event()
        self._refusal: BaseException | None = None
        self._thread = threading.Thread(target=self._feed, name=f"reader of {output}", daemon=True)
        try:
            self._thread.start()
            while not self._opened.wait(0.1):
                pass
        except BaseException:  # Ctrl-C: the caller does not get this reader
            self.results.closed = True
            self._channel.close()
            raise
        if self._refusal is not None:
            raise self._refusal

    # ---- its thread

    def _feed(self) -> None:
        try:
            self._open(patience=_TIMEOUT)
        except BaseException as error:
            self._refusal = error
            self._channel.close()
            return
        finally:
            self._opened.set()
        try:
            while not self.results.closed and self._pull():
                pass
        except FreshframeError as error:
            self._fail(str(error))
        except BaseException as error:  # any kind of error: get() would wait forever
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            self._channel.close()

    def _fail(self, why: str) -> None:
        self.results.finish(failure=None if self.results.closed else why)

    def _open(self, patience: float = _FOREVER) -> None:
        incarnation, serial, delivered = self._channel.ask(
            "open",
            self.key,
            self.output,
            self.name,
            self._incarnation != "",
            timeout=_TIMEOUT,
            patience=patience,
        )
        if self._incarnation == "":
            self._delivered_before = delivered
        if incarnation != self._incarnation:
            with self._mark_lock:
                self._incarnation = incarnation
                self._serial = self._acknowledged = serial
                self._marks.clear()

    def _pull(self) -> bool:
        """Acknowledges and fetches. Returns False after the last result."""
        if not self._channel.is_open:
            self._open()
        incarnation, serial, delivered = self._wait_until_given()
        most = MOST_RESULTS if self.results.has_room else 0
        wait = LONGEST_PULL if serial == self._serial else 0.0
        try:
            (end, names, first, heads), data = self._channel.ask(
                "pull",
                self.key,
                incarnation,
                serial,
                delivered,
                most,
                wait,
                timeout=_TIMEOUT,
                patience=0,
                again=False,
            )
        except FreshframeError:
            if self._channel.is_open:
                raise
            self._open()  # the connection was lost: the results on their way come again
            return True
        self._note_names(names)
        self._take(first, heads, data)
        if end is not None:
            self.results.finish(*end)
        return end is None

    def _camera_name(self, camera: int) -> str:
        return self._camera_names.get(camera, f"unknown camera {camera}")

    def _note_names(self, names: dict[int, str]) -> None:
        """Keeps the names of the cameras that gave the latest results, and of all whose results wait."""
        for camera, name in names.items():  # the program's thread looks names up meanwhile
            self._camera_names[camera] = name
            self._camera_names.move_to_end(camera)
        if len(self._camera_names) <= _MOST_NAMES:
            return
        used = self.results.cameras() | names.keys()
        spare = len(self._camera_names) - _MOST_NAMES // 2
        old = [camera for camera in itertools.islice(self._camera_names, spare) if camera not in used]
        for camera in old:
            del self._camera_names[camera]
        self.results.forget(old)

    def _wait_until_given(self) -> tuple[str, int, int]:
        """The acknowledgement: of everything, if the program takes it at once."""
        look = _SHORTEST_LOOK
        while True:
            acknowledgement = self.acknowledgement()
            if acknowledgement[1] == self._serial or look > _LONGEST_LOOK or self.results.closed:
                return acknowledgement
            time.sleep(look)
            look *= 2

    def _take(self, first: int, heads: list[tuple[Any, ...]], data: memoryview) -> None:
        with self.results.changed:
            if self.results.closed and self.name is not None:
                return
            begin = end = 0
            for serial, head in enumerate(heads, first):
                camera, epoch, seq, part, pts, captured, missing, ordinal, size = head
                begin, end = end, end + size
                if serial <= self._serial:
                    continue
                knows = self.results.counters.knows(camera, epoch)
                own = self.results.counters.receive(camera, epoch, ordinal)
                if own >= 0:
                    self._accepted += 1
                    missing = own if knows else missing
                    result = Result(
                        camera, epoch, seq, part, pts, captured, missing, ordinal, data[begin:end]
                    )
                    self.results.items.append(result)
                self._serial = serial
                self._marks.append((self._accepted, serial))
            self.results.wake()

    def _failure_text(self, failure: str) -> str:
        return f"the reader of {self.output!r} has ended: {failure}"

    def close(self) -> None:
        """Ends the reading. The rest of a named reader waits for the next one of its name. Idempotent."""
        self._is_over = self.name is not None
        super().close()
        self._channel.close()

    def forget_in_child(self) -> None:
        """In a forked child: its copy would keep the connection open."""
        self._channel.forget_in_child()

    def acknowledgement(self) -> tuple[str, int, int]:
        """The incarnation, and the serial up to which the program has been given everything.

        Last, how many results programs have been given by this reader, under all controllers.
        """
        with self.results.changed, self._mark_lock:  # no result arrives meanwhile, for any thread that asks
            # The order matters: results only leave meanwhile, so this may count one too many as not given.
            left = len(self.results.items) + len(self._back)
            gathering = self._gathering
            if gathering is not None:
                left += len(gathering) + 1
            ready = self._ready
            left += ready is not None and not (self.results.items and self.results.items[0] is ready[0])
            given = self._accepted - left
            while self._marks and self._marks[0][0] <= given:
                self._acknowledged = self._marks.popleft()[1]
            return self._incarnation, self._acknowledged, self._delivered_before + max(0, given)
