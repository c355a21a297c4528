"""`freshframe fleet`: runs many cameras in several processes, and shows their state."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import freshframe as ff
from freshframe._agent import (
    Messages,
    app_file,
    outcome,
    plain,
    value_record,
)

from . import _desk
from ._fleet import Fleet
from ._read.reader import FleetSample
from ._stats import count_cameras
from ._verbs import add_verbs

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["add_to", "run"]

_EVERY = 1.0  # seconds between two updates of `top`
_SHOWN_CAMERAS = 40  # maximum number of cameras in `status` and `top`; --json has all
_SHOWN_EVENTS = 8
_WIDTH = 110  # columns of `status`
_HOW_TO_BEGIN = "start one with `freshframe fleet run app.py`, or with freshframe.fleet.Fleet in a program"
_STUCK = 3.0  # seconds without an event from an agent's Python code


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the verbs to the parser of `freshframe fleet`."""
    add_verbs(parser)
    parser.set_defaults(run=run)


def run(options: Any, messages: Messages) -> outcome.ExitCode:
    """Runs one verb of `freshframe fleet`."""
    if options.verb == "run":
        return _run(options, messages)
    name = _only_one(_desk.running()) if options.name is None else name_one(options.name)
    return _look_or_drain(name, functools.partial(_desk.ask, name), options, messages)


Ask = Callable[..., Any]  # takes the name of the request, and its arguments as keywords


def _look_or_drain(name: str, ask: Ask, options: Any, messages: Messages) -> outcome.ExitCode:
    if options.verb in ("drain", "resume"):
        ask(options.verb, agent=options.agent)
        messages.say(f"fleet {name}: {_what_follows(ask('stats'), options)}")
        return outcome.ExitCode.OK
    return _status(ask, options) if options.verb == "status" else _top(ask, options)


def _only_one(names: list[str]) -> str:
    if not names:
        raise outcome.UsageError(f"no fleet of this user is running: {_HOW_TO_BEGIN}")
    if len(names) > 1:
        raise outcome.UsageError(f"several fleets are running ({', '.join(names)}): choose one with --name")
    return names[0]


def name_one(name: str) -> str:
    names = _desk.running()
    if name not in names:
        there = f"the fleets are {', '.join(names)}" if names else f"this user runs none: {_HOW_TO_BEGIN}"
        raise outcome.UsageError(f"no fleet is named {name!r}; {there}")
    return name


def _what_follows(state: dict[str, Any], options: Any) -> str:
    """Describes what happens after a drain or resume."""
    if options.verb == "resume":
        return f"{options.agent} accepts cameras again"
    count = state["agents"][options.agent]["camera_count"]
    others = [each for each in state["agents"].values() if each["state"] == "up" and not each["draining"]]
    if not count:
        return f"{options.agent} is draining and has no cameras"
    if not others:
        why = "no other agent accepts cameras now"
        stay = "stays" if count == 1 else "stay"
        return f"{options.agent} is draining, but its {count_cameras(count)} {stay} there: {why}"
    return f"{options.agent} is draining, {count_cameras(count)} left to move: see `freshframe fleet status`"


def _status(ask: Ask, options: Any) -> outcome.ExitCode:
    from rich.console import Console  # noqa: PLC0415  (slow to load)

    state = ask("stats")
    if options.json:
        print(json.dumps(state))
    else:
        Console(width=_WIDTH, highlight=False).print(page(state))
    return outcome.ExitCode.OK


def _top(ask: Ask, options: Any) -> outcome.ExitCode:
    from rich.live import Live  # noqa: PLC0415  (slow to load)

    if options.json:
        while True:
            print(json.dumps(ask("stats")), flush=True)
            time.sleep(_EVERY)
    with Live(page(ask("stats")), auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(_EVERY)
            live.update(page(ask("stats")), refresh=True)


def page(state: dict[str, Any]) -> RenderableType:
    """Shows agents, cameras (those with problems first), readers and events."""
    from rich.console import Group  # noqa: PLC0415  (slow to load)
    from rich.text import Text  # noqa: PLC0415

    cameras = state["cameras"]
    counts: dict[str, int] = {}
    for camera in cameras.values():
        counts[camera["state"]] = counts.get(camera["state"], 0) + 1
    summary = ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "no cameras"
    events = [Text(f"{event['about']}: {event['text']}") for event in state["events"][-_SHOWN_EVENTS:]]
    saturated = state.get("saturated", {})
    return Group(
        Text(f"fleet {state['name']}: {summary}", style="bold"),
        *(Text(f"{name} is saturated: it {what}", style="bold red") for name, what in saturated.items()),
        _agents(state["agents"]),
        _cameras(cameras),
        _readers(state["readers"]),
        *events,
    )


def _table(*columns: str) -> Any:
    from rich.table import Table  # noqa: PLC0415  (slow to load)

    return Table(*columns, box=None, pad_edge=False)


def _agents(agents: dict[str, Any]) -> Any:
    table = _table("agent", "state", "pid", "cameras", "load", "lost", "silent", "deaths", "labels")
    for name, agent in agents.items():
        state = "draining" if agent["draining"] and agent["state"] == "up" else agent["state"]
        if agent["state"] == "up" and agent.get("python_silent_for", 0.0) > _STUCK:
            state += f", its GIL is kept for {agent['python_silent_for']:.0f} s"
        labels = " ".join(f"{key}={value}" for key, value in agent["labels"].items())
        table.add_row(
            name,
            f"{state} {agent['reason']}".strip(),
            str(agent["pid"] or ""),
            str(agent["camera_count"]),
            f"{agent['load']:.0%}",
            f"{agent['lost_share']:.0%}",
            f"{agent['silent_for']:.1f} s",
            str(agent["deaths"]),
            labels,
        )
    return table


def _cameras(cameras: dict[str, Any]) -> Any:
    table = _table("camera", "state", "agent", "epoch", "starts", "results", "lost", "age", "url")
    first = sorted(cameras.items(), key=lambda each: (each[1]["state"] == "running", each[0]))
    for name, camera in first[:_SHOWN_CAMERAS]:
        table.add_row(
            name,
            f"{camera['state']} {camera['reason']}".strip(),
            camera["agent"] or "",
            str(camera["epoch"] & 0xFFFFFFFF),
            str(camera["starts"]),
            str(camera["results"]),
            str(camera["dropped"]),
            "" if camera["result_age"] is None else f"{camera['result_age'] * 1000:.0f} ms",
            camera["url"],
        )
    if len(first) > _SHOWN_CAMERAS:
        table.add_row(f"and {len(first) - _SHOWN_CAMERAS} more")
    return table


def _readers(readers: list[dict[str, Any]]) -> Any:
    columns = ("reported", "delivered", "outbox_full", "expired", "fenced", "lost_with_agent", "waiting")
    table = _table("reader", *columns)
    for reader in readers:
        table.add_row(reader["output"], *(str(reader[column]) for column in columns))
    return table


# ---- run


def _run(options: Any, messages: Messages) -> outcome.ExitCode:
    try:
        program = _program(options.app)
    except app_file.AppError as failure:
        return failure.code
    build = program.get("build")
    if not callable(build):
        there = "there is no build" if build is None else f"build is {build!r}"
        raise outcome.UsageError(
            f"{options.app!r} must define build(url), which returns (pipeline, outputs), but {there}"
        )
    if options.sites is not None:
        return _run_sites(build, options, messages)
    if options.shutdown:
        raise outcome.UsageError(
            "--shutdown stops the sites of --sites FILE: pass --sites FILE too, or remove --shutdown"
        )
    cameras = options.cameras if options.cameras is not None else program.get("cameras")
    if cameras is None:
        raise outcome.UsageError(
            f"no cameras given: pass --cameras FILE, or define cameras = {{...}} in {options.app}"
        )
    agents = options.agents or 1
    with Fleet(agents, name=options.name) as fleet:
        reader = None if options.read is None else fleet.reader(options.read)
        many = _add(fleet, cameras, build, options)
        where = "1 agent" if agents == 1 else f"{agents} agents"
        messages.say(f"fleet {fleet.name}: {count_cameras(many)} on {where}; press Ctrl-C to stop")
        if options.serve:
            messages.say(f"page: {fleet.serve().url}")
        if reader is None:
            while True:
                time.sleep(_EVERY)
        for sample in reader:
            print(plain.to_text(_record(sample)), flush=True)
    return outcome.ExitCode.OK


def _run_sites(build: Any, options: Any, messages: Messages) -> outcome.ExitCode:
    from ._sites import RaySites  # noqa: PLC0415  (local fleets do not need it)

    for name in ("cameras", "agents", "exclusive"):
        if getattr(options, name):
            raise outcome.UsageError(
                f"--{name} cannot be combined with --sites: set it for each site in {options.sites}"
            )
    if options.serve:
        raise outcome.UsageError(
            "--serve cannot be combined with --sites: run `freshframe fleet top` on the machine of a site"
        )
    try:
        sites = RaySites(options.sites, build)
    except OSError as error:
        raise outcome.UsageError(f"cannot read --sites {options.sites}: {error}") from error
    if options.shutdown:
        sites.shutdown()
        messages.say("all sites were shut down; a program that still reads them will start them again")
        return outcome.ExitCode.OK
    messages.say("the sites keep running after Ctrl-C; use --shutdown to stop them")
    if options.read is not None:
        for sample in sites.reader(options.read):
            print(plain.to_text({"site": sample.site, **_record(sample)}), flush=True)
    shown: dict[str, str] = {}
    while True:
        for name, state in sites.stats().items():
            if shown.get(name) != state["reason"]:
                shown[name] = state["reason"]
                messages.say(f"site {name}: {state['reason'] or 'answers'}")
        time.sleep(_EVERY)


def _program(app: str) -> dict[str, Any]:
    path = Path(app)
    if not path.is_file():
        raise outcome.UsageError(
            f"cannot read {app!r}: there is no such file; expected a program that defines build"
        )
    module = app_file.loaded(path, [])
    del sys.modules[app_file.MODULE]  # agents cannot import it, so its definitions are pickled by value
    return vars(module)


def _add(fleet: Fleet, cameras: Any, build: Any, options: Any) -> int:
    where = f"--cameras {cameras}" if options.cameras is not None else f"cameras in {options.app!r}"
    try:
        many = fleet.add_many(cameras, build, exclusive=options.exclusive)
    except OSError as error:
        named = where if options.cameras is not None else f"{cameras}, the {where}"
        raise outcome.UsageError(f"cannot read {named}: {error.strerror}") from error
    if not many:
        raise outcome.UsageError(f"{where} must name at least one camera")
    return many


def _record(sample: FleetSample) -> dict[str, Any]:
    """Converts a result to JSON types. A value without a JSON form becomes its repr()."""
    try:
        value = value_record(sample.value)
    except (ff.OptionError, TypeError):
        value = {"value": plain.valid_text(repr(sample.value))}
    return {
        "camera": plain.valid_text(sample.camera),
        "epoch": sample.epoch,
        "seq": sample.seq,
        "part": sample.part,
        "ordinal": sample.ordinal,
        "pts": plain.finite(sample.pts),
        "utc": plain.finite(round(sample.utc, 6)),
        "dropped": sample.dropped,
        **value,
    }
