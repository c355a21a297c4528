"""`freshframe doctor`: checks the installation and prints a line for each check, with advice."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

import freshframe as ff
from freshframe import _native
from freshframe._gil_watch.interpreter import PYTHONS, PYTHONS_TEXT
from freshframe._interpreter import gil_state

from .messages import Messages
from .outcome import ExitCode

_NUMPY = (1, 24)
_SELF_TEST_FRAMES = 12
_VECTOR_SETS = ("avx512f", "avx2", "sse4_2", "asimd")  # flags in /proc/cpuinfo, widest first


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: one line of the output."""

    check: str
    state: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""


def run(options: Any, messages: Messages) -> ExitCode:
    """Runs the command; exit code 1 when a check fails."""
    findings = []
    for name, check in _CHECKS.items():
        for finding in _findings(name, check):
            findings.append(finding)
            print(json.dumps(dataclasses.asdict(finding)) if options.json else _line(finding), flush=True)
    failed = sum(finding.state == "fail" for finding in findings)
    warned = sum(finding.state == "warn" for finding in findings)
    messages.say(f"{len(findings)} checks: {failed} failed, {warned} with a warning")
    return ExitCode.FAILED if failed else ExitCode.OK


def _findings(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yields the findings of a check. An exception becomes a failed finding: the other checks still run."""
    try:
        yield from check()
    except Exception as error:
        advice = "the environment is broken, or this is a bug in freshframe"
        yield Finding(name, "fail", f"cannot be checked: {type(error).__name__}: {error}", advice)


def _line(finding: Finding) -> str:
    line = f"{finding.state:<5}{finding.check:<16}{finding.found}"
    return f"{line}\n{'':5}{'':16}-> {finding.advice}" if finding.advice else line


def _freshframe() -> Iterator[Finding]:
    yield Finding("freshframe", "ok", f"{ff.__version__} in {Path(ff.__file__).parent}")


def _python() -> Iterator[Finding]:
    found = f"{platform.python_implementation()} {platform.python_version()} in {sys.prefix}"
    if sys.version_info[:2] in PYTHONS:
        yield Finding("Python", "ok", found)
    else:
        yield Finding("Python", "warn", found, f"freshframe supports {PYTHONS_TEXT}")
    if not gil_state.FREE_THREADED:
        yield Finding("free-threading", "ok", "no: this Python has a GIL, which native nodes never hold")
    elif not gil_state.enabled():
        yield Finding("free-threading", "ok", "yes, and the GIL is off")
    else:
        who = ", ".join(gil_state.enabled_by())
        advice = (
            "Python nodes take turns: do not import this module, or use a version that declares Py_mod_gil"
        )
        yield Finding("free-threading", "warn", f"yes, but the GIL is on, switched on by {who}", advice)


def _numpy() -> Iterator[Finding]:
    version = tuple(int(part) for part in np.__version__.split(".")[:2])
    if version >= _NUMPY:
        yield Finding("NumPy", "ok", np.__version__)
    else:
        advice = "pip install --upgrade 'numpy>=1.24'"
        yield Finding("NumPy", "fail", f"{np.__version__} is too old", advice)


def _ffmpeg() -> Iterator[Finding]:
    media = _native.media_versions()
    libraries = ", ".join(f"lib{name} {getattr(media, name)}" for name in ("avformat", "avcodec", "avutil"))
    yield Finding("FFmpeg", "ok", libraries)
    licence = media.license
    gpl = licence.startswith("GPL")
    advice = "the GPL applies to programs that you distribute with it, but not to its use" if gpl else ""
    yield Finding("FFmpeg licence", "ok", licence, advice)


def _processor() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        words = set()
    vectors = next((word for word in _VECTOR_SETS if word in words), "no known SIMD")
    found = f"{cores} usable cores, {platform.machine()} with {vectors}"
    if cores > 1:
        yield Finding("processor", "ok", found)
    else:
        advice = "with one core, all nodes take turns: expect older results and more drops"
        yield Finding("processor", "warn", found, advice)


def _cameras() -> Iterator[Finding]:
    devices = sorted(Path("/dev").glob("video*"))
    if not devices:
        yield Finding("cameras", "ok", "no /dev/video*; files and demo:circles do not need one")
    for device in devices:
        if os.access(device, os.R_OK | os.W_OK):
            yield Finding("cameras", "ok", f"{device} can be opened by this user")
        else:
            advice = "sudo usermod -aG video $USER, then log in again"
            yield Finding("cameras", "warn", f"{device} cannot be opened by this user", advice)


def _opencv() -> Iterator[Finding]:
    installed = {name for name in map(_name, importlib.metadata.distributions()) if name[:7] == "opencv-"}
    yield Finding("OpenCV", "ok", ", ".join(sorted(installed)) or "not installed, and not needed")


def _packages() -> Iterator[Finding]:
    packages = list(importlib.metadata.distributions())
    broken = [package for package in packages if not _name(package)]
    for package in broken:
        place = getattr(package, "_path", "a folder")
        advice = "an installation was interrupted: delete this folder, and install the package again"
        yield Finding("packages", "warn", f"{place} does not name its package", advice)
    if not broken:
        yield Finding("packages", "ok", f"{len(packages)} installed")


def _name(package: importlib.metadata.Distribution) -> str:
    """Returns a package's name and version, or "" if its METADATA is missing or unreadable."""
    try:
        return f"{package.metadata['Name']} {package.version}" if package.metadata["Name"] else ""
    except Exception:
        return ""


def _onnx() -> Iterator[Finding]:
    from freshframe._vision import onnx_runtime  # noqa: PLC0415

    try:
        library = onnx_runtime.prepare()
    except ImportError as error:
        yield Finding("ONNX Runtime", "ok", f"not installed; neural detectors need it: {error}")
        return
    try:
        version, listed = _native.onnx_runtime(library)
    except ff.StateError as error:  # built without detectors
        yield Finding("ONNX Runtime", "warn", str(error))
        return
    except ff.FreshframeError as error:
        yield Finding("ONNX Runtime", "warn", str(error), onnx_runtime.INSTALL)
        return
    yield Finding("ONNX Runtime", "ok", f"{version} with the providers {', '.join(listed)}")


def _cards() -> Iterator[Finding]:
    found = _native.find_cards()
    for card in found.cards:
        name = f"cuda:{card.number} {card.name}, {found.driver}"
        yield Finding("decoding GPU", "ok", f"{name}, decodes {', '.join(card.codecs) or 'nothing'}")
    if found.cards and found.reason:
        yield Finding("decoding GPU", "warn", f"another GPU: {found.reason}")
    if not found.cards:
        yield Finding("decoding GPU", "ok", f"none: {found.reason}; the CPU decodes")


def _self_test() -> Iterator[Finding]:
    """Runs the scene, tracker, drawing, encoder and decoder once."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "self-test.mp4")
            pipeline = ff.Pipeline("doctor")
            url = f"demo:circles?pace=0&frames={_SELF_TEST_FRAMES}&size=320x240&balls=2"
            circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url)))
            recorder = ff.VideoFile(path)
            pipeline.add(recorder, pipeline.add(ff.Annotate(), circles))
            pipeline.run()
            with ff.stream(ff.open(path)) as frames:
                read = sum(1 for _ in frames)
    except OSError as error:
        advice = "TMPDIR must name a folder that this user can write to"
        yield Finding("self-test", "fail", f"no file can be written: {error}", advice)
        return
    except ff.FreshframeError as error:
        advice = "the installed FFmpeg is the most likely cause; see docs/reference/dependencies.md"
        yield Finding("self-test", "fail", str(error), advice)
        return
    written = f"written as {recorder.codec} and read back"
    found = f"{read} of {_SELF_TEST_FRAMES} frames made, tracked, drawn, {written}"
    yield Finding("self-test", "ok" if read == _SELF_TEST_FRAMES else "fail", found)


_CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "freshframe": _freshframe,
    "Python": _python,
    "NumPy": _numpy,
    "FFmpeg": _ffmpeg,
    "processor": _processor,
    "cameras": _cameras,
    "packages": _packages,
    "OpenCV": _opencv,
    "ONNX Runtime": _onnx,
    "decoding GPU": _cards,
    "self-test": _self_test,
}
