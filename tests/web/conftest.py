"""One Chromium for all tests, ended after the last; without one they are skipped, and say why."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import browser
import pytest
from video_server import video_server

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page
    from video_server import VideoServer


@pytest.fixture(scope="session")
def one_browser() -> Iterator[Page]:
    if problem := browser.missing():
        pytest.skip(problem)
    with (
        tempfile.TemporaryDirectory(prefix="freshframe-web-", ignore_cleanup_errors=True) as profile,
        browser.started(Path(profile)) as started,
    ):
        yield started


@pytest.fixture
def page(one_browser: Page) -> Iterator[Page]:
    """The browser at 1440x900 and without what the last test left."""
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
