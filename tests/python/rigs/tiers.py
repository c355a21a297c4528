"""A pytest plugin for the test tiers: deselects tests of higher tiers, and starts slow files first."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections import Counter

import pytest
import tiers

SLOW_WEIGHT = 10  # a slow test counts as ten others when the files are sorted
KEPT = pytest.StashKey[bool]()


def keep(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the tests that are not in the tier.

    `slow` tests and the whole of a `table` run with --all, `full` tests with --full. The files with the most
    slow tests come first, so that no long file is left when the other processes have finished.
    """
    if KEPT in config.stash:  # called before by the conftest of another folder
        return
    config.stash[KEPT] = True
    chosen = tiers.tier()
    kept = items
    if chosen in ("quick", "default"):
        kept = [item for item in items if item.get_closest_marker("slow") is None]
        kept = [item for group in by_function(kept) for item in sample(group)]
    if chosen == "quick":
        kept = first_of_files(kept)
    # Keep pytest's order within a file, which groups the tests by the parameters of a shared fixture.
    names = {item.nodeid for item in kept}
    kept = [item for item in items if item.nodeid in names]
    if len(kept) != len(items):
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in names])
    weights: Counter[str] = Counter()
    for item in kept:
        weights[file(item)] += SLOW_WEIGHT if item.get_closest_marker("slow") else 1
    items[:] = sorted(kept, key=lambda item: -weights[file(item)])
    if chosen != "full":
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.skip(reason="takes minutes: ./dev test --full"))


pytest_collection_modifyitems = keep


def file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def function(item: pytest.Item) -> str:
    """Returns the test's name without file and parameters."""
    return item.nodeid.partition("::")[2].partition("[")[0]


def by_function(items: list[pytest.Item]) -> list[list[pytest.Item]]:
    groups: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        groups.setdefault((file(item), function(item)), []).append(item)
    return list(groups.values())


def sample(group: list[pytest.Item]) -> list[pytest.Item]:
    """Returns the cases that run by default: of a `table`, each value of each argument once, or as many cases
    as its marker says.
    """
    marker = group[0].get_closest_marker("table")
    if marker is None:
        return group
    if "cases" in marker.kwargs:
        return [group[place] for place in tiers.spread(len(group), marker.kwargs["cases"])]
    places = tiers.covering([getattr(item, "callspec").params for item in group])  # noqa: B009  (of Function only)
    return [group[place] for place in places]


def shares_fixture(item: pytest.Item) -> bool:
    """Returns whether the test needs a fixture that tests of its file share, such as a compiled plugin. The
    first test that uses it has to wait for it.
    """
    info = getattr(item, "_fixtureinfo", None)
    fixtures = [] if info is None else [each[-1] for each in info.name2fixturedefs.values() if each]
    return any(one.scope != "function" and one.baseid == file(item) for one in fixtures)


def first_of_files(items: list[pytest.Item]) -> list[pytest.Item]:
    """Returns the tests of --quick: the first one of each file."""
    first: dict[str, pytest.Item] = {}
    for item in items:
        if not item.get_closest_marker("full") and not shares_fixture(item):
            first.setdefault(file(item), item)
    return list(first.values())
