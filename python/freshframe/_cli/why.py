"""`freshframe why`: says why the samples of a pipeline are old or lost, and what helps."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from .messages import Messages
from .outcome import ExitCode
from .top import Target, UnreachableError

if TYPE_CHECKING:
    import freshframe as ff

_SLICE = 0.25  # seconds between two looks at whether a pipeline has ended


def run(options: Any, messages: Messages) -> ExitCode:
    """Asks a dashboard, or runs a file's pipeline for a while and asks that."""
    if _is_file(options.target):
        return _of_file(options, messages)
    target = Target.of(options.target)
    try:
        answer = target.fetched("/api/why")
    except UnreachableError as error:
        messages.complain(f"{error}; is a pipeline served there?")
        return ExitCode.SOURCE
    if options.json:
        print(json.dumps(answer, allow_nan=False))
    else:
        print(_printable(answer["text"]), end="")
    return ExitCode.OK


def _is_file(target: str) -> bool:
    return target.endswith((".py", "()")) or ".py:" in target


def _of_file(options: Any, messages: Messages) -> ExitCode:
    from .app_file import AppError, loaded  # noqa: PLC0415
    from .app_pipeline import pipeline_of  # noqa: PLC0415
    from .run import split  # noqa: PLC0415

    path, name = split(options.target)
    try:
        pipeline = pipeline_of(loaded(path, options.arguments), path, name)
    except AppError as failure:
        return failure.code
    messages.say(f"running {pipeline.name!r} for {options.lasting:g} s")
    with pipeline:
        pipeline.why()  # begins to look for causes
        ends = time.monotonic() + options.lasting
        while (left := ends - time.monotonic()) > 0 and not pipeline.wait(min(_SLICE, left)):
            pass
        answer = pipeline.why()
        pipeline.stop()
    print(json.dumps(_as_json(answer)) if options.json else _printable(f"{answer}\n"), end="")
    return ExitCode.OK


def _as_json(answer: ff.Why) -> dict[str, Any]:
    """As /api/why has it."""
    return {
        "text": answer.text,
        "runs": answer.runs,
        "watched": answer.watched,
        "needed": answer.needed,
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
                "seconds": age.seconds,
                "interval": age.interval,
                "mean": age.mean,
                "oldest": age.oldest,
                "parts": [
                    {"kind": part.kind, "node": part.node, "mean": part.mean, "oldest": part.oldest}
                    for part in age.parts
                ],
            }
            for age in answer.ages
        ],
    }


def _printable(text: str) -> str:
    """Without control characters: names may contain any."""
    return "".join(letter for letter in text if letter == "\n" or letter.isprintable())
