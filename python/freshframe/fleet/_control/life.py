"""The life of a controller: its thread, from the first turn to the end of all agents."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time

from .._messages import End
from .actions import Actions
from .loop import TICK, boot_time
from .parts import Parts

_END_TIMEOUT = 8.0  # seconds that agents have to close their cameras


class Life:
    """Holds the phases of one controller's life."""

    def __init__(self, parts: Parts, actions: Actions) -> None:
        """The thread begins with start()."""
        self._parts = parts
        self._actions = actions
        self._decided = 0.0

    def start(self) -> None:
        """Starts the thread."""
        self._parts.ticked = boot_time()
        self._parts.loop.start(self._run)

    def _run(self) -> None:
        parts = self._parts
        try:
            while not parts.is_closing:
                parts.loop.turn()
                with parts.loop.lock:
                    self._work()
            self._end_agents()
        except BaseException as error:
            parts.failure = f"{type(error).__name__}: {error}"
            parts.notes.log_error(f"the controller of fleet {parts.name!r} failed")
        finally:
            try:
                with parts.loop.lock:
                    self._finish()
            finally:
                parts.loop.ended.set()
                parts.notes.close()

    def _work(self) -> None:
        parts = self._parts
        parts.loop.do_requests()
        now = parts.ticked = boot_time()
        if parts.loop.is_due() or now - self._decided >= TICK:
            self._decided = now
            self._actions.do(parts.decisions.tick(now))
            parts.notes.take()
        parts.readers.pull()
        parts.receipts.send()
        parts.links.flush()
        parts.cpu = time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID)
        parts.readers.announce()

    def close(self) -> None:
        """Stops all cameras and agents. Idempotent."""
        parts = self._parts
        with parts.loop.lock:
            parts.is_closing = True
        parts.loop.wake()
        if not parts.loop.ended.wait(parts.place.patience):
            with parts.loop.lock:
                parts.place.give_up(list(parts.links))
            parts.loop.ended.wait()
        parts.loop.join(1.0)
        parts.place.close()

    def _end_agents(self) -> None:
        parts = self._parts
        with parts.loop.lock:
            parts.place.closing(list(parts.links))
            for link in parts.links:
                parts.links.order(link, End())
        deadline = time.monotonic() + _END_TIMEOUT
        while len(parts.links):
            late = time.monotonic() > deadline
            with parts.loop.lock:
                parts.loop.do_requests()
                parts.readers.pull()
                parts.links.flush()
                parts.readers.announce()
                for link in parts.links:
                    if late or parts.decisions.agents[link.name].state == "ending":
                        link.kill()
            parts.loop.turn()

    def _finish(self) -> None:
        parts = self._parts
        parts.is_closing = True
        parts.links.kill_all()  # after a failure
        parts.readers.finish(parts.failure)
        parts.loop.do_requests()
        parts.notes.take()
        parts.loop.close()
        parts.kept.close()

    def forget_in_child(self) -> None:
        """In a forked child: closes what would keep the agents and the state's lock alive there."""
        parts = self._parts
        parts.links.forget_in_child()
        parts.place.forget_in_child()
        parts.kept.forget_in_child()
        parts.loop.forget_in_child()
