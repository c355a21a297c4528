"""One Chromium and one Firefox for all tests. Tests whose browser is missing are skipped, with the reason."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import browser
import firefox
import pytest
from video_server import video_server

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page
    from firefox import Firefox
    from video_server import VideoServer

T = TypeVar("T")


@contextlib.contextmanager
def in_own_profile(problem: str | None, started: Callable[[Path], AbstractContextManager[T]]) -> Iterator[T]:
    """Yields a browser with its own profile. A test whose browser has a problem is skipped."""
    if problem:
        pytest.skip(problem)
    with (
        tempfile.TemporaryDirectory(prefix="freshframe-web-", ignore_cleanup_errors=True) as profile,
        started(Path(profile)) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def one_browser() -> Iterator[Page]:
    with in_own_profile(browser.missing(), browser.started) as running:
        yield running


@pytest.fixture(scope="module")
def one_firefox() -> Iterator[Firefox]:
    with in_own_profile(firefox.missing(), firefox.started) as running:
        print(f"Firefox {running.version}")
        yield running


@pytest.fixture
def page(one_browser: Page) -> Iterator[Page]:
    """The browser at 1440x900, without the previous test's cookies."""
    one_browser.size(1440, 900)
    one_browser.driver.delete_all_cookies()
    yield one_browser
    one_browser.driver.get("about:blank")


@pytest.fixture
def server() -> Iterator[VideoServer]:
    """A stand-in for the native server of /api/video."""
    with video_server() as started:
        yield started


@pytest.fixture
def running() -> Iterator[Callable[..., str]]:
    """Starts and serves pipelines, and stops them after the test."""
    made: list[ff.Pipeline] = []

    def run(pipeline: ff.Pipeline, **options: Any) -> str:
        made.append(pipeline)
        url = pipeline.serve(**options).url
        pipeline.start()
        return url

    yield run
    for pipeline in made:
        pipeline.stop()
