"""`freshframe track`: tracks circles, or the objects that a model finds, and writes the results."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import freshframe as ff
from freshframe._look.progress import progress_display
from freshframe._look.stats_text import lost_samples

from ... import _check
from ..dashboard import serve_if_asked
from ..messages import Messages
from ..outcome import ExitCode, UsageError, explain
from ..parser import QUOTES
from ..summary import never_opened, summarise
from .track_run import TrackRun

_TEXT_SUFFIXES = (".jsonl", ".csv")
_STEM = "{stem}"
_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def run(options: Any, messages: Messages) -> ExitCode:
    """Tracks each source and writes its outputs. Returns the exit code of the first one that failed."""
    _check_model(options)
    outputs = _checked(options.output, options.sources)
    if len(options.sources) == 1:
        return _track(options.sources[0], outputs[0], options, messages)
    _check_several(options)
    codes = []
    for source, written in zip(options.sources, outputs, strict=True):
        try:
            codes.append(_track(source, written, options, messages))
        except ff.FreshframeError as error:  # continue with the other files
            codes.append(explain(error, messages, options))
        if codes[-1] == ExitCode.USAGE:
            break
    failed = [code for code in codes if code is not ExitCode.OK]
    messages.say(
        f"{len(codes)} of {len(options.sources)} files were tracked, {len(failed)} of them not completely"
    )
    return failed[0] if failed else ExitCode.OK


def _check_model(options: Any) -> None:
    """Rejects options for models if there is no model, and options for circles if there is one."""
    if options.model is None:
        given = [
            name
            for name in ("classes", "min_confidence", "layout", "threads", "provider", "provider_option")
            if getattr(options, name) is not None
        ]
        if given:
            raise UsageError(f"--{given[0].replace('_', '-')} needs a model: add --model FILE.onnx")
    elif options.radius is not None:
        raise UsageError("--radius is for circles and cannot be used with --model, which finds boxes")


def _check_several(options: Any) -> None:
    """Rejects several sources that cannot be tracked one after the other."""
    if options.serve is not None:
        raise UsageError("--serve shows one source, but several were given")
    if all(Path(str(source)).suffix.lower() in _PICTURE_SUFFIXES for source in options.sources):
        raise UsageError(f"several images must be passed as one source; {QUOTES}")
    for source in options.sources:
        if ff.open(source).live:
            raise UsageError(
                f"{_check.show(source)} is a live source, which never ends; several sources must all be files"
            )


def _track(source: int | str, outputs: list[str], options: Any, messages: Messages) -> ExitCode:
    work = TrackRun(source, outputs, options)
    label = work.label
    if work.about_model:
        messages.say(work.about_model)
    try:
        serve_if_asked(
            work.pipeline,
            options,
            messages,
            view=None if work.drawn is None else [work.drawn],
            camera=work.source if str(source).startswith("browser:") else None,
        )
        with _display(options, messages, label) as show:
            report = work.run(show)
    except KeyboardInterrupt:
        _tell(work, messages, work.pipeline.stats(), label)
        raise
    except ff.NodeError as error:
        if not work.failed_to_close(error):
            raise
        messages.complain(str(error))
        return ExitCode.INCOMPLETE
    _tell(work, messages, report, label)
    for path in outputs:
        messages.say(f"wrote {path}")
    if never := never_opened(report):
        messages.complain(never)
        return ExitCode.SOURCE
    if work.live or work.unwanted:
        return ExitCode.OK
    return _completeness(work, report, options, messages)


def _completeness(work: TrackRun, report: ff.stats.Report, options: Any, messages: Messages) -> ExitCode:
    """Prints whether every selected frame was processed, or what is missing. Returns the exit code."""
    limited = work.pick is not None and work.pick.full.is_set()
    missing = lost_samples(report, stopped_below=[work.source] if limited else [])
    if not missing and not limited and not report.complete:
        missing = ["an output was not closed properly"]
    for line in missing:
        messages.complain(f"incomplete: {line}")
    if missing:
        return ExitCode.INCOMPLETE
    selected = limited or options.keep < 1
    wanted = f"the {work.picked} selected frames" if selected else "complete: every frame"
    messages.say(wanted + _verbs(selected, bool(work.sinks)))
    return ExitCode.OK


def _verbs(many: bool, written: bool) -> str:
    return (" were" if many else " was") + " processed" + (" and written" if written else "")


def _checked(outputs: Sequence[str], sources: Sequence[int | str]) -> list[list[str]]:
    """Returns the outputs of each source. Raises UsageError if one cannot be written."""
    read = {os.path.realpath(source) for source in sources if isinstance(source, str)}
    seen: set[str] = set()
    for path in outputs:
        if len(sources) > 1 and _STEM not in path:
            example = Path(path).with_name(_STEM + Path(path).suffix)
            raise UsageError(
                f"-o {path!r} would contain only the last of {len(sources)} sources; {_STEM} stands for the "
                f"name of each source without its suffix: -o '{example}'"
            )
    result = [[path.replace(_STEM, _stem(source)) for path in outputs] for source in sources]
    for path in (path for paths in result for path in paths):
        _check_output(path)
        place = os.path.realpath(path)
        if place in seen:
            raise UsageError(f"-o would write {path!r} twice: give each source and each -o its own name")
        if place in read:
            raise UsageError(f"-o {path!r} would overwrite the source")
        seen.add(place)
    return result


def _stem(source: int | str) -> str:
    return Path(str(source)).stem


def _check_output(path: str) -> None:
    folder = Path(path).parent
    if not folder.is_dir():
        raise UsageError(f"-o {path!r} cannot be written: there is no folder '{folder}'; create it first")
    if Path(path).suffix.lower() in _TEXT_SUFFIXES:
        return
    try:
        ff.VideoFile(path)
    except ff.GraphError as error:
        raise UsageError(
            f"-o writes .jsonl, .csv and video files (.mp4, .mkv, .webm, .mov, .avi, .ts): {error}"
        ) from None


def _display(
    options: Any, messages: Messages, label: str
) -> contextlib.AbstractContextManager[Callable[[ff.stats.Progress], None]]:
    mixed = options.json and sys.stdout.isatty()  # the printed lines show the progress
    if messages.level < 0 or mixed:
        return contextlib.nullcontext(lambda progress: None)
    total = options.max_frames if options.keep == 1 else None
    return progress_display(label=label, total=total)


def _tell(work: TrackRun, messages: Messages, stats: ff.stats.Stats, label: str) -> None:
    for line in summarise(
        stats, work.tally, label=label, finder=work.finder, live=work.live, things=work.things
    ):
        messages.say(line)
