"""RaySites without Ray: the actor of a site, the program's side, and the counters."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from support import until

import freshframe as ff
from freshframe_fleet import _specs
from freshframe_fleet._control.builds.builds import pickle_build
from freshframe_fleet._read.counters import Totals
from freshframe_fleet._sites import actor, reader, remote
from freshframe_fleet._sites.actor import Site, SiteCounts
from freshframe_fleet._sites.reader import SitesReader
from freshframe_fleet._sites.remote import Remote
from freshframe_fleet._specs import SiteSpec

FAST = {"cam": "ticks:0.002"}


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "freshframe" / "fleets"


def spec(cameras: dict[str, str], **others: Any) -> SiteSpec:
    return SiteSpec(cameras, build=pickle_build(fleet_builds.ticks), **others)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site("sites/north", spec(FAST))
    yield site
    site._fleet.close()


# ---- the actor


def test_a_batch_comes_again_until_it_is_confirmed(site: Site) -> None:
    life, number, _, rows = site.take("ticks", "log", "me", True)
    while not rows:
        _, number, _, rows = site.take("ticks", "log", "me", False)
    assert site.take("ticks", "log", "me", False)[1::2] == (number, rows)
    site.confirm("ticks", "log", "me", number - 1)  # an earlier batch
    assert site.take("ticks", "log", "me", False)[1::2] == (number, rows)
    site.confirm("ticks", "log", "me", number)
    again, following, counts, more = site.take("ticks", "log", "me", False)
    assert (again, following) == (life, number + 1)
    assert [row[7] for row in rows + more] == list(range(len(rows) + len(more)))  # ordinals
    totals = SiteCounts(**counts)
    assert totals.delivered == len(rows) + len(more)
    lost = totals.outbox_full + totals.expired + totals.fenced + totals.lost_with_agent
    assert totals.reported == totals.delivered + lost + totals.waiting


def test_a_reader_belongs_to_the_program_that_has_taken_it_over(site: Site) -> None:
    site.take("ticks", "log", "one", True)
    with pytest.raises(ff.StateError, match="another program reads 'ticks' as 'log' now"):
        site.take("ticks", "log", "two", False)
    _, number, _, rows = site.take("ticks", "log", "two", True)
    while not rows:
        _, number, _, rows = site.take("ticks", "log", "two", False)
    site.confirm("ticks", "log", "one", number)  # too late: it has lost the reader
    assert site.take("ticks", "log", "two", False)[1::2] == (number, rows)
    with pytest.raises(ff.StateError, match="another program reads"):
        site.take("ticks", "log", "one", False)
    site.take("ticks", "other", "one", True)  # a reader of another name


def test_a_site_says_which_outputs_there_are(site: Site) -> None:
    until(lambda: site.stats()["outputs"], "the outputs")
    with pytest.raises(ff.GraphError, match="no camera has an output 'boxes'; there are: 'ticks'"):
        site.take("boxes", "log", "me", True)


def test_a_changed_list_touches_only_what_differs(site: Site) -> None:
    def epochs() -> dict[str, int]:
        return {name: camera["epoch"] for name, camera in site.stats()["cameras"].items()}

    until(lambda: epochs().get("cam"), "the first start")
    before = epochs()["cam"]
    site.change(spec({**FAST, "new": "ticks:0.01"}))
    until(lambda: epochs().get("new"), "the new camera")
    assert epochs()["cam"] == before
    site.change(spec({"cam": "ticks:0.01", "new": "ticks:0.01"}))
    until(lambda: epochs()["cam"] > before, "another address")
    new = epochs()["new"]
    site.change(spec({"new": "ticks:0.01"}))
    until(lambda: set(epochs()) == {"new"}, "the end of a camera")
    assert epochs()["new"] == new
    site.change(dataclasses.replace(spec({"new": "ticks:0.01"}), build=pickle_build(fleet_builds.parts)))
    until(lambda: epochs()["new"] > new, "another build")
    site.change(spec({}))
    site.change(spec(FAST))
    until(lambda: set(epochs()) == {"cam"}, "a camera after none")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"agents": 2},
            "agents=1 and exclusive=False, which cannot change",
        ),
        ({"exclusive": True}, "which cannot change while it runs"),
        ({"version": "0.0.1"}, r"the site runs freshframe [\d.]+, and the program 0\.0\.1"),
    ],
)
def test_a_site_refuses_what_it_cannot_change(site: Site, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ff.StateError, match=message):
        site.change(dataclasses.replace(spec(FAST), **changed))
    assert set(site.stats()["cameras"]) == {"cam"}


@pytest.mark.parametrize(
    ("failed", "wait"), [(0, 0.0), (1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0), (6, 30.0), (2000, 30.0)]
)
def test_a_site_whose_process_died_while_starting_waits_before_it_starts(
    failed: int, wait: float, state_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that succeeds or raises removes the file, so it counts starts whose process died."""
    waits: list[float] = []
    monkeypatch.setattr(actor, "time", SimpleNamespace(sleep=waits.append, time_ns=lambda: 1))
    path = state_folder / f"site-{hashlib.sha256(b'sites/north').hexdigest()[:16]}.starts"

    def fails(agents: int) -> None:
        assert int(path.read_text()) == failed + 1
        raise ff.StateError("it cannot start")

    monkeypatch.setattr(actor, "Fleet", fails)
    if failed:
        path.parent.mkdir(parents=True)
        path.write_text(str(failed))
    with pytest.raises(ff.StateError, match="it cannot start"):
        Site("sites/north", spec({}))
    assert waits == [wait]
    assert not path.exists()


# ---- the program's side


class RayError(Exception):
    pass


class RayTaskError(RayError):
    pass


class ActorUnavailableError(RayError):
    pass


class FakeRay:
    """A single actor, whose calls the test answers."""

    exceptions = SimpleNamespace(
        RayError=RayError, RayTaskError=RayTaskError, ActorUnavailableError=ActorUnavailableError
    )

    def __init__(self) -> None:
        self.answers: dict[Any, Any] = {}
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.kills: list[bool] = []
        self.made = 0

    def remote(self, _: type) -> FakeRay:
        def new(*_: Any) -> FakeRay:
            self.made += 1
            return self

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=new))  # type: ignore[return-value]

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            self.calls.append((name, arguments))
            return len(self.calls) - 1

        return SimpleNamespace(remote=call)

    def answer(self, what: Any) -> None:
        """Answers the latest call other than change()."""
        number = max(n for n, (name, _) in enumerate(self.calls) if name != "change")
        self.answers[number] = what

    def get(self, call: int) -> Any:
        found = self.answers[call]
        if isinstance(found, BaseException):
            raise found
        return found

    def wait(self, calls: list[int], num_returns: int = 1, timeout: float = 0) -> tuple[list[int], list[int]]:
        return [call for call in calls if call in self.answers], []

    def get_actor(self, name: str, namespace: str) -> str:
        return name

    def kill(self, actor: str, no_restart: bool) -> None:
        self.kills.append(no_restart)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(remote, "time", clock)
    monkeypatch.setattr(reader, "time", clock)
    return clock


def test_a_site_that_fails_while_starting_is_tried_after_growing_waits(clock: Clock) -> None:
    ray = FakeRay()
    site = Remote(ray, "north", "sites/north", spec(FAST), (20.0, 120.0))
    starts = []
    for _ in range(8):
        while (call := site.ask("stats")) is None:
            clock.now += 0.05
        starts.append(clock.now)
        ray.answers[call] = RayError("it has raised")
        with pytest.raises(ConnectionError):
            site.result(call, clock.now, [call])
        assert site.reason == "it has raised"
    waits = [round(later - earlier) for earlier, later in itertools.pairwise(starts)]
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    while (call := site.ask("stats")) is None:
        clock.now += 0.05
    ray.answers[call] = {}
    assert site.result(call, clock.now, [call]) == {}
    ray.answers[call] = RayError("killed")
    with pytest.raises(ConnectionError):
        site.result(call, clock.now, [call])
    clock.now += 0.2
    assert site.ask("stats") is not None  # a site that has answered before is restarted immediately


def test_a_site_that_ray_restarts_is_asked_without_growing_waits(clock: Clock) -> None:
    ray = FakeRay()
    site = Remote(ray, "north", "sites/north", spec(FAST), (20.0, 120.0))
    for _ in range(8):
        call = site.ask("stats")
        assert call is not None
        ray.answers[call] = ActorUnavailableError("it is restarted")
        with pytest.raises(ConnectionError):
            site.result(call, clock.now, [call])
        assert site.reason == "it is restarted"
        clock.now += 0.2


@pytest.mark.parametrize(("answered", "limit"), [(True, 20.0), (False, 120.0)])
def test_a_site_that_does_not_answer_is_killed(answered: bool, limit: float, clock: Clock) -> None:
    ray = FakeRay()
    site = Remote(ray, "north", "sites/north", spec(FAST), (20.0, 120.0))
    call = site.ask("stats")
    if answered:
        ray.answers[call] = {}
        site.result(call, clock.now, [call])
        call = site.ask("stats")
    since = clock.now
    clock.now += limit - 0.1
    assert site.result(call, since, []) is None
    assert ray.kills == []
    clock.now += 0.2
    with pytest.raises(ConnectionError):
        site.result(call, since, [])
    assert ray.kills == [False]  # it may restart
    assert site.reason == f"no answer within {limit:g} s: killed"


def test_an_error_of_a_change_is_raised_to_the_program(clock: Clock) -> None:
    ray = FakeRay()
    site = Remote(ray, "north", "sites/north", spec(FAST), (20.0, 120.0))
    call = site.ask("stats")
    ray.answers[call] = {}
    ray.answers[[name for name, _ in ray.calls].index("change")] = RayTaskError("it cannot change")
    with pytest.raises(RayTaskError, match="it cannot change"):
        site.result(call, clock.now, [call])


# ---- what is counted


class Yard:
    """A reader of one site, whose answers come from the test."""

    def __init__(self) -> None:
        self.ray = FakeRay()
        self.site = Remote(self.ray, "north", "sites/north", spec(FAST), (20.0, 120.0))
        self.reader = SitesReader(self.ray, {"north": self.site}, "ticks", "log")
        self.given: list[tuple[str, int, int]] = []
        self.reader._turn(0)

    def answer(self, what: Any) -> None:
        self.ray.answer(what)
        self.reader._turn(0)  # takes it
        self.reader._turn(0)  # asks again

    def read(self) -> None:
        while (sample := self.reader.poll()) is not None:
            self.given.append((sample.camera, sample.epoch, sample.value))

    @property
    def counts(self) -> SiteCounts:
        counts = self.reader.counts()["north"]
        lost = counts.outbox_full + counts.expired + counts.fenced + counts.lost_with_agent
        lost += counts.lost_with_site + counts.waiting
        assert counts.reported == counts.delivered + lost, counts
        return counts

    @property
    def latest(self) -> tuple[str, tuple[Any, ...]]:
        return [each for each in self.ray.calls if each[0] != "change"][-1]


def rows(camera: str, epoch: int, *numbers: int) -> list[Any]:
    import pickle  # noqa: PLC0415

    return [(camera, epoch, n, 0, 0.0, 0.0, 0, n, bytes([0]) + pickle.dumps(n, 5)) for n in numbers]


def totals(**counts: int) -> dict[str, int]:
    return {each: counts.get(each, 0) for each in Totals.__slots__ if each != "repeated"}


@pytest.fixture
def yard(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Yard:
    monkeypatch.setattr("freshframe._native.fleet_value", lambda data, _: int(data[-2]))
    return Yard()


def test_a_batch_is_given_only_when_the_site_has_heard_of_it(yard: Yard) -> None:
    yard.answer((1, 7, totals(reported=3, delivered=2, waiting=1), rows("cam", 5, 0, 1)))
    yard.read()
    assert yard.given == []
    assert yard.counts.waiting == 3
    assert yard.latest[0] == "confirm"
    assert yard.latest[1][-1] == 7
    yard.answer(True)
    assert yard.counts.waiting == 3  # not read yet
    yard.read()
    assert [row[:2] for row in yard.given] == [("cam", 5), ("cam", 5)]
    assert (yard.counts.delivered, yard.counts.waiting) == (2, 1)
    assert yard.latest[0] == "take"
    assert yard.latest[1][-1] is False


def test_an_empty_batch_needs_no_confirmation(yard: Yard) -> None:
    yard.answer((1, 7, totals(), []))
    assert yard.latest[0] == "take"


@pytest.mark.parametrize("confirming", [True, False])
def test_the_end_of_a_site_is_one_gap_of_each_camera_and_loses_what_waited_there(
    yard: Yard, clock: Clock, confirming: bool
) -> None:
    batch = rows("cam", 5, 0, 1) + rows("other", 6, 0)
    yard.answer((1, 1, totals(reported=9, delivered=3, waiting=4, outbox_full=2), batch))
    if not confirming:
        yard.answer(True)
    yard.answer(RayError("killed"))
    yard.read()
    assert len(yard.given) == 3  # it cannot be sent again, because the site is gone
    counts = yard.counts
    assert (counts.deaths, counts.gaps, counts.lost_with_site, counts.waiting) == (1, 0, 4, 0)
    clock.now += 1
    yard.reader._turn(0)
    assert yard.latest[1][-1] is True  # the reader is taken over again
    yard.answer((2, 1, totals(reported=2, delivered=2), rows("cam", 7, 0, 1)))
    yard.answer(True)
    yard.read()
    counts = yard.counts
    assert (counts.reported, counts.delivered, counts.gaps, counts.unreported_possible) == (11, 5, 1, 1)
    yard.answer((2, 2, totals(reported=3, delivered=3), rows("other", 8, 0)))
    assert yard.counts.gaps == 2
    yard.answer(True)
    yard.answer((2, 3, totals(reported=4, delivered=4), rows("other", 8, 1)))
    assert yard.counts.gaps == 2


def test_a_site_that_restarts_between_two_calls_is_noticed_by_its_life(yard: Yard) -> None:
    yard.answer((1, 1, totals(reported=3, delivered=1, waiting=2), rows("cam", 5, 0)))
    yard.answer(True)
    yard.answer((2, 1, totals(reported=1, delivered=1), rows("cam", 6, 0)))
    yard.answer(True)
    yard.read()
    counts = yard.counts
    assert (counts.deaths, counts.gaps, counts.lost_with_site, counts.delivered) == (1, 1, 2, 2)


def test_results_of_a_process_that_has_a_successor_are_fenced(yard: Yard) -> None:
    yard.answer((1, 1, totals(reported=1, delivered=1), rows("cam", 5, 0)))
    yard.answer(True)
    yard.answer((2, 1, totals(reported=1, delivered=1), rows("cam", 6, 0)))
    yard.answer(True)
    yard.answer((1, 2, totals(reported=2, delivered=2), rows("cam", 5, 1)))
    yard.read()
    assert [epoch for _, epoch, _ in yard.given] == [5, 6]
    assert (yard.counts.fenced, yard.counts.delivered) == (1, 2)


def test_a_second_program_counts_what_the_first_one_was_given(yard: Yard) -> None:
    yard.answer((1, 40, totals(reported=100, delivered=90, waiting=10), rows("cam", 5, 88, 89)))
    yard.answer(True)
    yard.read()
    assert (yard.counts.delivered, yard.counts.waiting) == (90, 10)


def test_a_reader_that_is_closed_ends(yard: Yard) -> None:
    yard.reader.close()
    with pytest.raises(ff.EndOfStreamError, match="the reader of 'ticks' was closed"):
        yard.reader.get()


# ---- RaySites


@pytest.fixture
def rays(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> FakeRay:
    """Fakes Ray, with the program connected to it."""
    ray: Any = FakeRay()
    ray.is_initialized = lambda: True
    ray.util = SimpleNamespace(
        list_named_actors=lambda all_namespaces: [
            {"namespace": "freshframe", "name": "sites/north"},
            {"namespace": "freshframe", "name": "sites/gone"},
            {"namespace": "freshframe", "name": "others/gone"},
            {"namespace": "else", "name": "sites/else"},
        ]
    )
    ray.killed = []
    ray.kill = lambda actor, no_restart: ray.killed.append(actor)
    monkeypatch.setattr("freshframe_fleet._sites.sites._loaded_ray", lambda: ray)
    return ray  # type: ignore[no-any-return]


NORTH = {"north": {"cameras": {"gate": "ticks:1"}}}


def test_sites_that_the_list_lacks_end_and_no_others(rays: Any) -> None:
    with ff.fleet.RaySites(NORTH, fleet_builds.ticks) as sites:
        assert rays.killed == ["sites/gone"]
        sites.shutdown()
    assert rays.killed == ["sites/gone", "sites/north", "sites/gone"]


def test_what_was_closed_refuses_and_does_not_connect_again(rays: Any) -> None:
    sites = ff.fleet.RaySites(NORTH, fleet_builds.ticks)
    reader = sites.reader("ticks")
    sites.close()
    sites.close()
    with pytest.raises(ff.EndOfStreamError, match="was closed"):
        reader.get()
    calls = len(rays.calls)
    for call in (sites.stats, sites.shutdown, lambda: sites.reader("ticks")):
        with pytest.raises(ff.StateError, match="these RaySites were closed"):
            call()
    with pytest.raises(ff.StateError, match="these RaySites were closed"):
        sites.change(NORTH, fleet_builds.ticks)
    assert len(rays.calls) == calls


@pytest.mark.parametrize("given", [{"address": "10.0.0.1:6379"}, {"runtime_env": {}}])
def test_a_program_that_is_connected_already_gives_its_options_to_ray(
    rays: Any, given: dict[str, Any]
) -> None:
    with pytest.raises(ff.StateError, match=r"connected to Ray already: .* give them to its ray\.init\(\)"):
        ff.fleet.RaySites(NORTH, fleet_builds.ticks, **given)


@pytest.mark.parametrize(
    "address",
    ["", "moon", "moon:", ":6379", "moon:0", "moon:65536", "moon:x", "ray://moon:10001", "http://moon:80"],
)
def test_an_address_that_is_none_is_refused(rays: Any, address: str) -> None:
    with pytest.raises(ff.OptionError, match="address"):
        ff.fleet.RaySites(NORTH, fleet_builds.ticks, address=address)


@pytest.mark.parametrize("option", ["answer_timeout", "start_timeout"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_are_more_than_nothing(rays: Any, option: str, value: float) -> None:
    limit: dict[str, Any] = {option: value}
    with pytest.raises(ff.OptionError, match=option):
        ff.fleet.RaySites(NORTH, fleet_builds.ticks, **limit)


# ---- arguments of the program


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (5, ff.OptionTypeError, "sites must be a mapping as"),
        ({}, ff.OptionTypeError, "sites must be a mapping as"),
        ([], ff.OptionTypeError, "sites must be a mapping as"),
        ({"north": 5}, ff.OptionError, "site 'north' must have cameras"),
        ({"north": {}}, ff.OptionError, "site 'north' must have cameras"),
        (
            {"north": {"cameras": {}, "agent": 2}},
            ff.OptionError,
            "site 'north' must have cameras, and perhaps",
        ),
        ({"north": {"cameras": 5}}, ff.OptionTypeError, "cameras must be a mapping"),
        ({"north": {"cameras": {"a": 5}}}, ff.OptionTypeError, "the url of 'a'"),
        ({"north": {"cameras": {"a": ("x", {"gpu": "yes"})}}}, ff.OptionError, "cannot have needs"),
        ({"north": {"cameras": {}, "agents": 0}}, ff.OptionError, "must have 1 to 64 agents, got 0"),
        ({"north": {"cameras": {}, "agents": 65}}, ff.OptionError, "must have 1 to 64 agents, got 65"),
        ({"north": {"cameras": {}, "agents": 1.5}}, ff.OptionTypeError, "agents of site 'north'"),
        ({"north": {"cameras": {}, "agents": True}}, ff.OptionTypeError, "agents of site 'north'"),
        ({"north": {"cameras": {}, "exclusive": 1}}, ff.OptionTypeError, "exclusive of site 'north'"),
        ({"north": {"cameras": {}, "labels": "x"}}, ff.OptionTypeError, "the labels of site 'north'"),
        ({"a/b": {"cameras": {}}}, ff.OptionError, "the name of a site must be"),
        ({5: {"cameras": {}}}, ff.OptionTypeError, "the name of a site"),
    ],
)
def test_wrong_sites_are_refused(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        _specs.site_specs(given, (b"", b""))


def test_a_file_has_paths_beside_it_and_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "north.csv").write_text("name,url\ngate,rtsp://gate\n")
    path = tmp_path / "sites.toml"
    path.write_text(
        '[north]\ncameras = "north.csv"\nagents = 3\n[south]\ncameras = {}\nlabels = {rack = "2"}\n'
    )
    found = _specs.site_specs(path, (b"", b"x"))
    assert found["north"] == SiteSpec({"gate": "rtsp://gate"}, {"site": "north"}, 3, False, (b"", b"x"))
    assert found["south"].labels == {"rack": "2"}
    path.write_text("[north\n")
    with pytest.raises(ff.OptionError, match=r"sites\.toml must be a TOML file with a table for each site"):
        _specs.site_specs(path, (b"", b""))
    with pytest.raises(FileNotFoundError):
        _specs.site_specs(tmp_path / "none.toml", (b"", b""))
