"""Executes a controller's decisions, and handles the results, renewals and events that agents send."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from freshframe import FreshframeError
from freshframe._agent import worker_log

from .. import _wire
from .._decide.model import Action, DropCamera, ForgetRun, Kill, Launch, Run, StartRun, StopRun
from .._messages import (
    Alive,
    Build,
    Closed,
    Counts,
    Ended,
    Event,
    Failed,
    ForgetBuild,
    Hangs,
    Levels,
    Log,
    Start,
    Started,
    Stop,
)
from .._url import cut
from . import snapshot
from .agents.link import Link
from .loop import boot_time
from .parts import Parts


class Actions:
    """Carries out actions. Called on the controller's thread with its lock held."""

    def __init__(self, parts: Parts) -> None:
        """Creates the actions of one controller."""
        self._parts = parts

    def do(self, actions: list[Action]) -> None:
        """Carries out actions in order."""
        for action in actions:
            if isinstance(action, Launch):
                self._launch(action.agent)
            elif isinstance(action, DropCamera):
                self._end_camera(action.camera)
            else:
                link = self._parts.links.get(action.agent)
                if link is not None:
                    self._order(link, action)

    # ---- cameras

    def _order(self, link: Link, action: Kill | StartRun | StopRun | ForgetRun) -> None:
        parts = self._parts
        match action:
            case Kill():
                link.kill()
            case StartRun():
                self._start(link, action.run)
            case StopRun():
                parts.links.order(link, Stop(action.run))
            case ForgetRun():
                link.runs.forget(action.run)
                link.send(_wire.forget(action.run))

    def _start(self, link: Link, run: Run) -> None:
        parts, number = self._parts, run[0]
        known, camera = parts.cameras.get(number), parts.decisions.cameras[number]
        assert known is not None
        if known.build not in link.builds:
            link.builds.add(known.build)
            parts.links.order(link, Build(known.build, *parts.builds.function(known.build)))
        link.runs.add(run, known.build)
        parts.links.order(link, Start(run, camera.name, known.url, camera.exclusive, known.build))

    def _end_camera(self, number: int) -> None:
        parts = self._parts
        self.release_build(parts.cameras.remove(number).build)
        forgotten = parts.cameras.forget(lambda: parts.links.cameras() | parts.readers.cameras())
        parts.readers.forget_cameras(forgotten)

    def release_build(self, number: int) -> None:
        """Called when a camera no longer uses a build. After the last camera, agents drop the build."""
        parts = self._parts
        if not parts.builds.release(number):
            return
        for link in parts.links:
            if number in link.builds:
                link.builds.discard(number)
                parts.links.order(link, ForgetBuild(number))

    # ---- agents

    def _launch(self, name: str) -> None:
        parts = self._parts
        if parts.is_closing:
            return
        now = boot_time()
        try:
            link = Link(name, parts.options)
        except (OSError, FreshframeError) as error:
            parts.decisions.launched(name, now)
            self.do(parts.decisions.gone(name, now, f"cannot be started: {error}"))
            return
        parts.links.add(link)
        parts.decisions.launched(name, now)
        parts.links.order(link, Levels(worker_log.log_levels()))
        parts.readers.introduce(link)

    def bury(self, link: Link) -> None:
        """Removes an agent whose process has ended.

        Messages that have arrived are handled; everything else is lost.
        """
        parts = self._parts
        if link.socket is not None:
            parts.links.read(link, last=True)
        parts.links.remove(link)
        why = str(link.child.reap() or "ended")
        words = link.last_words()
        parts.readers.lose(link)
        for record in link.latest.cameras:
            known = parts.cameras.get(int(record["camera"]))
            if known is not None:
                known.counts.tell(int(record["epoch"]), snapshot.read_counts(record))
        crashed = link.has_crashed(why)
        link.close_page()
        self.do(parts.decisions.gone(link.name, boot_time(), why, crashed=crashed, culprit=words.run))


class Hearing:
    """Handles messages. Called on the controller's thread with its lock held."""

    def __init__(self, parts: Parts, actions: Actions) -> None:
        """Creates the message handlers of one controller."""
        self._parts = parts
        self._actions = actions

    def take(self, link: Link, message: Any) -> None:
        """Handles a message of an agent."""
        if isinstance(message, _wire.Batch):
            self._parts.readers.take(link, message)
        elif isinstance(message, _wire.Renewal):
            self.renew(link, message, boot_time())
        else:
            self.hear(link, message, boot_time())

    def renew(self, link: Link, message: _wire.Renewal, now: float) -> None:
        """Handles a renewal, which shows that an agent works: the records of its cameras and outboxes."""
        parts = self._parts
        parts.readers.end_outboxes(link, message.last)
        link.note_renewal(message, now)
        if parts.decisions.moves:
            some = message.cameras[message.cameras["results"] > 0]
            parts.decisions.give_results({(int(each["camera"]), int(each["epoch"])) for each in some})
        load, late = link.meter.note_cpu(now, message.cpu), link.meter.lateness.seconds
        parts.decisions.heard(link.name, now, load, late=late)
        self._actions.do(parts.decisions.tick(now))

    def hear(self, link: Link, event: Event, now: float) -> None:
        """Handles an event of an agent."""
        parts = self._parts
        decisions, do = parts.decisions, self._actions.do
        decisions.python_ran(link.name, now)
        match event:
            case Started(run, outputs):
                decisions.started(run, now)
                build = link.runs.find_build(run)
                if build is not None and parts.builds.learn(build, outputs):
                    parts.readers.check()
            case Failed(run, why):
                do(decisions.failed(run, now, cut(why)))
            case Hangs(run, why):
                do(decisions.hangs(run, now, cut(why)))
            case Ended(run):
                do(decisions.ended(run, now))
            case Closed(run):
                do(decisions.closed(run, now))
            case Counts((number, epoch), counts):
                known = parts.cameras.get(number)
                if known is not None:
                    known.counts.tell(epoch, counts)
            case Log(level, name, text):
                parts.notes.log(level, name, f"{link.name}: {cut(text)}")
            case Alive():
                pass
