"""The page of a fleet in a browser: agents, a table of a thousand cameras, readers, events."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from freshframe._native import Pages
from freshframe_fleet._page import set_files

if TYPE_CHECKING:
    from browser import Page

CAMERAS = 1000


def camera(number: int) -> dict[str, Any]:
    """Returns a camera's state as the page receives it. One in a hundred has failed."""
    failed = number % 100 == 7
    return {
        "name": f"camera-{number}",
        "url": f"rtsp://10.0.{number // 250}.{number % 250}/main",
        "state": "failed" if failed else "running",
        "reason": "<b>401</b> Unauthorized" if failed else "",
        "state_for": 10.0 + number,
        "agent": f"agent{number % 4}",
        "epoch": f"1763700000.{number % 5 + 1}",
        "starts": number % 5 + 1,
        "results": 10 * number,
        "result_age": 0.01 * (number % 30),
    }


def state(**changes: Any) -> dict[str, Any]:
    """Returns the state of a fleet with four agents, one of them dead."""
    agents = {
        f"agent{number}": {
            "name": f"agent{number}",
            "labels": {"site": "north"},
            "state": "down" if number == 3 else "up",
            "reason": "killed by signal 9" if number == 3 else "",
            "draining": number == 2,
            "pid": None if number == 3 else 1000 + number,
            "cameras": 250,
            "load": 0.2 * number,
            "lost": 0.0,
            "silent_for": 0.1,
            "python_silent_for": 12.0 if number == 1 else 0.5,
            "launches": 1,
            "deaths": 1 if number == 3 else 0,
        }
        for number in range(4)
    }
    reader = {"output": "tracks", "delivered": 900, "waiting": 20, "outbox_full": 50}
    reader |= {"expired": 0, "fenced": 0, "lost_with_agent": 10}
    return {
        "name": "yard",
        "utc": time.time(),
        "agents": agents,
        "cameras": {f"camera-{number}": camera(number) for number in range(CAMERAS)},
        "saturated": {},
        "readers": [reader],
        "events": [{"utc": time.time(), "about": "agent3", "text": "killed by signal 9"}],
        "controller_cpu": 1.0,
    } | changes


@pytest.fixture
def pages() -> Iterator[Any]:
    """A server without a fleet."""
    made = Pages("127.0.0.1", 0, "")
    set_files(made)
    yield made
    made.close()


def show(pages: Any, page: Page, **changes: Any) -> None:
    """Opens the page of a state."""
    pages.set("/api/fleet", "application/json", json.dumps(state(**changes)).encode(), 200)
    page.open(pages.urls[0])


def names(page: Page) -> list[str]:
    """Returns the cameras in the existing rows."""
    return page.texts("#rows .row:not([hidden]) > :first-child")


def write(page: Page, element: str, value: str, event: str) -> None:
    """Types or chooses."""
    page.run(
        "const one = document.getElementById(arguments[0]); one.value = arguments[1];"
        "one.dispatchEvent(new Event(arguments[2]))",
        element,
        value,
        event,
    )


def test_a_thousand_cameras_need_few_rows(pages: Any, page: Page) -> None:
    show(pages, page)
    assert names(page)[:3] == ["camera-0", "camera-1", "camera-2"]
    assert len(names(page)) < 60
    page.run("document.getElementById('scroller').scrollTop = 32 * 500")
    page.until("return document.querySelector('[data-camera=\"camera-505\"]')")
    assert len(names(page)) < 60
    assert page.complaints() == []


def test_what_is_broken_is_seen_at_a_glance(pages: Any, page: Page) -> None:
    show(pages, page)
    assert "990 / 1,000" in page.text("#facts")
    assert page.text("#phase") == "with problems"
    assert "killed by signal 9" in page.text('[data-agent="agent3"]')
    assert "its GIL is kept for 12" in page.text('[data-agent="agent1"]')
    assert "GIL" not in page.text('[data-agent="agent0"]')
    page.run("document.getElementById('problems-only').click()")
    assert names(page) == [f"camera-{number}" for number in range(7, CAMERAS, 100)]
    assert "<b>401</b> Unauthorized" in page.text('[data-camera="camera-7"]')


def test_a_saturated_agent_is_named_in_the_first_line(pages: Any, page: Page) -> None:
    show(pages, page, saturated={"agent1": "loses 59% of the frames"})
    assert page.text("#phase") == "agent1 loses 59% of the frames"


def test_cameras_are_searched_sorted_and_chosen_by_agent(pages: Any, page: Page) -> None:
    show(pages, page)
    write(page, "search", "camera-10 10.0.0.", "input")
    assert names(page) == ["camera-10", *(f"camera-{number}" for number in range(100, 110))]
    assert page.text("#cameras-hint") == "11 of 1,000"
    write(page, "search", "", "input")
    write(page, "state", "failed", "change")
    page.run("document.querySelector('[data-column=\"starts\"] button').click()")
    assert len(names(page)) == 10
    write(page, "state", "", "change")
    page.run("document.querySelector('[data-agent=\"agent1\"] button').click()")
    assert page.text("#cameras-hint") == "250 of 1,000, at agent1"
    assert set(page.texts("#rows .row:not([hidden]) > :nth-child(3)")) == {"agent1"}


def test_losses_and_events_are_named(pages: Any, page: Page) -> None:
    show(pages, page)
    assert "50 outbox full" in page.text("#readers")
    assert "10 lost with agent" in page.text("#readers")
    assert "killed by signal 9" in page.text("#event-list")


def test_a_fleet_that_does_not_answer_is_told(pages: Any, page: Page) -> None:
    show(pages, page)
    pages.set("/api/fleet", "text/plain", b"gone", 503)
    page.until("return document.querySelector('.banner')?.textContent.includes('does not answer')")
    assert len(names(page)) > 0
    pages.set("/api/fleet", "application/json", json.dumps(state()).encode(), 200)
    page.until("return document.querySelector('.banner') === null")


def test_nothing_is_wider_than_a_telephone(pages: Any, page: Page) -> None:
    page.size(390, 800, phone=True)
    show(pages, page)
    assert page.run("return document.documentElement.scrollWidth <= innerWidth && innerWidth === 390")
