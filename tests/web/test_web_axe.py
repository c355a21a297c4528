"""Checks the page with axe-core in each state, in both colour schemes and at three widths."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import axe
import pipelines
import pytest
from browser import VIEW
from test_web_reading import CONTRAST

import freshframe as ff
from freshframe import _native

if TYPE_CHECKING:
    from browser import Page

PICTURES = Path(__file__).parents[2] / "build" / "web"
TOKEN = "a-token-that-the-page-asks-for"


def served(stack: ExitStack, pipeline: ff.Pipeline, *, start: bool = True, **options: object) -> str:
    """Serves a pipeline until the stack closes, and returns the URL."""
    stack.callback(pipeline.stop)
    url = pipeline.serve(**options).url  # type: ignore[arg-type]
    if start:
        pipeline.start()
    return url


def not_started(page: Page, stack: ExitStack, folder: Path) -> None:
    page.open(served(stack, pipelines.example()[0], start=False))


def empty(page: Page, stack: ExitStack, folder: Path) -> None:
    page.open(served(stack, ff.Pipeline("empty"), start=False))


def running(page: Page, stack: ExitStack, folder: Path) -> None:
    pipeline, drawn = pipelines.example()
    page.open(served(stack, pipeline, view=[drawn]))
    page.until_picture()


def paused(page: Page, stack: ExitStack, folder: Path) -> None:
    running(page, stack, folder)
    page.run(f"{VIEW}.querySelector('.bar button').click()")


def stopped(page: Page, stack: ExitStack, folder: Path) -> None:
    pipeline, drawn = pipelines.example()
    page.open(served(stack, pipeline, view=[drawn]))
    pipeline.stop()
    page.until("return document.querySelector('.banner[data-kind=over]').checkVisibility()")


def failed(page: Page, stack: ExitStack, folder: Path) -> None:
    def fail(frame: ff.Frame) -> None:
        raise ValueError("no good")

    pipeline = ff.Pipeline("failed")
    pipeline.add(fail, pipeline.add(ff.open(pipelines.SCENE), name="camera"))
    page.open(served(stack, pipeline))
    page.until("return document.querySelector('.banner[data-kind=failed] pre').checkVisibility()")


def lost(page: Page, stack: ExitStack, folder: Path) -> None:
    pipeline, drawn = pipelines.example()
    page.open(served(stack, pipeline, view=[drawn]))
    page.until_picture()
    pipeline.serve().close()
    page.until("return document.querySelector('.banner[data-kind=lost]').checkVisibility()")


def frozen(page: Page, stack: ExitStack, folder: Path) -> None:
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL

    def sdk(frame: ff.Frame) -> None:
        usleep(60_000)

    pipeline = ff.Pipeline("frozen")
    pipeline.add(sdk, pipeline.add(ff.open(pipelines.SCENE), name="camera"))
    stack.enter_context(ff.gil.watch())
    page.open(served(stack, pipeline))
    page.until("return document.querySelector('#culprits td') !== null")


def recorded(page: Page, stack: ExitStack, folder: Path) -> None:
    page.open(served(stack, pipelines.recorded()))
    page.until("return document.querySelector('[data-state=recorded]') !== null")


def ill(page: Page, stack: ExitStack, folder: Path) -> None:
    page.open(served(stack, pipelines.shop(folder)))
    page.until("return document.querySelectorAll('#problems li').length > 1")


def still(page: Page, stack: ExitStack, folder: Path) -> None:
    pipeline = ff.Pipeline("yard")
    url = stack.enter_context(pipelines.hung_camera(folder))
    pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url, frozen_after=2), name="door"))
    page.open(served(stack, pipeline))
    page.until("return document.querySelector('.node[data-node=door]')?.dataset.state === 'frozen'")
    page.until("return document.querySelector('#problems li[data-kind=frozen]') !== null")


def waiting_for_a_browser(page: Page, stack: ExitStack, folder: Path) -> None:
    pipeline = ff.Pipeline("browser", stall_timeout=None)
    pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("browser:"), name="camera"))
    page.open(served(stack, pipeline))
    page.until("return document.querySelector('#senders a') !== null")


def all_problems(page: Page, stack: ExitStack, folder: Path) -> None:
    pipeline = ff.Pipeline("dark", stall_timeout=None)
    for number in range(7):
        pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(pipelines.AWAY), name=f"camera {number}"))
    page.open(served(stack, pipeline))
    page.until("return document.querySelector('#problems .more') !== null")
    page.run("document.querySelector('#problems .more').click()")


def many(page: Page, stack: ExitStack, folder: Path) -> None:
    page.open(served(stack, pipelines.many(10)))
    page.until("return document.querySelector('.group[data-alarm]') !== null")


def filtered(page: Page, stack: ExitStack, folder: Path) -> None:
    ill(page, stack, folder)
    page.run(
        """const field = document.querySelector('#graph-tools input');
        field.value = 'door';
        field.dispatchEvent(new Event('input'));"""
    )
    page.until("return document.querySelector('.pale') !== null")


def details_of_a_node(page: Page, stack: ExitStack, folder: Path) -> None:
    ill(page, stack, folder)
    page.run("document.querySelector('#problems button').click()")
    page.until("return document.querySelector('#details .told li') !== null")


def details_of_an_edge(page: Page, stack: ExitStack, folder: Path) -> None:
    running(page, stack, folder)
    page.run("document.querySelector('.edge button').click()")
    page.until("return document.getElementById('details').open")


def details_on_a_phone(page: Page, stack: ExitStack, folder: Path) -> None:
    page.size(390, 900, phone=True)
    details_of_a_node(page, stack, folder)


def login(page: Page, stack: ExitStack, folder: Path) -> None:
    url = served(stack, pipelines.example()[0], token=TOKEN)
    page.load(url.split("?")[0])
    page.until("return document.querySelector('input[name=token]') !== null")


def fleet(page: Page, stack: ExitStack, folder: Path) -> None:
    from test_web_fleet import state  # noqa: PLC0415

    from freshframe_fleet._page import set_files  # noqa: PLC0415

    pages = _native.Pages("127.0.0.1", 0, "")
    set_files(pages)
    stack.callback(pages.close)
    pages.set("/api/fleet", "application/json", json.dumps(state()).encode(), 200)
    page.open(pages.urls[0])


STATES: dict[str, Callable[[Page, ExitStack, Path], None]] = {
    show.__name__: show
    for show in (
        not_started, empty, running, paused, stopped, failed, lost, frozen, recorded, ill, still,
        waiting_for_a_browser, all_problems, many, filtered, details_of_a_node, details_of_an_edge,
        details_on_a_phone, login, fleet,
    )
}  # fmt: skip


@pytest.fixture(scope="module", params=STATES)
def shown(request: pytest.FixtureRequest, one_browser: Page) -> Iterator[tuple[str, Page]]:
    """Yields the name of a state and the page in it, for all widths and colour schemes."""
    axe.need()
    one_browser.driver.delete_all_cookies()
    one_browser.size(1440, 900)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        STATES[request.param](one_browser, stack, Path(folder))
        yield request.param, one_browser
        one_browser.driver.get("about:blank")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1440])
def test_axe_has_no_remark(shown: tuple[str, Page], width: int, dark: bool) -> None:
    name, page = shown
    page.size(width, 900, dark=dark, phone=width < 500)
    remarks = axe.remarks(page)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.picture(PICTURES / f"{name}-{width}-{'dark' if dark else 'light'}.png")
    assert remarks == []
    number, contrast = page.run(
        CONTRAST, "p, dt, dd, b, td, th, .state, .kind, .tag, .words, .num, h2, h3 button"
    )
    assert number > 0
    assert contrast >= 4.5, "axe-core passes texts below a filter"
