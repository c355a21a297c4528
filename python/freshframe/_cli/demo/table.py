"""The live table of the demo in a terminal, and plain lines elsewhere."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import freshframe as ff

from ..game import Diary, missed
from ..messages import Messages
from ..summary import causes

if TYPE_CHECKING:
    from rich.table import Table

_TABLE_EVERY = 0.5  # seconds
_LINE_EVERY = 3.0


@contextmanager
def live_table(pipeline: ff.Pipeline, messages: Messages) -> Iterator[Callable[[Diary], None]]:
    """Shows the running demo. Yields a function that the game calls in every frame."""
    if messages.bar:
        with _moving(pipeline) as note:
            yield note
    elif messages.level >= 0:
        yield _lines(pipeline, messages)
    else:
        yield lambda diary: None


@contextmanager
def _moving(pipeline: ff.Pipeline) -> Iterator[Callable[[Diary], None]]:
    """Draws the table on a separate thread, because a frame of the game has no time for it."""
    from rich.console import Console  # noqa: PLC0415  (60 ms that only a terminal needs)
    from rich.live import Live  # noqa: PLC0415

    newest: Diary | None = None
    ended = threading.Event()

    def note(diary: Diary) -> None:
        nonlocal newest
        newest = diary

    with Live(
        console=Console(stderr=True), auto_refresh=False, transient=True, redirect_stdout=False
    ) as display:

        def draw() -> None:
            while not ended.wait(_TABLE_EVERY):
                if newest is not None:
                    display.update(_table(pipeline.stats(), newest), refresh=True)

        thread = threading.Thread(target=draw, name="demo-table", daemon=True)
        thread.start()
        try:
            yield note
        finally:
            ended.set()
            thread.join()


def _lines(pipeline: ff.Pipeline, messages: Messages) -> Callable[[Diary], None]:
    began = last = time.monotonic()

    def note(diary: Diary) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _LINE_EVERY:
            last = now
            nodes = pipeline.stats().nodes
            rates = ", ".join(f"{name} {node.rate:.0f} fps" for name, node in nodes.items())
            messages.say(
                f"{now - began:4.0f} s: {rates}; the game missed {diary.missed} of {len(diary.starts)}"
            )

    return note


def _table(stats: ff.stats.Stats, diary: Diary) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=f"freshframe demo, {stats.elapsed:.0f} s", title_justify="left", width=100)
    headings = (
        "node",
        "per second",
        "age p50",
        "age p99",
        "dropped before",
        "GIL wait",
        "GIL hold",
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading.startswith(("node", "dropped")) else "right")
    incoming = {edge.child: edge for edge in stats.edges}
    for name, node in stats.nodes.items():
        edge = incoming.get(name)
        drops: dict[Any, int] = {**node.drops, **({} if edge is None else edge.drops)}
        table.add_row(
            name,
            f"{node.rate:.0f}",
            "" if edge is None else _ms(edge.age_p50),
            "" if edge is None else _ms(edge.age_p99),
            causes(drops),
            _share(node.gil_wait, stats.elapsed),
            _share(node.gil_hold, stats.elapsed),
        )
    reader = incoming["game"]
    rate = len(diary.starts) / stats.elapsed if stats.elapsed else 0.0
    ages = (_ms(reader.age_p50), _ms(reader.age_p99))
    table.add_row("game (reader)", f"{rate:.0f}", *ages, causes(reader.drops), "", "")
    table.caption = f"the game missed {missed(diary)} frames"
    table.caption_justify = "left"
    return table


def _ms(value: float) -> str:
    return f"{value * 1e3:.1f} ms"


def _share(value: float, whole: float) -> str:
    return f"{value / whole:.0%}" if value and whole else ""
