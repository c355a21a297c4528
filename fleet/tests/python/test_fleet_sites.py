"""RaySites without Ray: the actor of a site, the program's side, and the counters."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import itertools
import os
import pickle
import re
import socket
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from support import until

import freshframe as ff
from freshframe_fleet import _sites, _specs
from freshframe_fleet._control.builds.builds import pickle_build
from freshframe_fleet._read.counters import Totals
from freshframe_fleet._sites import Site, SitesReader, _Calls, _Remote
from freshframe_fleet._specs import SiteSpec

FAST = {"cam": "ticks:0.002"}


def spec(cameras: dict[str, str], **others: Any) -> SiteSpec:
    return SiteSpec(cameras, build=pickle_build(fleet_builds.ticks), **others)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site(pickle.dumps(spec(FAST)))
    yield site
    site._fleet.close()


# ---- the actor


def test_a_batch_comes_again_until_it_is_confirmed(site: Site) -> None:
    life, number, _, rows = site.take("ticks", "log", "me", 0)
    while not rows:
        _, number, _, rows = site.take("ticks", "log", "me", number)
    for received in (0, number - 1):
        assert site.take("ticks", "log", "me", received)[1::2] == (number, rows)
    assert site.take("ticks", "log", "me", number)[::3] == (life, [])
    again, following, counts, more = site.take("ticks", "log", "me", number)
    assert (again, following) == (life, number + 1)
    assert [row[7] for row in rows + more] == list(range(len(rows) + len(more)))  # ordinals
    assert counts.delivered == len(rows) + len(more)
    lost = counts.outbox_full + counts.expired + counts.fenced + counts.lost_with_agent
    assert counts.reported == counts.delivered + lost + counts.waiting


def test_a_batch_of_a_site_before_its_restart_confirms_none_after_it(site: Site) -> None:
    _, before, _, _ = site.take("ticks", "log", "me", 0)
    site._sources.pop(("ticks", "log")).reader.close()
    site._life += 10  # as after a restart
    number, rows = before, list[Any]()
    while not rows:
        _, number, _, rows = site.take("ticks", "log", "me", before)
    assert site.take("ticks", "log", "me", before)[1::2] == (number, rows)


def test_a_reader_belongs_to_the_program_that_has_taken_it_over(site: Site) -> None:
    _, number, _, _ = site.take("ticks", "log", "one", 0)
    with pytest.raises(ff.StateError, match="another program now reads 'ticks' as 'log'"):
        site.take("ticks", "log", "two", number)
    _, number, _, rows = site.take("ticks", "log", "two", 0)
    while not rows:
        _, number, _, rows = site.take("ticks", "log", "two", number)
    with pytest.raises(ff.StateError, match="another program now reads 'ticks' as 'log'"):
        site.take("ticks", "log", "one", number)
    assert site.take("ticks", "log", "two", 0)[1::2] == (number, rows)
    site.take("ticks", "other", "one", 0)  # a reader of another name


def test_a_site_says_which_outputs_there_are(site: Site) -> None:
    until(lambda: site.stats()["outputs"], "the outputs")
    with pytest.raises(ff.GraphError, match="no camera has an output 'boxes'; the outputs are: 'ticks'"):
        site.take("boxes", "log", "me", 0)


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
    for _ in range(2):
        site.change(spec({}))
    assert not site._fleet._controller.parts.builds._unused
    site.change(spec(FAST))
    until(lambda: set(epochs()) == {"cam"}, "a camera after none")


def test_a_list_may_replace_cameras_that_have_not_started(site: Site) -> None:
    for name in ("other", "cam", "third"):
        site.change(spec({name: "ticks:0.002"}))
    until(lambda: set(site.stats()["cameras"]) == {"third"}, "the last list")


@pytest.mark.parametrize("changed", [{"agents": 2}, {"exclusive": True}, {"version": "0.0.1"}])
def test_a_site_refuses_what_it_cannot_change(site: Site, changed: dict[str, Any]) -> None:
    refused = rf"freshframe {ff.__version__} with agents=1 and exclusive=False, which cannot change while"
    with pytest.raises(ff.StateError, match=refused):
        site.change(dataclasses.replace(spec(FAST), **changed))
    assert set(site.stats()["cameras"]) == {"cam"}


# ---- the program's side


class RayError(Exception):
    pass


class RayTaskError(RayError):
    pass


class FakeRay:
    """A single actor, whose calls the test answers."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self) -> None:
        self.answers: dict[Any, Any] = {}
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.kills: list[tuple[str, bool]] = []
        self.retries: list[tuple[str, int]] = []  # by Ray, of each call

    def remote(self, concurrency_groups: dict[str, int]) -> Any:
        """Returns a decorator for the class of the actor; each handle of it is another object."""
        retries = self.retries

        class Handle:
            def __init__(self, call: Any, name: str) -> None:
                self.call, self.name = call, name

            def __getattr__(self, name: str) -> Any:
                method = SimpleNamespace(remote=partial(self.call, name))

                def options(max_task_retries: int, concurrency_group: str = "") -> Any:
                    assert (name == "change") == (concurrency_group == "")  # so that lists arrive in order
                    assert not concurrency_group or concurrency_group in concurrency_groups
                    retries.append((name, max_task_retries))
                    return method

                method.options = options
                return method

        return lambda _: SimpleNamespace(
            options=lambda **options: SimpleNamespace(remote=lambda *_: Handle(self._call, options["name"]))
        )

    def _call(self, name: str, *arguments: Any) -> int:
        self.calls.append((name, arguments))
        return len(self.calls) - 1

    def answer(self, what: Any, *, of_change: bool = False) -> None:
        """Answers the latest call of change(), or of another method."""
        calls = enumerate(self.calls)
        self.answers[max(n for n, (name, _) in calls if (name == "change") == of_change)] = what

    def get(self, call: int) -> Any:
        found = self.answers[call]
        if isinstance(found, BaseException):
            raise found
        return found

    def wait(self, calls: list[int], num_returns: int = 1, timeout: float = 0) -> tuple[list[int], list[int]]:
        return [call for call in calls if call in self.answers], []

    def get_actor(self, name: str, namespace: str) -> Any:
        return SimpleNamespace(name=name)

    def kill(self, actor: Any, no_restart: bool = True) -> None:
        self.kills.append((actor.name, no_restart))


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
    monkeypatch.setattr(_sites, "time", clock)
    return clock


class Asked:
    """A site, and the answers that it gives to its callers."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.ray = clock, FakeRay()
        self.site = _Remote(self.ray, "sites/north", spec(FAST), 20.0)

        self.calls = defaultdict[str, _Calls](_Calls)

    def ask(self, caller: str = "me") -> list[Any]:
        while not (call := self.site.ask(self.calls[caller], "stats")):
            self.clock.now += 0.05
        return call

    def answer(self, what: Any) -> Any:
        [call] = self.ask()
        self.ray.answers[call] = what
        return self.site.answer(self.calls["me"])

    def fail(self, caller: str = "me") -> None:
        call = self.ask(caller)
        self.ray.answers[call[0]] = RayError("it has ended")
        assert self.site.answer(self.calls[caller]) is None
        assert self.site.reason == "it has ended"


@pytest.fixture
def asked(clock: Clock) -> Asked:
    return Asked(clock)


def test_a_site_that_fails_while_starting_is_tried_after_growing_waits(asked: Asked, clock: Clock) -> None:
    starts = []
    for _ in range(8):
        asked.ask()
        starts.append(clock.now)
        asked.fail()
    waits = [round(later - earlier) for earlier, later in itertools.pairwise(starts)]
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert asked.answer({}) == {}
    asked.fail()
    clock.now += 0.2
    assert asked.site.ask(asked.calls["me"], "stats")  # a site that had answered starts at once


def test_ray_keeps_a_call_while_the_site_starts_and_no_list_of_cameras(asked: Asked) -> None:
    for answered in (True, True, False, True):
        if answered:
            asked.answer({})
        else:
            asked.fail()
    assert [count for name, count in asked.ray.retries if name == "stats"] == [-1, 0, 0, -1]
    assert {count for name, count in asked.ray.retries if name == "change"} == {0}


def test_callers_of_one_site_count_its_end_once(asked: Asked, clock: Clock) -> None:
    for caller in ("one", "two", "three"):
        asked.ask(caller)
    for caller in ("one", "two", "three"):
        asked.fail(caller)
    clock.now += 1.01
    assert asked.site.ask(asked.calls["one"], "stats")


@pytest.mark.parametrize(("answered", "limit"), [(True, 20.0), (False, 120.0)])
def test_a_site_that_does_not_answer_is_killed(
    answered: bool, limit: float, asked: Asked, clock: Clock
) -> None:
    if answered:
        asked.answer({})
    asked.ask()
    asked.ask("other")
    clock.now += limit - 0.1
    assert asked.site.answer(asked.calls["me"]) is None
    assert asked.ray.kills == []
    clock.now += 0.2
    for caller in ("me", "other"):
        assert asked.site.answer(asked.calls[caller]) is None
        assert asked.ray.kills == [("sites/north", False)]  # it may restart
    assert asked.site.reason == "no answer in time: killed"


def test_an_error_of_a_change_is_raised_to_the_program(asked: Asked) -> None:
    asked.ask()
    asked.ray.answer(RayTaskError("it cannot change"), of_change=True)
    with pytest.raises(RayTaskError, match="it cannot change"):
        asked.answer({})
    assert asked.answer({}) == {}


def test_a_site_that_is_restarted_has_the_latest_list(asked: Asked) -> None:
    asked.ask()
    asked.site.change(newest := spec({"new": "ticks:0.01"}))
    asked.fail()
    asked.ask()
    lists = [arguments for name, arguments in asked.ray.calls if name == "change"]
    assert lists == [(spec(FAST),), (newest,), (newest,)]


# ---- what is counted


class Yard:
    """A reader of one site, whose answers come from the test."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.ray = clock, FakeRay()
        self.site = _Remote(self.ray, "sites/north", spec(FAST), 20.0)
        self.reader = SitesReader(self.ray, {"north": self.site}, "ticks", "log")
        self.given: list[tuple[str, int, int]] = []
        self.reader._turn(0)

    def answer(self, *answers: Any) -> None:
        for answer in answers:
            self.ray.answer(answer)
            self.reader._turn(0)  # takes it
            self.clock.now += 1
            self.reader._turn(0)  # asks again

    def read(self) -> None:
        while (sample := self.reader.poll()) is not None:
            self.given.append((sample.camera, sample.epoch, sample.value))

    @property
    def counts(self) -> dict[str, int]:
        counts = self.reader.counts()["north"]
        lost = counts.outbox_full + counts.expired + counts.fenced + counts.lost_with_agent
        lost += counts.lost_with_site + counts.waiting
        assert counts.reported == counts.delivered + lost, counts
        return {name: count for name, count in dataclasses.asdict(counts).items() if count}

    @property
    def latest(self) -> tuple[str, Any]:
        """The latest call, and its last argument."""
        name, arguments = [each for each in self.ray.calls if each[0] != "change"][-1]
        return name, arguments[-1]


def rows(camera: str, epoch: int, *numbers: int) -> list[Any]:
    return [(camera, epoch, n, 0, 0.0, 0.0, 0, n, bytes([0]) + pickle.dumps(n, 5)) for n in numbers]


@pytest.fixture
def yard(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Yard:
    monkeypatch.setattr("freshframe._native.fleet_value", lambda data, _: int(data[-2]))
    return Yard(clock)


def test_a_batch_is_given_only_when_the_site_has_heard_of_it(yard: Yard) -> None:
    assert yard.latest == ("take", 0)
    yard.answer((1, 7, Totals(reported=3, delivered=2, waiting=1), rows("cam", 5, 0, 1)))
    yard.read()
    assert yard.given == []
    assert yard.counts == {"reported": 3, "waiting": 3}
    assert yard.latest == ("take", 7)
    yard.answer((1, 7, Totals(reported=4, delivered=2, waiting=2), []))
    assert yard.counts == {"reported": 4, "waiting": 4}  # not read yet
    yard.read()
    assert yard.given == [("cam", 5, 0), ("cam", 5, 1)]
    assert yard.counts == {"reported": 4, "delivered": 2, "waiting": 2}
    yard.answer((1, 8, Totals(reported=4, delivered=4), rows("cam", 5, 2, 3)))
    assert yard.latest == ("take", 8)


@pytest.mark.parametrize("seen", ["while confirming", "while taking", "by its life alone"])
def test_the_end_of_a_site_is_one_gap_of_each_camera_and_loses_what_waited_there(
    yard: Yard, seen: str
) -> None:
    totals = Totals(reported=9, delivered=3, waiting=4, outbox_full=2)
    yard.answer((1, 1, totals, rows("cam", 5, 0, 1) + rows("other", 6, 0)))
    before = {"reported": 9, "waiting": 7, "outbox_full": 2}
    if seen == "while confirming":
        yard.answer(RayError("killed"))
        assert yard.counts == before  # whether it has ended is not known yet
        assert yard.latest == ("take", 1)
    else:
        yard.answer((1, 1, totals, []))
    if seen == "while taking":
        yard.answer(RayError("killed"))
        assert yard.counts == before
    restarted = Totals(reported=2, delivered=2)
    yard.answer((2, 11, restarted, rows("cam", 7, 0, 1)), (2, 11, restarted, []))
    yard.read()
    assert len(yard.given) == 5
    after = {"lost_with_site": 4, "outbox_full": 2, "deaths": 1, "gaps": 1, "unreported_possible": 1}
    assert yard.counts == {"reported": 11, "delivered": 5, **after}
    for number in (2, 3):
        totals = Totals(reported=number, delivered=number)
        yard.answer((2, number, totals, rows("other", 8, number)), (2, number, totals, []))
    assert (yard.counts["gaps"], yard.counts["unreported_possible"]) == (2, 2)


def test_a_link_that_is_down_for_a_while_is_no_end_of_the_site(yard: Yard) -> None:
    totals = Totals(reported=3, delivered=2, waiting=1)
    yard.answer(RayError("unavailable"), (1, 1, totals, rows("cam", 5, 0, 1)))
    yard.answer(RayError("unavailable"))
    yard.read()
    assert yard.given == []
    # The lost answer was the confirmation.
    yard.answer((1, 2, Totals(reported=3, delivered=3), rows("cam", 5, 2)), RayError("unavailable"))
    yard.answer((1, 2, Totals(reported=3, delivered=3), []))
    yard.read()
    assert [value for *_, value in yard.given] == [0, 1, 2]
    assert yard.counts == {"reported": 3, "delivered": 3}


def test_a_site_that_was_removed_and_is_back_is_read_again(yard: Yard) -> None:
    totals = Totals(reported=1, delivered=1)
    yard.answer((1, 1, totals, rows("cam", 5, 0)), (1, 1, totals, []))
    yard.reader._sites["north"] = _Remote(yard.ray, "sites/north", spec(FAST), 20.0)  # type: ignore[index]
    yard.reader._turn(0)
    yard.answer((2, 2, totals, rows("cam", 6, 0)), (2, 2, totals, []))
    yard.read()
    assert [epoch for _, epoch, _ in yard.given] == [5, 6]


def test_a_closed_reader_leaves_no_call_open(yard: Yard) -> None:
    assert yard.reader._calls
    yard.reader.close()
    assert not yard.reader._calls


def test_a_second_program_counts_what_the_first_one_was_given(yard: Yard) -> None:
    totals = Totals(reported=100, delivered=90, waiting=10)
    yard.answer((1, 40, totals, rows("cam", 5, 88, 89)), (1, 40, totals, []))
    yard.read()
    assert yard.counts == {"reported": 100, "delivered": 90, "waiting": 10}


# ---- RaySites


@pytest.fixture
def rays(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> FakeRay:
    """Fakes Ray, with the program connected to it."""
    ray: Any = FakeRay()
    ray.util = SimpleNamespace(
        list_named_actors=lambda all_namespaces: [
            {"namespace": "freshframe", "name": "sites/north"},
            {"namespace": "freshframe", "name": "sites/gone"},
            {"namespace": "freshframe", "name": "others/gone"},
            {"namespace": "else", "name": "sites/else"},
        ]
    )
    monkeypatch.setattr("freshframe_fleet._sites._connected_ray", lambda: ray)
    return ray  # type: ignore[no-any-return]


NORTH = {"north": {"cameras": {"gate": "ticks:1"}}}


def test_sites_that_the_list_lacks_end_and_no_others(rays: Any) -> None:
    sites = ff.fleet.RaySites(NORTH, fleet_builds.ticks)
    assert rays.kills == [("sites/gone", True)]
    sites.shutdown()
    assert rays.kills == [(f"sites/{name}", True) for name in ("gone", "north", "gone")]


def test_a_site_that_answers_late_has_its_stats_the_next_time(rays: Any, clock: Clock) -> None:
    sites = ff.fleet.RaySites(NORTH, fleet_builds.ticks)
    for late in (True, False):
        assert sites.stats() == {"north": {"reason": "starts", "fleet": None}}, late
    rays.answer({"cameras": {}})
    assert sites.stats() == {"north": {"reason": "", "fleet": {"cameras": {}}}}
    sites.stats()
    rays.answer(RayError("it has ended"))
    assert sites.stats() == {"north": {"reason": "it has ended", "fleet": None}}


@pytest.mark.parametrize("end", ["close", "shutdown"])
def test_a_reader_ends_when_it_is_closed_or_the_sites_are_shut_down(rays: Any, end: str) -> None:
    sites = ff.fleet.RaySites(NORTH, fleet_builds.ticks)
    reader = sites.reader("ticks")
    getattr(reader if end == "close" else sites, end)()
    says = "the reader of .ticks. was closed" if end == "close" else "the sites were shut down"
    with pytest.raises(ff.EndOfStreamError, match=says):
        reader.get()
    assert list(reader) == []


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_are_more_than_nothing(rays: Any, value: float) -> None:
    with pytest.raises(ff.OptionError, match="answer_timeout"):
        ff.fleet.RaySites(NORTH, fleet_builds.ticks, answer_timeout=value)


# ---- arguments of the program


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (5, ff.OptionTypeError, "sites must be a mapping such as"),
        ({}, ff.OptionTypeError, "sites must be a mapping such as"),
        ([], ff.OptionTypeError, "sites must be a mapping such as"),
        ({"north": 5}, ff.OptionError, "site 'north' must have cameras"),
        ({"north": {}}, ff.OptionError, "site 'north' must have cameras"),
        (
            {"north": {"cameras": {}, "agent": 2}},
            ff.OptionError,
            "site 'north' must have cameras, and may have",
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


def test_a_build_that_ray_would_lose_with_the_program_is_refused(rays: Any) -> None:
    def carries(size: int) -> Any:
        ballast = os.urandom(size)
        return lambda url: (url, ballast)

    sites = ff.fleet.RaySites(NORTH, carries(8 << 20))
    for send in (ff.fleet.RaySites, sites.change):
        with pytest.raises(ff.OptionTypeError, match=r"site 'north' are 10\.0 MiB .* must be at most 9 MiB"):
            send(NORTH, carries(10 << 20))


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


def test_an_address_at_which_nothing_listens_is_refused_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = "{}:{}".format(*taken.getsockname())
        with pytest.raises(ConnectionRefusedError):
            _sites._check_address(address)


def test_an_address_at_which_something_listens_is_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        _sites._check_address("{}:{}".format(*server.getsockname()))


@pytest.mark.parametrize("address", ["", "auto", "local", "ray://10.0.0.1:10001"])
def test_addresses_of_another_form_are_left_to_ray(address: str) -> None:
    _sites._check_address(address)
