"""Writes docs/reference/python.md, the page of the Python API, from the docstrings, for `./dev docs`."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import ast
import enum
import importlib
import inspect
import operator
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import signatures

import freshframe as ff

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "python.md"
HEAD = """# Python API

A call holds the GIL unless its entry says "GIL: released". Everything here is also in `help()`.
`./dev docs` writes this page from the docstrings.
"""
PROVISIONAL = "*[Provisional](stability.md#provisional-names).*"
SECTIONS: dict[str, tuple[str, ...]] = {
    "Pipelines": ("Pipeline", "Port", "stream", "types.Stream"),
    "Samples and readers": (
        *("Sample", "types.Stamp", "Reader", "Frame", "types.Packet", "Circles", "Detections"),
        *(
            "types.DevicePlane",
            "types.Circle",
            "types.Box",
            "types.LineCounts",
            "types.Zones",
            "types.ZoneCounts",
            "types.Crossing",
            "types.Visit",
        ),
    ),
    "Sources": (
        *("open", "probe"),
        *("types.VideoSource", "types.VideoInfo", "types.Probe", "types.Measured"),
    ),
    "Steps": (
        *(
            "CircleDetector",
            "CircleTracker",
            "OnnxDetector",
            "OnnxModel",
            "OnnxClassifier",
            "BoxTracker",
            "BoxPredictor",
            "Ground",
            "Ask",
            "types.Answer",
        ),
        *(
            "LineCounter",
            "ZoneCounter",
            "Presence",
            "Annotate",
            "Node",
            "Source",
            "stamped",
            "Batch",
            "Join",
            "Process",
        ),
        "types.StopToken",
    ),
    "Recorders": (
        "VideoFile",
        "types.Segment",
        "ClipRecorder",
        "Look",
        "types.Snapshot",
        "Publish",
        "JsonLines",
        "Csv",
        "Spool",
        "types.PresenceEvent",
    ),
    "Queues": ("Queue", "LATEST", "NEXT", "LOSSLESS", "RECORDING"),
    "Statistics and the dashboard": ("types.Dashboard", "stats"),
    "Fleets": ("fleet",),
    "Native code": ("native",),
    "The GIL": ("gil",),
    "Numbers": ("numeric",),
    "Masks": ("masks",),
    "The built-in scenes": ("demo",),
    "Tests of your nodes": ("testing",),
    "Errors": (
        *("FreshframeError", "GraphError", "OptionError", "OptionTypeError", "StateError", "NodeError"),
        *(
            "SourceError",
            "SourceTimeoutError",
            "RefusedError",
            "EndOfStreamError",
            "ReadTimeoutError",
            "StalledError",
            "StaleFrameError",
            "StopTimeoutError",
            "FramesHeldError",
            "DeviceError",
            "MissingPackageError",
        ),
    ),
}
MODULES = ("demo", "fleet", "gil", "masks", "native", "numeric", "stats", "testing")
# Sections of Google-style docstrings: those whose entries have names, and others.
NAMED = {"Args", "Attributes", "Raises"}
TEXTS = {"Returns", "Yields", "Example", "Note"}


def page() -> str:
    """Returns the whole page."""
    parts = [HEAD]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}\n")
        for name in names:
            parts += _module(name) if name in MODULES else _entry(name, operator.attrgetter(name)(ff), "ff")
    return "\n".join(parts)


def _module(name: str) -> list[str]:
    module = importlib.import_module(f"freshframe.{name}")
    entries = [_text(inspect.getdoc(module) or "") + "\n"]
    for public in getattr(module, "__all__", None) or sorted(vars(module)):
        what = getattr(module, public)
        if get_origin(what) is Literal:
            entries.append(
                f"### ff.{name}.{public}\n\nOne of {', '.join(map('`{!r}`'.format, get_args(what)))}.\n"
            )
        elif not public.startswith("_") and getattr(what, "__doc__", None) and not inspect.ismodule(what):
            entries += _entry(public, what, f"ff.{name}")
    return entries


def _entry(name: str, what: object, place: str) -> list[str]:
    lines = [f"### {place}.{name}\n"]
    full = f"{place}.{name}".removeprefix("ff.")
    if {full, full.partition(".")[0]} & signatures.provisional():
        lines.append(f"{PROVISIONAL}\n")
    if signature := _signature(f"{place}.{name}", what):
        lines.append(f"```text\n{signature}\n```\n")
    if not inspect.isclass(what) and not callable(
        what
    ):  # a predefined queue, for which the class's docstring is misleading
        return [*lines, f"`{what!r}`\n"]
    lines.append(_text(_doc(what)) + "\n")
    for member, documented in _members(what):
        title = _signature(member, documented) or member
        mark = f" {PROVISIONAL}" if f"{full}.{member}" in signatures.provisional() else ""
        lines.append(f"**`{_on_one_line(title)}`**{mark}\n\n{_text(_doc(documented))}\n")
    return lines


def _doc(what: object) -> str:
    """Returns the docstring, without a first line that is the signature of a native function."""
    text = inspect.getdoc(what) or ""
    first, _, rest = text.partition("\n")
    native = hasattr(what, "__nb_signature__") and first.startswith(f"{getattr(what, '__name__', '')}(")
    return rest.strip() if native else text


def _members(what: object) -> Iterator[tuple[str, Any]]:
    """Yields public methods and properties of the class itself, in source order."""
    if not inspect.isclass(what) or issubclass(what, (Exception, enum.Enum)):
        return
    for name, member in vars(what).items():
        unwrapped = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        described = isinstance(unwrapped, property) or inspect.isroutine(unwrapped) or _is_native(unwrapped)
        is_public = not name.startswith("_") and not signatures.is_hook(what, name)
        if is_public and described and inspect.getdoc(unwrapped):
            yield name, unwrapped


def _is_native(member: object) -> bool:
    """Returns True for a static method or attribute of a nanobind class, which inspect does not recognise."""
    return hasattr(member, "__nb_signature__") or inspect.isgetsetdescriptor(member)


def _signature(name: str, what: Any) -> str:
    if isinstance(what, property):
        return ""
    native = getattr(what, "__nb_signature__", None)
    if isinstance(native, tuple) and native:
        return re.sub(r"^def (\w+)", name, re.sub(r"\bself, /,? ?|\bself,? ?", "", native[0][0]))
    if declared := _declared(name, what):
        return declared
    try:
        signature = inspect.signature(what)
    except (TypeError, ValueError):
        return ""
    parameters = [each for key, each in signature.parameters.items() if key not in ("self", "cls")]
    returned = signature.return_annotation
    arrow = "" if inspect.isclass(what) or returned is signature.empty else f" -> {_type(returned)}"
    return _call(name, parameters, arrow)


def _declared(name: str, what: Any) -> str:
    """Returns the stub's signature of a native method that has no types itself; "" for anything else."""
    owner = getattr(what, "__objclass__", None)
    if owner is None or owner.__module__ != "freshframe._native" or not inspect.isroutine(what):
        return ""
    stub = ast.parse((ROOT / "python/freshframe/_native.pyi").read_text(encoding="utf-8"))
    for each in ast.walk(stub):
        if isinstance(each, ast.ClassDef) and each.name == owner.__name__:
            for method in each.body:
                if isinstance(method, ast.FunctionDef) and method.name == what.__name__:
                    method.args.args = method.args.args[1:]  # self
                    returned = ast.unparse(method.returns) if method.returns is not None else "None"
                    parameters = re.sub(r"(?<=\S)=(?=\S)", " = ", ast.unparse(method.args))
                    return f"{name}({parameters}) -> {returned}"
    return ""


def _call(name: str, parameters: list[inspect.Parameter], arrow: str) -> str:
    """Returns `name(parameters) -> type`, with one parameter per line if one line would be too long."""
    texts: list[str] = []
    last = next((each for each in reversed(parameters) if each.kind is each.POSITIONAL_ONLY), None)
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not any(text.startswith("*") for text in texts):
            texts.append("*")
        texts.append(_parameter(each))
        if each is last:
            texts.append("/")
    text = f"{name}({', '.join(texts)}){arrow}"
    if len(text) <= 100:
        return text
    return "\n".join([f"{name}(", *(f"    {each}," for each in texts), f"){arrow}"])


def _parameter(parameter: inspect.Parameter) -> str:
    stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
    stars = "**" if parameter.kind is parameter.VAR_KEYWORD else stars
    annotation = "" if parameter.annotation is parameter.empty else f": {_type(parameter.annotation)}"
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{stars}{parameter.name}{annotation}{default}"


def _type(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _on_one_line(signature: str) -> str:
    return re.sub(r"\(\s+", "(", re.sub(r",?\s+\)", ")", " ".join(signature.split())))


def _text(docstring: str) -> str:
    """Converts a Google-style docstring to Markdown."""
    out: list[str] = []
    for title, body in _parts(docstring):
        if title:
            out.append(f"*{title}*\n")
        if title in NAMED:
            out.append("\n".join(f"- {entry}" for entry in _entries(body)) + "\n")
        elif title == "Example":
            out.append("```pycon\n" + textwrap.dedent("\n".join(body)).strip() + "\n```\n")
        else:
            out.append(_escaped(textwrap.dedent("\n".join(body)).strip()) + "\n")
    return "\n".join(out).strip()


def _parts(docstring: str) -> Iterator[tuple[str, list[str]]]:
    """Yields the text before the first section, then each section. A line "GIL: ..." is a part of its own."""
    title, body = "", list[str]()
    for line in docstring.splitlines():
        heading = re.fullmatch(r"(\w+):", line)
        if heading and heading[1] in NAMED | TEXTS:
            yield title, body
            title, body = heading[1], []
        elif title and line and not line.startswith(" "):
            yield title, body
            title, body = "", [line]
        else:
            body.append(line)
    yield title, body


def _entries(body: list[str]) -> Iterator[str]:
    """Yields `name`: description, for each name."""
    entry: list[str] = []
    for line in textwrap.dedent("\n".join(body)).strip().splitlines():
        if entry and line and not line.startswith(" "):
            yield _named(entry)
            entry = []
        entry.append(line.strip())
    if entry:
        yield _named(entry)


def _named(entry: list[str]) -> str:
    name, colon, text = " ".join(entry).partition(":")
    return f"`{name}`: {_escaped(text.strip())}" if colon else _escaped(name)


def _escaped(text: str) -> str:
    """Replaces the double backquotes of reStructuredText by single ones, and escapes stars."""
    return re.sub(r"(?<!`)\*(?!`)", r"\\*", text.replace("``", "`")) if "`" in text or "*" in text else text


def main() -> None:
    """Writes the page to the file given on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?", default=PAGE, help="default: docs/reference/python.md")
    parser.parse_args().file.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
