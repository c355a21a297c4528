"""Implements the methods that observe a Pipeline. Imports modules on first use, as few are needed."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from .. import _native
from .._graph.port import Port
from .._interpreter import fork
from .._interpreter.log import logger

if TYPE_CHECKING:
    from .._graph.graph import Graph
    from .._look.dashboard import Dashboard
    from .._look.stats import Progress, Report, Stats
    from .._look.why import Why
    from .._media.look import Look


def stats(engine: _native.Engine) -> Stats:
    """Takes a snapshot of the statistics."""
    with fork.explaining(), fork.loading():
        from .._look.engine_stats import make_stats  # noqa: PLC0415

    return make_stats(engine.stats())


def why(engine: _native.Engine) -> Why:
    """Implements Pipeline.why()."""
    with fork.explaining(), fork.loading():
        from .._look.why import make_why  # noqa: PLC0415

    return make_why(engine.why())


def prepare() -> None:
    """Imports early what remove() needs.

    A signal handler may call remove() while these modules are being imported, and would get an ImportError.
    """
    with fork.explaining(), fork.loading():
        from .._look import engine_stats  # noqa: F401, PLC0415


def books(gone: _native.Stats) -> Stats | None:
    """Returns the final statistics of what remove() has removed; None if it removed nothing."""
    if not (gone.nodes or gone.edges):
        return None
    with fork.explaining(), fork.loading():
        from .._look.engine_stats import make_stats  # noqa: PLC0415

    return make_stats(gone)


def report(engine: _native.Engine) -> Report:
    """Returns the report of a run that has ended."""
    with fork.explaining(), fork.loading():
        from .._look.engine_stats import make_report  # noqa: PLC0415

    return make_report(engine.report())


def end_run(engine: _native.Engine, graph: Graph, *, is_reported: bool) -> None:
    """Finalizes recorders' files if the run is complete. Logs discarded files unless run() reports them."""
    missing = graph.end_run(lambda: report(engine).complete)
    if missing and not is_reported:
        logger.warning(
            "%s %s not written, because the run is not complete: %s",
            ", ".join(map(repr, missing)),
            "was" if len(missing) == 1 else "were",
            "; ".join(report(engine).losses),
        )


def wait_with_progress(
    engine: _native.Engine,
    wait: Callable[[float], bool],
    progress: Literal[True] | Callable[[Progress], None],
    interval: float,
) -> None:
    """Calls `wait` until it returns true, and shows the progress every `interval` seconds."""
    with fork.explaining(), fork.loading():
        from .._look.progress import report_progress  # noqa: PLC0415

    report_progress(wait, engine.progress, progress, interval)


def serve(
    engine: _native.Engine,
    host: str,
    port: int,
    view: Port[Any] | Sequence[Port[Any]] | None,
    token: str | None,
    away_after: float | None,
    look: Look | Sequence[Look],
    looks_per_minute: float,
    origins: str | Sequence[str],
) -> Dashboard:
    """Implements Pipeline.serve()."""
    with fork.explaining(), fork.loading():
        from .._look import dashboard  # noqa: PLC0415

    wanted = dashboard.Request.check(
        engine, host, port, view, token, away_after, look, looks_per_minute, origins
    )
    return dashboard.serve(engine, wanted)


def find_dashboard(engine: _native.Engine) -> Dashboard | None:
    """Returns the dashboard that serves the pipeline, if any."""
    with fork.explaining(), fork.loading():
        from .._look import dashboard  # noqa: PLC0415

    return dashboard.find_dashboard(engine)


def html(name: str, engine: _native.Engine) -> str:
    """Returns the graph as an HTML drawing, with a link to the dashboard."""
    with fork.explaining(), fork.loading():
        from .._look import drawing  # noqa: PLC0415

    page = find_dashboard(engine)
    link = "" if page is None else f"<p>{page._repr_html_()}</p>"
    return drawing.draw_stats(name, stats(engine)) + link
