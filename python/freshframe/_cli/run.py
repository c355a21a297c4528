"""`freshframe run`: runs the pipeline that a Python file builds, with the dashboard if wanted."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import freshframe as ff
from freshframe._progress import progress_display
from freshframe._stats import make_report

from .app_file import AppError, guarded, loaded
from .dashboard import serve_if_asked
from .messages import Messages
from .outcome import ExitCode, UsageError, watched
from .summary import shortfalls


def run(options: Any, messages: Messages) -> ExitCode:
    """Runs the command."""
    path, name = _split(options.app)
    try:
        pipeline = _pipeline(loaded(path, options.arguments), path, name)
    except AppError as failure:
        return failure.code
    try:
        with watched(pipeline):
            serve_if_asked(pipeline, options, messages)
            with pipeline, _display(messages, pipeline.name) as show:
                pipeline.run(progress=show)
    except BaseException:
        report = make_report(pipeline._engine.report())
        if report.frames > 0:
            _summarise(report, pipeline.name, options, messages)
        raise
    report = make_report(pipeline._engine.report())
    _summarise(report, pipeline.name, options, messages)
    lossless = all(edge.queue.when_full == "block" for edge in report.edges)
    if lossless and not report.complete:
        messages.complain(
            "incomplete: it was stopped, something was dropped, or an output was not closed properly"
        )
        return ExitCode.INCOMPLETE
    return ExitCode.OK


def _summarise(report: ff.Report, name: str, options: Any, messages: Messages) -> None:
    missing = shortfalls(report, stopped_below=[edge.parent for edge in report.edges])
    rate = f" ({report.frames / report.elapsed:.1f} per second)" if report.elapsed > 0 else ""
    messages.say(f"{name}: {report.frames} frames in {report.elapsed:.1f} s{rate}")
    for line in missing or ["nothing was dropped"]:
        messages.say(line)
    if options.json:
        summary = {
            "pipeline": name,
            "frames": report.frames,
            "seconds": round(report.elapsed, 3),
            "complete": report.complete,
            "missing": missing,
        }
        print(json.dumps(summary, ensure_ascii=False))


def _display(
    messages: Messages, label: str
) -> contextlib.AbstractContextManager[Callable[[ff.Progress], None]]:
    if messages.level < 0:
        return contextlib.nullcontext(lambda progress: None)
    return progress_display(label=label)


def _split(app: str) -> tuple[Path, str]:
    """The file and the name in it of `app.py:name`."""
    file, colon, name = app.rpartition(":")
    if not colon or not name.isidentifier():
        file, name = app, "pipeline"
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"cannot read {file!r}: there is no such file; expected app.py or app.py:name")
    return path, name


def _pipeline(module: types.ModuleType, path: Path, name: str) -> ff.Pipeline:
    found = getattr(module, name, None)
    if found is not None and not isinstance(found, ff.Pipeline) and callable(found):
        found = guarded(found)
    if not isinstance(found, ff.Pipeline):
        others = [key for key, value in vars(module).items() if isinstance(value, ff.Pipeline)]
        there = f"; there is {', '.join(others)}: run {path}:{others[0]}" if others else ""
        what = "is not there" if found is None else f"is {found!r}"
        raise UsageError(
            f"expected a Pipeline called {name!r} in {str(path)!r}, or a function that returns one, "
            f"but it {what}{there}"
        )
    if found._engine.started:
        raise UsageError(
            f"{str(path)!r} has run its pipeline {name!r} already; put that below "
            'if __name__ == "__main__": so that this command can run it'
        )
    return found
