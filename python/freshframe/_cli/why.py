"""`freshframe why`: prints why the samples of a pipeline are late or lost, and what to do."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import freshframe as ff
from freshframe._look.why import make_why
from freshframe._pipeline.pipeline import find_engine

from .. import _native
from .app_file import AppError, has_main_part, loaded, run_as_main
from .app_pipeline import find_pipeline
from .attached import Attached
from .messages import Messages
from .outcome import ExitCode, UsageError
from .run import DEFAULT_NAME, split
from .top import Target, UnreachableError, readable


def run(options: Any, messages: Messages) -> ExitCode:
    """Asks a dashboard, or runs the pipeline of a file for a while and asks its why()."""
    if _is_file(options.target):
        return _explain_file(options, messages)
    target = Target.parse(options.target)
    try:
        answer = target.fetched("/api/why")
        with readable("sentences", target):
            text = _format_answer(options, answer)
    except UnreachableError as error:
        messages.complain(f"{error}; is a pipeline serving there?")
        return ExitCode.SOURCE
    print(text, end="")
    return ExitCode.OK


def _format_answer(options: Any, answer: dict[str, Any]) -> str:
    if options.json:
        return json.dumps(answer, allow_nan=False) + "\n"
    return _printable(answer["text"])


def _is_file(target: str) -> bool:
    return target.endswith((".py", "()")) or ".py:" in target


def _explain_file(options: Any, messages: Messages) -> ExitCode:
    """Runs the file, which may start its pipeline itself on any line, or leave that to this command."""
    path, name = split(options.target)
    with Attached(str(path), options.lasting, messages, lambda asked: _ask(options, asked)) as attached:
        try:
            pipeline = _run_program(path, name, options, attached)
            if pipeline is None:
                attached.wait()
            else:
                with pipeline:
                    _say_what_does_not_run(path, pipeline, messages)
                    attached.wait()
                    if find_engine(pipeline).ended:
                        pipeline.wait()  # raises the failure of the pipeline
        except AppError as failure:
            if not attached.answered:
                return failure.code
        except KeyboardInterrupt:
            if not attached.answered:
                raise
        finally:
            attached.busy = False
    if attached.failure is not None:
        raise attached.failure
    return ExitCode.OK


def _run_program(path: Path, name: str, options: Any, attached: Attached) -> ff.Pipeline | None:
    """Runs the code of the program. Returns the pipeline to start, or None if the program started its own."""
    module: types.ModuleType | None
    try:
        module = loaded(path, options.arguments)
        if attached.begun:
            return None
        there = [key for key, value in vars(module).items() if isinstance(value, ff.Pipeline)]
        if name == DEFAULT_NAME and not hasattr(module, name):
            if len(there) == 1:
                name = there[0]
            elif not there and has_main_part(path):
                run_as_main(path, options.arguments)
                module = None
    except SystemExit:  # the program has called sys.exit()
        module = None
    if module is not None:
        return find_pipeline(module, path, name)
    _check_begun(path, attached)
    return None


def _say_what_does_not_run(path: Path, pipeline: ff.Pipeline, messages: Messages) -> None:
    """Says that the program's own loop over a reader does not run, because this command runs the pipeline."""
    stats = pipeline.stats()
    readers = sorted({edge.child for edge in stats.edges}.difference(stats.nodes))
    if readers:
        messages.say(
            f"{path} has not started {pipeline.name!r}, so this command runs it, and nothing reads "
            f"{', '.join(map(repr, readers))}: the program's own loop does not run. To include the loop, "
            "call serve() in the program and pass its port to this command"
        )


def _check_begun(path: Path, attached: Attached) -> None:
    if not attached.begun:
        raise UsageError(
            f"{str(path)!r} ended without starting a pipeline: start one in it, assign one to a variable "
            f"named {DEFAULT_NAME!r}, or pass {path.name}:NAME with the name of its variable"
        )


def _ask(options: Any, asked: list[tuple[str, _native.Engine]]) -> None:
    """Prints why the results of these pipelines are late or lost."""
    for name, engine in asked:
        answer = make_why(engine.why())
        if len(asked) > 1 and not options.json:
            print(_printable(f"{name}:"))
        print(_format_answer(options, _as_json(answer)), end="")
    sys.stdout.flush()


def _as_json(answer: ff.stats.Why) -> dict[str, Any]:
    """Returns the same JSON object as /api/why."""
    return {
        "text": answer.text,
        "is_running": answer.is_running,
        "watched_for": answer.watched_for,
        "needed": answer.needed,
        "unsettled": list(answer.unsettled),
        "findings": [
            {
                "kind": finding.kind,
                "subject": finding.subject,
                "text": finding.text,
                "remedy": finding.remedy,
                "evidence": dict(finding.evidence),
            }
            for finding in answer.findings
        ],
        "ages": [
            {
                "consumer": age.consumer,
                "reader": age.is_reader,
                "samples": age.samples,
                "unknown": age.unknown,
                "duration": age.duration,
                "interval": age.interval,
                "mean": age.mean,
                "oldest_mean": age.oldest_mean,
                "parts": [
                    {"kind": part.kind, "node": part.node, "mean": part.mean, "oldest_mean": part.oldest_mean}
                    for part in age.parts
                ],
            }
            for age in answer.ages
        ],
    }


def _printable(text: str) -> str:
    """Returns the text without control characters: names may contain any."""
    return "".join(letter for letter in text if letter == "\n" or letter.isprintable())
