"""The controller of a detached fleet: programs come and go, and it may itself be killed and restarted."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from .._control.builds.builds import Pickles
from .._control.controller import Controller
from .._control.loop import boot_time
from .._control.setup import Setup
from .._machines.guarded_place import GuardedPlace
from .._read.results import Results
from .cluster_state import Store
from .server import saved_state
from .server.agents_of_before import AgentsOfBefore
from .server.cluster_kept import ClusterKept, State
from .server.saved_state import KeptReader, KeptState
from .server.served_reader import ServedReader


class DetachedController:
    """A controller that keeps its state in a store, and goes on with the state of an earlier one."""

    def __init__(
        self,
        setup: Setup,
        store: Store,
        place: GuardedPlace,
        *,
        superseded: Callable[[], None] = lambda: os._exit(1),
    ) -> None:
        """Listens for guards and programs. ``superseded`` is called when another controller has taken over.

        Raises:
            FreshframeError: It cannot listen.
            OSError: The store does not answer.
        """
        self.name = setup.name
        self.place = place
        self.kept = ClusterKept(setup.name, store, superseded=superseded)
        self.adoption = AgentsOfBefore(self.kept, place)
        self.readers_of_before: dict[str, ServedReader] = {}  # by the key of their program
        self._served: dict[int, ServedReader] = {}  # by number
        self._keys: dict[str, int] = {}  # numbers of readers, by the key that their program gave them
        place.on_added = self.write_through
        self.controller = Controller(setup, place, self.kept, self.adoption)
        self._parts = self.controller.parts
        self._parts.readers.first_term = self.kept.term
        self._parts.readers.owes = lambda results, agent: self._served[results.number].owes(agent)
        self._parts.readers.came = lambda results, agent: self._served[results.number].note_batch(agent)
        self.kept.start(
            self._snapshot,
            on_written=self.adoption.note_written,
            on_error=lambda: self._parts.notes.log_error("the state of the fleet is not kept"),
        )

    # ---- kept state

    def write_through(self) -> None:
        """Waits until a change of a program is kept, before the program gets its answer.

        Raises:
            StateError: The store does not answer. It is tried again.
        """
        self.kept.wait(self.kept.change())

    def _snapshot(self) -> tuple[State, Mapping[int, Pickles]]:
        parts = self._parts
        with parts.loop.lock:
            state = saved_state.make_state(parts, self.place, self.adoption.intended, self._keys)
            return state, {number: parts.builds.function(number) for number in parts.builds.numbers()}

    def restore(self) -> bool:
        """Goes on with the state of an earlier one, before anybody connects. Returns False without one.

        Raises:
            StateError: The state is in the format of another version, or damaged.
            OSError: The store does not answer.
        """
        before = self.kept.before()
        if before is None:
            return False
        state, functions = before
        now = boot_time()
        kept = saved_state.read(self.name, state, now)
        self.controller.call(lambda: self._restore(kept, functions, now))
        return True

    def _restore(self, kept: KeptState, functions: Mapping[int, Pickles], now: float) -> None:
        saved_state.restore(self._parts, self.place, kept, functions, now)
        self.adoption.restore(kept.runs, now)
        for reader in kept.readers:
            if reader.key is not None or reader.name is not None:  # otherwise its program had just left it
                self._restore_reader(reader)
        self.kept.change()

    def _restore_reader(self, kept: KeptReader) -> None:
        results = self._parts.readers.restore(kept.number, kept.output, kept.name)
        results.counters.restore(kept.closed, kept.ended, kept.refused)
        results.counters.told_is_all = kept.told_is_all
        served = self._serve(results)
        if kept.key is not None:
            self._keys[kept.key] = results.number
            self.readers_of_before[kept.key] = served
        else:
            results.closed = True  # until its program comes back

    # ---- programs

    def _serve(self, results: Results) -> ServedReader:
        if results.number not in self._served:
            self._served[results.number] = ServedReader(results)
        return self._served[results.number]

    def served(self) -> list[ServedReader]:
        """Returns the readers of all programs."""
        return list(self._served.values())

    def open_for(self, key: str, output: str, name: str | None) -> ServedReader:
        """A reader of a program; the key is the program's. To be followed by write_through().

        Raises:
            StateError: As Controller.open_reader().
        """

        def served() -> ServedReader:
            reader = self._serve(self.controller.open_results(output, name))
            self._keys[key] = reader.results.number
            return reader

        return self.controller.call(served)

    def leave(self, key: str, reader: ServedReader) -> None:
        """Forgets a reader whose program has closed it or has gone."""

        def leave() -> None:
            reader.results.close()
            self._keys.pop(key, None)
            if reader.results.name is None:
                self._parts.readers.forget(reader.results)
                self._served.pop(reader.results.number, None)
            self.kept.change()

        self.controller.call(leave)

    def name_of(self, camera: int) -> str:
        """A camera's name, also after its end while a reader has results of it."""
        return self._parts.cameras.name_of(camera)

    def stop(self) -> None:
        """Ends the writing, and leaves nothing in the store."""
        self.kept.stop()

    def close(self) -> None:
        """Stops all cameras and agents. Idempotent."""
        self.controller.close()
