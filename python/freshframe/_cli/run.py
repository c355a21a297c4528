"""`freshframe run`: runs the pipeline that a Python file builds, with a dashboard on request."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import freshframe as ff
from freshframe._graph.queue import blocks
from freshframe._look.engine_stats import make_report
from freshframe._look.progress import progress_display
from freshframe._look.stats_text import lost_samples
from freshframe._pipeline.pipeline import find_engine

from .app_file import AppError, loaded
from .app_pipeline import find_pipeline
from .dashboard import serve_if_asked
from .messages import Messages
from .outcome import ExitCode, UsageError, watched

DEFAULT_NAME = "pipeline"  # the variable or function that is run unless another is named


def run(options: Any, messages: Messages) -> ExitCode:
    """Runs the pipeline that the file builds until it ends, and prints a summary."""
    path, name = split(options.app)
    try:
        pipeline = find_pipeline(loaded(path, options.arguments), path, name)
    except AppError as failure:
        return failure.code
    try:
        with watched(pipeline):
            serve_if_asked(pipeline, options, messages)
            with pipeline, _display(messages, pipeline.name) as show:
                pipeline.run(progress=show)
    except BaseException:
        report = make_report(find_engine(pipeline).report())
        if report.samples > 0:
            _summarise(report, pipeline.name, options, messages)
        raise
    report = make_report(find_engine(pipeline).report())
    _summarise(report, pipeline.name, options, messages)
    lossless = all(blocks(edge.queue) for edge in report.edges)
    if lossless and not report.complete:
        messages.complain(
            "incomplete: the run was stopped, samples were dropped, or an output was not closed properly"
        )
        return ExitCode.INCOMPLETE
    return ExitCode.OK


def _summarise(report: ff.stats.Report, name: str, options: Any, messages: Messages) -> None:
    missing = lost_samples(report, stopped_below=[edge.parent for edge in report.edges])
    rate = f" ({report.samples / report.elapsed:.1f} per second)" if report.elapsed > 0 else ""
    messages.say(f"{name}: {report.samples} frames in {report.elapsed:.1f} s{rate}")
    for line in missing or ["nothing was dropped"]:
        messages.say(line)
    if options.json:
        summary = {
            "pipeline": name,
            "samples": report.samples,
            "elapsed": round(report.elapsed, 3),
            "complete": report.complete,
            "missing": missing,
        }
        print(json.dumps(summary, ensure_ascii=False))


def _display(
    messages: Messages, label: str
) -> contextlib.AbstractContextManager[Callable[[ff.stats.Progress], None]]:
    if messages.level < 0:
        return contextlib.nullcontext(lambda progress: None)
    return progress_display(label=label)


def split(app: str) -> tuple[Path, str]:
    """Splits `app.py:name` into file and name. Raises UsageError."""
    file, colon, name = app.removesuffix("()").rpartition(":")
    if not colon or not name.isidentifier():
        file, name = app, DEFAULT_NAME
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"cannot read {file!r}: there is no such file; expected app.py or app.py:name")
    return path, name
