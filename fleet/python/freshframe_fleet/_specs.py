"""Checks the agents, cameras and needs that the user gives, before any thread starts."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import numbers
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freshframe import OptionError, OptionTypeError, __version__
from freshframe._agent import check

from ._decide.model import Times
from ._url import masked

_MOST_AGENTS = 64
_SHORTEST_GIL_TIMEOUT = 5.0  # seconds, since imports hold the GIL for a while
_LEAST_OUTBOXES = 16 << 20  # bytes
_MOST_OUTBOXES = 1 << 40  # bytes
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

Specs = dict[str, dict[str, str]]  # labels of agents by name
CameraSpec = tuple[str, str, dict[str, str]]  # name, address, needs


def checked_name(what: str, name: Any) -> str:
    """Returns a name that is valid as part of a file name.

    Raises:
        OptionError: The name contains other characters.
        OptionTypeError: The name is not a string.
    """
    name = check.text(what, name)
    if not _NAME.fullmatch(name):
        raise OptionError(
            f"{what} must be 1 to 64 characters of A-Z a-z 0-9 . _ - and start with a letter or a digit, "
            f"got {check.show(name)}"
        )
    return str(name)


def agent_specs(agents: Any) -> Specs:
    """Parses a number of agents, or a list with the labels of each, which may include ``name``.

    Raises:
        OptionError: There are no agents, too many, or two of the same name.
        OptionTypeError: The value is neither of these.
    """
    is_number = isinstance(agents, numbers.Integral) and not isinstance(agents, bool)
    if not is_number and (not isinstance(agents, Sequence) or isinstance(agents, (str, bytes))):
        raise OptionTypeError(
            "agents must be a number, or a list with the labels of each agent, such as [{'site': 'north'}], "
            f"got {check.show(agents)}"
        )
    count = int(agents) if is_number else len(agents)
    if not 0 < count <= _MOST_AGENTS:
        raise OptionError(f"a fleet must have 1 to {_MOST_AGENTS} agents, got {check.show(count)}")
    specs: Specs = {}
    for number, given in enumerate([{}] * count if is_number else agents):
        labels = checked_labels("the labels of an agent", given)
        name = checked_name("the name of an agent", labels.pop("name", f"agent{number}"))
        if name in specs:
            raise OptionError(f"two agents have the name {name!r}: give each its own")
        specs[name] = labels
    return specs


def checked_times(start_timeout: Any, gil_timeout: Any) -> tuple[Times, dict[str, Any]]:
    """Returns the fleet's timeouts, and the options of its agents.

    Raises:
        OptionError: A timeout is out of range.
        OptionTypeError: A timeout is not a number.
    """
    if start_timeout is not None:
        check.positive_seconds("start_timeout", start_timeout)
    if gil_timeout is not None and not check.number("gil_timeout", gil_timeout) >= _SHORTEST_GIL_TIMEOUT:
        raise OptionError(
            f"gil_timeout must be at least {_SHORTEST_GIL_TIMEOUT:g} seconds or None, "
            f"got {check.show(gil_timeout)}"
        )
    return (
        Times(start_timeout=start_timeout, gil_timeout=gil_timeout),
        {"start_timeout": start_timeout, "gil_timeout": gil_timeout},
    )


def checked_outbox_bytes(size: Any) -> int:
    """Returns the limit in bytes for all results queued at an agent.

    Raises:
        OptionError: The limit is too small for one large result, or larger than any machine's memory.
        OptionTypeError: The limit is not a number.
    """
    if check.number("outbox_bytes", size) < _LEAST_OUTBOXES:
        raise OptionError(
            f"outbox_bytes must be at least {_LEAST_OUTBOXES}, enough for two large results, got {size}"
        )
    if size > _MOST_OUTBOXES:
        raise OptionError(f"outbox_bytes must be at most {_MOST_OUTBOXES} (1 TiB), got {size}")
    return int(size)


def checked_labels(what: str, labels: Any) -> dict[str, str]:
    """Returns the labels as a dict.

    Raises:
        OptionError: A string is empty.
        OptionTypeError: The value is not a mapping of strings to strings.
    """
    if not isinstance(labels, Mapping):
        raise OptionTypeError(
            f"{what} must be a mapping of strings, such as {{'site': 'north'}}, got {check.show(labels)}"
        )
    return {
        check.text(f"a name in {what}", name): check.text(f"the value of {name!r} in {what}", value)
        for name, value in labels.items()
    }


def checked_build(build: Any) -> Any:
    """Returns the build function unchanged.

    Raises:
        OptionTypeError: ``build`` cannot be called.
    """
    if not callable(build):
        raise OptionTypeError(
            "build must be a function that takes a URL and returns (pipeline, outputs), "
            f"got {check.show(build)}"
        )
    return build


def camera_specs(cameras: Any) -> list[CameraSpec]:
    """Parses a mapping of names to URLs or (URL, needs), or a CSV file with columns name, url and needs.

    Raises:
        OptionError: A row is incomplete, or a name appears twice.
        OptionTypeError: The value is neither of these.
        OSError: The file cannot be read.
    """
    if isinstance(cameras, (str, os.PathLike)):
        return _from_csv(Path(check.path("the list of cameras", cameras)))
    if not isinstance(cameras, Mapping):
        raise OptionTypeError(
            "cameras must be a mapping of names to URLs or to (URL, needs), or the path of a CSV file, "
            f"got {check.show(cameras)}"
        )
    specs = []
    for name, given in cameras.items():
        url, needs = given if isinstance(given, tuple) and len(given) == 2 else (given, {})
        specs.append(camera_spec(name, url, needs))
    return specs


@dataclass(frozen=True)
class SiteSpec:
    """A site of RaySites."""

    cameras: Mapping[str, str] = field(default_factory=dict)  # URLs by name
    labels: Mapping[str, str] = field(default_factory=dict)
    agents: int = 1
    exclusive: bool = False
    build: tuple[bytes, bytes] = (b"", b"")  # pickled classes, and the pickled function
    version: str = __version__


def site_specs(sites: Any, build: tuple[bytes, bytes]) -> dict[str, SiteSpec]:
    """Checks the sites of RaySites: a mapping, or the path of a TOML file.

    Raises:
        OptionError: A value is out of range.
        OptionTypeError: A value is of the wrong type.
        OSError: A file cannot be read.
    """
    folder = Path()
    if isinstance(sites, (str, os.PathLike)):
        path = Path(check.path("sites", sites))
        folder, sites = path.parent, _read_toml(path)
    if not isinstance(sites, Mapping) or not sites:
        raise OptionTypeError(
            "sites must be a mapping such as {'north': {'cameras': 'north.csv'}} or the path of a TOML file, "
            f"got {check.show(sites)}"
        )
    return {
        checked_name("the name of a site", name): _site(name, each, build, folder)
        for name, each in sites.items()
    }


def _site(name: str, given: Any, build: tuple[bytes, bytes], folder: Path) -> SiteSpec:
    known = {"cameras", "labels", "agents", "exclusive"}
    if not isinstance(given, Mapping) or "cameras" not in given or given.keys() - known:
        raise OptionError(
            f"site {name!r} must have cameras, and may have labels, agents and exclusive, "
            f"got {check.show(given)}"
        )
    cameras = given["cameras"]
    if isinstance(cameras, (str, os.PathLike)):
        cameras = folder / cameras
    specs = camera_specs(cameras)
    if any(needs for _, _, needs in specs):
        raise OptionError(f"cameras of site {name!r} cannot have needs: all its agents are on one machine")
    agents = check.integer(f"agents of site {name!r}", given.get("agents", 1))
    if not 0 < agents <= _MOST_AGENTS:
        raise OptionError(f"site {name!r} must have 1 to {_MOST_AGENTS} agents, got {agents}")
    return SiteSpec(
        {camera: url for camera, url, _ in specs},
        checked_labels(f"the labels of site {name!r}", given.get("labels", {"site": name})),
        agents,
        check.flag(f"exclusive of site {name!r}", given.get("exclusive", False)),
        build,
    )


def _read_toml(path: Path) -> Any:
    if sys.version_info < (3, 11):
        raise OptionError(f"cannot read {path}: sites from a TOML file need Python 3.11; pass a mapping")
    import tomllib  # noqa: PLC0415  (only RaySites reads TOML)

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(masked(f"{path} must be a TOML file with a table for each site: {error}")) from None


def camera_spec(name: Any, url: Any, needs: Any) -> CameraSpec:
    """Checks a camera.

    Raises:
        OptionError: A string is empty.
        OptionTypeError: An argument has the wrong type.
    """
    name = check.text("the name of a camera", name)
    if masked(name) != name:
        raise OptionError(
            "the name of a camera appears in logs and on pages and must not contain a password, got "
            f"{masked(name)!r}"
        )
    return (
        name,
        check.text(f"the url of {name!r}", url),
        checked_labels(f"the needs of {name!r}", needs or {}),
    )


def _from_csv(path: Path) -> list[CameraSpec]:
    try:
        return _read_rows(path)
    except OptionError as error:
        raise OptionError(masked(str(error))) from None  # the message contains the row, and so its URL
    except UnicodeDecodeError as error:
        raise OptionError(
            f"{path} is not valid UTF-8 (byte 0x{error.object[error.start]:02x}): save the file as UTF-8"
        ) from None
    except csv.Error as error:
        raise OptionError(
            f"{path} must be a CSV file with the columns name, url and optionally needs: {error}"
        ) from None


def _read_rows(path: Path) -> list[CameraSpec]:
    specs: dict[str, CameraSpec] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        missing = {"name", "url"} - set(rows.fieldnames or ())
        if missing:
            raise OptionError(
                f"{path}: the first line must have the columns name, url and optionally needs, "
                f"got {','.join(rows.fieldnames or ()) or 'nothing'}"
            )
        for row in rows:
            where = f"{path}:{rows.line_num}"
            name, url = (row["name"] or "").strip(), (row["url"] or "").strip()
            if not name or not url:
                raise OptionError(f"{where}: a camera needs a name and a url, got {dict(row)}")
            if name in specs:
                raise OptionError(f"{where}: the name {name!r} is used twice: give each camera its own name")
            specs[name] = camera_spec(name, url, _needs(where, row.get("needs") or ""))
    return list(specs.values())


def _needs(where: str, text: str) -> dict[str, str]:
    """Parses needs such as ``site=north;gpu=yes``."""
    needs = {}
    for part in filter(None, (each.strip() for each in text.split(";"))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise OptionError(f"{where}: needs must look like site=north;gpu=yes, got {check.show(text)}")
        needs[name.strip()] = value.strip()
    return needs
