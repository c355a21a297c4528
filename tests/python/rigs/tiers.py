"""The tiers of the tests, as a plugin of pytest: leaves tests out, and starts the longest files first."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections import Counter

import pytest
import tiers

KEPT = pytest.StashKey[bool]()


def keep(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps the tests of the tier.

    `thorough` and long tests and the whole of a `table` are of --all, `full` tests of --full. The files
    that take longest come first: side by side, none of them is left when the others have ended.
    """
    if KEPT in config.stash:  # by the conftest of another folder
        return
    config.stash[KEPT] = True
    chosen = tiers.tier()
    durations = tiers.Durations.read()
    kept = items
    if chosen in ("quick", "default"):
        kept = [item for item in items if item.get_closest_marker("thorough") is None]
        kept = [item for group in by_function(kept) for item in sample(group)]
    if chosen == "quick":
        kept = shortest(kept, durations)
    elif chosen == "default":
        kept = proving(kept, durations)
    # pytest has put the tests of a case of a file's fixture beside each other: it makes the fixture once.
    names = {item.nodeid for item in kept}
    kept = [item for item in items if item.nodeid in names]
    if len(kept) != len(items):
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in names])
    seconds: Counter[str] = Counter()
    for item in kept:
        seconds[file(item)] += durations.of_python(file(item), function(item))  # type: ignore[assignment]
    items[:] = sorted(kept, key=lambda item: -seconds[file(item)])
    if chosen != "full":
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.skip(reason="takes minutes: ./dev test --full"))


pytest_collection_modifyitems = keep


def file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def function(item: pytest.Item) -> str:
    """Returns the test's name below its file, without the case."""
    return item.nodeid.partition("::")[2].partition("[")[0]


def by_function(items: list[pytest.Item]) -> list[list[pytest.Item]]:
    groups: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        groups.setdefault((file(item), function(item)), []).append(item)
    return list(groups.values())


def sample(group: list[pytest.Item]) -> list[pytest.Item]:
    """Returns the cases that the default runs: of a `table`, each value of each argument once, or as many
    cases as its marker says."""
    marker = group[0].get_closest_marker("table")
    if marker is None:
        return group
    if "cases" in marker.kwargs:
        return [group[place] for place in tiers.spread(len(group), marker.kwargs["cases"])]
    places = tiers.covering([getattr(item, "callspec").params for item in group])  # noqa: B009  (of Function only)
    return [group[place] for place in places]


def proving(items: list[pytest.Item], durations: tiers.Durations) -> list[pytest.Item]:
    """Returns the tests of the default: the short ones, each with as many cases as are short together.

    `full` tests, which it skips, are never the shortest of their file.
    """
    full = [item for item in items if item.get_closest_marker("full")]
    groups = by_function([item for item in items if not item.get_closest_marker("full")])
    chosen = tiers.default([candidate(group, durations, unlisted=0) for group in groups])
    cases = [(groups[place], tiers.spread(len(groups[place]), count)) for place, count in chosen.items()]
    return full + [group[case] for group, places in cases for case in places]


def candidate(
    group: list[pytest.Item], durations: tiers.Durations, unlisted: float = tiers.UNLISTED
) -> tiers.Candidate:
    seconds = durations.of_python(file(group[0]), function(group[0]), unlisted)
    return tiers.Candidate(file(group[0]), len(group), seconds * len(group))


def shares_fixture(item: pytest.Item) -> bool:
    """Returns whether the test needs a fixture that tests of its file share, because it takes long. Durations
    do not show it: they are averages, and the first user alone waits."""
    info = getattr(item, "_fixtureinfo", None)
    fixtures = [] if info is None else [each[-1] for each in info.name2fixturedefs.values() if each]
    return any(one.scope != "function" and one.baseid == file(item) for one in fixtures)


def shortest(items: list[pytest.Item], durations: tiers.Durations) -> list[pytest.Item]:
    """Returns the tests of --quick: all cases of a test if they are short together, else the first one."""
    alone = [item for item in items if not item.get_closest_marker("full") and not shares_fixture(item)]
    groups = by_function(alone)
    for place, group in enumerate(groups):
        if candidate(group, durations).seconds > tiers.QUICK_TABLE:
            groups[place] = group[:1]
    chosen = tiers.quick([candidate(group, durations) for group in groups])
    return [item for place, group in enumerate(groups) if place in chosen for item in group]
