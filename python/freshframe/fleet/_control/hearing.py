"""What follows from the messages of agents: results, renewals of leases and events."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from .. import _wire
from .._messages import Alive, Closed, Counts, CountsKept, Ended, Event, Failed, Hangs, Log, Marked, Started
from .._url import cut
from .actions import Actions
from .agents.link import Link
from .loop import boot_time
from .parts import Parts


class Hearing:
    """By the controller's thread, with its lock."""

    def __init__(self, parts: Parts, actions: Actions) -> None:
        """Makes the hearing of one controller."""
        self._parts = parts
        self._actions = actions

    def take(self, link: Link, message: Any) -> None:
        """A message of an agent."""
        if isinstance(message, _wire.Batch):
            self._parts.readers.take(link, message)
        elif isinstance(message, _wire.Renewal):
            self.renew(link, message, boot_time())
        else:
            self.hear(link, message, boot_time())

    def renew(self, link: Link, message: _wire.Renewal, now: float) -> None:
        """An agent asks for its lease. The message has the records of its cameras and outboxes."""
        parts = self._parts
        parts.readers.end_outboxes(link, message.last)
        adopted = parts.adoption.report(link, message, now)
        if adopted is None:
            parts.place.renewed(link)
            return
        link.note_renewal(message, now)
        starting = parts.decisions.agents[link.name].state == "starting"
        runs = [(int(each["camera"]), int(each["epoch"])) for each in message.cameras] if starting else ()
        if parts.decisions.moves:
            some = message.cameras[message.cameras["results"] > 0]
            parts.decisions.give_results({(int(each["camera"]), int(each["epoch"])) for each in some})
        load, late = link.meter.note_cpu(now, message.cpu), link.meter.lateness.seconds
        parts.decisions.heard(link.name, now, load, runs, late=late)
        self._actions.do(parts.decisions.tick(now))
        parts.place.renewed(link)
        allowed = parts.adoption.answered(parts.decisions.allowed(link.name))
        link.send(_wire.answer(parts.kept.term, message.asked, _wire.runs(allowed)))
        self._actions.do(adopted)

    def hear(self, link: Link, event: Event, now: float) -> None:
        """An event of an agent."""
        parts = self._parts
        decisions, do = parts.decisions, self._actions.do
        decisions.python_ran(link.name, now)
        if parts.adoption.hears(link, event):
            return
        match parts.place.explained(event):
            case Started(run, outputs):
                decisions.started(run, now)
                if parts.builds.learn(link.build_of(run), outputs):
                    parts.readers.check()
            case Failed(run, why):
                do(decisions.failed(run, now, cut(why)))
                parts.kept.change()
            case Hangs(run, why):
                do(decisions.hangs(run, now, cut(why)))
                parts.kept.change()
            case Ended(run):
                do(decisions.ended(run, now))
                parts.kept.change()
            case Closed(run):
                do(decisions.closed(run, now))
                parts.kept.change()
            case Counts((number, epoch), counts, last):
                known = parts.cameras.get(number)
                if known is not None:
                    known.counts.tell(epoch, counts)
                if last:
                    parts.receipts.owe(link, _wire.order(parts.kept.term, CountsKept((number, epoch))))
            case Log(level, name, text):
                parts.notes.log(level, name, f"{link.name}: {cut(text)}")
            case Alive() | Marked():
                pass
