"""`freshframe why`: says why the samples of a pipeline are old or lost, what helps, and by how much."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from .. import _native
from .messages import Messages
from .outcome import ExitCode
from .top import Target, UnreachableError

if TYPE_CHECKING:
    import freshframe as ff

_SLICE = 0.25  # seconds between two looks at whether a pipeline has ended


def run(options: Any, messages: Messages) -> ExitCode:
    """Asks a dashboard, or runs a file's pipeline for a while and asks that."""
    for question in options.questions:
        _native.Question(question)  # a wrong one is refused before anything runs
    if _is_file(options.target):
        return _of_file(options, messages)
    target = Target.of(options.target)
    try:
        answer = target.fetched("/api/why")
        predicted = [target.fetched(_path_of(question)) for question in options.questions]
    except UnreachableError as error:
        messages.complain(f"{error}; is a pipeline served there?")
        return ExitCode.SOURCE
    _show(options, answer, predicted)
    return ExitCode.OK


def _path_of(question: str) -> str:
    return f"/api/what_if?{urllib.parse.urlencode({'question': question})}"


def _show(options: Any, answer: dict[str, Any], predicted: list[dict[str, Any]]) -> None:
    if options.json:
        print(json.dumps({**answer, "what_if": predicted} if predicted else answer, allow_nan=False))
        return
    print(_printable("".join(each["text"] for each in (answer, *predicted))), end="")


def _is_file(target: str) -> bool:
    return target.endswith((".py", "()")) or ".py:" in target


def _of_file(options: Any, messages: Messages) -> ExitCode:
    from .._look.what_if import ask  # noqa: PLC0415
    from .._pipeline.pipeline import engine_of  # noqa: PLC0415
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
        predicted = [_prediction(ask(engine_of(pipeline), question)) for question in options.questions]
        pipeline.stop()
    _show(options, _as_json(answer), predicted)
    return ExitCode.OK


def _prediction(answer: ff.WhatIf) -> dict[str, Any]:
    """As /api/what_if has it."""
    return {
        "text": answer.text,
        "node": answer.node,
        "change": answer.change,
        "reason": answer.reason,
        "calls": answer.calls,
        "seconds": answer.seconds,
        "outcomes": [
            {
                "consumer": outcome.consumer,
                "reader": outcome.is_reader,
                "rate_now": outcome.rate_now,
                "mean_now": outcome.mean_now,
                **{
                    name: interval and {"low": interval.low, "middle": interval.middle, "high": interval.high}
                    for name, interval in (
                        ("rate", outcome.rate),
                        ("mean", outcome.mean),
                        ("p50", outcome.p50),
                        ("p99", outcome.p99),
                    )
                },
                "reason": outcome.reason,
            }
            for outcome in answer.outcomes
        ],
    }


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
