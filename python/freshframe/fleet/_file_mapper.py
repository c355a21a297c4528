"""Fleet.map(), the part of a fleet that reads files instead of cameras."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from .. import _check
from .._errors import OptionError
from . import _map, _specs
from ._fleet_life import FleetLife
from ._map import MappedFile


class FileMapper(FleetLife):
    """A base of Fleet, whose controller and builds it uses."""

    def map(
        self,
        files: Iterable[str | os.PathLike[str]],
        build: Callable[[str], Any],
        out: str | os.PathLike[str],
        *,
        output: str | None = None,
        overwrite: bool = False,
        at_once: int = 2,
        attempts: int = 3,
    ) -> list[MappedFile]:
        """Reads each file to its end on some agent and writes its results to a file; waits for all of them.

        Nothing is dropped. An output gets its name when it is complete and on the disk. What an agent that
        dies had begun is begun anew on another one. A repeated call goes on where the first one ended.

        Args:
            files: Paths, or addresses that ``ff.open`` reads to an end. Agents must see the same files.
            build: As for add(); it gets the path.
            out: Where the results go, on storage that the program and the agents share:
                ``"tracks/{stem}.jsonl"``, or ``.csv``. ``{name}`` is the file's name with its suffix. Lines
                are those of JsonLines and Csv, without ``captured``, which differs from run to run.
            output: Which output of ``build`` is written. None: the only one.
            overwrite: Also reads files whose output is there.
            at_once: Files at a time, for each agent.
            attempts: How often a file is tried whose pipeline fails.

        Returns:
            What became of each file, in their order; a file that was given twice appears once.

        Raises:
            OptionError: An argument is out of range, or two files would have one output.
            OptionTypeError: An argument is of the wrong type, or ``build`` cannot go to another process.
            StateError: The fleet was closed.
        """
        self._check_process()
        template = _map.checked_template(out)
        outputs = _map.checked_files(files, template)
        if output is not None:
            _check.text("output", output)
        _check.flag("overwrite", overwrite)
        for name, value in (("at_once", at_once), ("attempts", attempts)):
            if _check.integer(name, value) < 1:
                raise OptionError(f"{name} must be at least 1, got {value!r}")
        _specs.checked_build(build)
        recording = self._recordings.get((id(build), template, output))
        if recording is None:  # kept: agents get each build once, and keep it
            recording = _map.Recording(build, template, output, self._map_key)
            self._recordings[id(build), template, output] = recording
        number = self._builds.number_of(recording)
        return _map.Map(
            self._controller,
            outputs,
            lambda name, url: self._controller.add([(name, url, {})], number, False),
            key=self._map_key,
            at_once=at_once,
            attempts=attempts,
            overwrite=overwrite,
        ).run()
