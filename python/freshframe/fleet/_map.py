"""Fleet.map(): each file is read to its end, and its results become a file that is complete or not there."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import itertools
import math
import os
import string
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .. import _check
from .._errors import GraphError, OptionError, OptionTypeError, StateError
from ..sinks import Csv, JsonLines
from ._partial import Partial, remove_all, sweep
from ._url import masked

if TYPE_CHECKING:
    from ._control.controller import Controller
    from ._detached.client.remote_controller import RemoteController

_LOOK_EVERY = 0.05  # seconds
_MOST_STARTS = 20  # of a file whose agent ends again and again
_FIELDS = ("stem", "name")
_numbers = itertools.count()  # a name is not free again before its last run has ended
_swept: set[Path] = set()  # folders, by this agent
WHEN_COMPLETE = "_when_complete"  # a pipeline's attribute


@dataclass(frozen=True, slots=True)
class MappedFile:
    """What became of a file that was given to Fleet.map().

    Attributes:
        path: The file.
        out: Where its results are.
        state: ``done``, ``there`` (the output existed and was kept) or ``failed``.
        why: Why it failed.
        starts: How often it was begun; more than once where an agent died or the pipeline failed.
    """

    path: str
    out: str
    state: Literal["done", "there", "failed"]
    why: str = ""
    starts: int = 0


class _Record(NamedTuple):
    """A sample as it is written: what differs between two runs is not there."""

    seq: int
    pts: float
    value: Any
    path: str | None
    captured: float = math.nan

    @classmethod
    def of(cls, sample: Any) -> Any:
        """Of one."""
        return cls(sample.seq, sample.pts, sample.value, sample.path)


class Recording:
    """Calls a build on an agent and lets its pipeline write a file, which is named when it is complete."""

    def __init__(self, build: Callable[[str], Any], out: str, output: str | None, key: str) -> None:
        """`out`: the template. `key`: the fleet's, in the names of files that are not complete."""
        self._build = build
        self._out = out
        self._output = output
        self._key = key

    def __call__(self, path: str) -> Any:
        """What build() returns, with a sink."""
        from .._pipeline.pipeline import is_live  # noqa: PLC0415  (the agent has it already)
        from ._agent.built import checked  # noqa: PLC0415

        pipeline, outputs = checked(self._build(path))
        if is_live(pipeline):
            raise GraphError("map() reads files to their end, and build gave a live source; use add() for it")
        if self._output is None and len(outputs) > 1:
            raise GraphError(f"build gives the outputs {_listed(outputs)}; name one of them: output='...'")
        name = next(iter(outputs)) if self._output is None else self._output
        if name not in outputs:
            raise GraphError(f"build gives no output {name!r}; there are: {_listed(outputs)}")
        out = Path(output_of(self._out, path))
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.parent not in _swept:
            _swept.add(out.parent)
            sweep(out.parent)
        partial = Partial(out, self._key)
        sink = _SINKS[out.suffix](str(partial.path))
        pipeline.add(sink, outputs[name], name="map")
        vars(pipeline)[WHEN_COMPLETE] = partial.complete
        return pipeline, {"map": outputs[name]}


class _JsonLines(JsonLines):
    def process(self, sample: Any) -> None:
        super().process(_Record.of(sample))


class _Csv(Csv):
    def process(self, sample: Any) -> None:
        super().process(_Record.of(sample))


_SINKS: dict[str, type[JsonLines] | type[Csv]] = {".jsonl": _JsonLines, ".csv": _Csv}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def output_of(template: str, path: str) -> str:
    """The output of a file."""
    name = path.rstrip("/").rpartition("/")[2]
    out: str = template.format(stem=Path(name).stem, name=name)
    return out


def checked_template(out: Any) -> str:
    """Where outputs go, as an absolute path with fields.

    Raises:
        OptionError: A field or the suffix is not known.
        OptionTypeError: It is no path.
    """
    out = _check.path("out", out)
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(out) if name is not None}
    except ValueError as error:
        raise OptionError(f"out must be as 'tracks/{{stem}}.jsonl', got {out!r}: {error}") from error
    if fields - set(_FIELDS) or not fields:
        raise OptionError(f"out must have {{stem}} or {{name}} of the file, and no other field, got {out!r}")
    if Path(out).suffix not in _SINKS:
        raise OptionError(f"out must end with {' or '.join(_SINKS)}, got {out!r}")
    return str(os.path.abspath(out))


def checked_files(files: Any, template: str) -> dict[str, str]:
    """The output of each file, by its absolute path; addresses stay as they are.

    Raises:
        OptionError: Two files would have one output.
        OptionTypeError: It is no list of paths.
    """
    if isinstance(files, (str, bytes, os.PathLike)) or not isinstance(files, Iterable):
        raise OptionTypeError(f"files must be a list of paths, got {_check.shown(files)}")
    outputs: dict[str, str] = {}
    owners: dict[str, str] = {}
    for given in files:
        path = _check.path("a path of files", given)
        if "://" not in path:
            path = os.path.abspath(path)
        out = output_of(template, path)
        if owners.setdefault(out, path) != path:
            both = f"{masked(path)!r} and {masked(owners[out])!r}"
            raise OptionError(f"{both} would both become {masked(out)!r}: use {{name}}")
        outputs[path] = out
    return outputs


class Map:
    """One call of Fleet.map()."""

    def __init__(
        self,
        controller: Controller | RemoteController,
        outputs: dict[str, str],
        add: Callable[[str, str], None],
        *,
        key: str,
        at_once: int,
        attempts: int,
        overwrite: bool,
    ) -> None:
        """`add`: given the name of a camera and its address."""
        self._controller = controller
        self._outputs = outputs
        self._add = add
        self._key = key
        self._at_once = at_once
        self._attempts = attempts
        self._done: dict[str, MappedFile] = {}
        self._under_way: dict[str, str] = {}  # path by camera
        self._left: list[str] = []
        for path, out in outputs.items():
            if not overwrite and Path(out).exists():
                self._done[path] = MappedFile(path, out, "there")
            else:
                self._left.append(path)
        self._left.reverse()

    def run(self) -> list[MappedFile]:
        """Until nothing is left."""
        for folder in {Path(out).parent for out in self._outputs.values()}:
            sweep(folder)
        try:
            while self._left or self._under_way:
                self._controller.check_open()
                self._add_some()
                self._look()
                time.sleep(_LOOK_EVERY)
        finally:
            for camera in self._under_way:
                with contextlib.suppress(StateError):
                    self._controller.remove(camera)
            remove_all(set(map(Path, self._outputs.values())), self._key)
        return [self._done[path] for path in self._outputs]

    def _add_some(self) -> None:
        room = self._at_once * max(1, self._controller.count_up()) - len(self._under_way)
        while room > 0 and self._left:
            path = self._left.pop()
            camera = f"map-{self._key}-{next(_numbers)} {masked(path)}"
            self._add(camera, path)
            self._under_way[camera] = path
            room -= 1

    def _look(self) -> None:
        for camera, path in list(self._under_way.items()):
            state, why, failures, starts = self._controller.progress(camera)
            out = self._outputs[path]
            if state == "ended":
                self._settle(camera, MappedFile(path, out, "done", starts=starts))
            elif failures >= self._attempts and state == "failed":
                self._settle(camera, MappedFile(path, out, "failed", why, starts))
            elif starts >= _MOST_STARTS and state in ("unplaced", "failed"):
                why = f"its agent ended {starts} times while it was read; the last time: {why}"
                self._settle(camera, MappedFile(path, out, "failed", why, starts))

    def _settle(self, camera: str, result: MappedFile) -> None:
        del self._under_way[camera]
        self._done[result.path] = result
        self._controller.remove(camera)
