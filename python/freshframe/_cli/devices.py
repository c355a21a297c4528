"""`freshframe devices`: the cameras of this machine, their formats, and the reason why one cannot be used."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import errno
import getpass
import grp
import json
import os
from collections.abc import Iterator
from typing import Any

from freshframe import _native

from .messages import Messages
from .outcome import ExitCode

_NONE = (
    "no camera found: there is no /dev/video* that delivers pictures\n"
    "  Is it plugged in? 'lsusb' and 'dmesg | tail' show whether the kernel has found it\n"
    "  In a container? Start the container with --device /dev/video0\n"
    "  In a virtual machine? Pass the USB device through to it"
)


def run(options: Any, messages: Messages) -> ExitCode:
    """Runs the command. It is not an error if there is no camera."""
    found = _native.cameras()
    for camera in found:
        if options.json:
            print(json.dumps(_record(camera), allow_nan=False))
        else:
            print("\n".join(_lines(camera)))
    if not found:
        messages.say(_NONE)
    if any(camera["problem_code"] in (errno.EACCES, errno.EPERM) for camera in found):
        messages.say(_permission_advice())
    return ExitCode.OK


def _record(camera: dict[str, Any]) -> dict[str, Any]:
    """The camera as JSON: `usable` and `problem` instead of the errno."""
    record = {key: value for key, value in camera.items() if key != "problem_code"}
    record["usable"] = not camera["problem"] and any(entry["supported"] for entry in camera["formats"])
    record["problem"] = camera["problem"] or None
    return record


def _lines(camera: dict[str, Any]) -> Iterator[str]:
    origin = ", ".join(part for part in (camera["driver"], camera["bus"]) if part)
    yield f"{camera['path']}  {camera['name'] or 'unknown'}" + (f"  ({origin})" if origin else "")
    if camera["problem"]:
        yield f"    {camera['problem']}"
    for entry in camera["formats"]:
        if not entry["supported"]:
            continue
        sizes = [_size(size) for size in entry["sizes"]] or ["the driver does not list its sizes"]
        for number, text in enumerate(sizes):
            yield f"    {entry['format'] if number == 0 else '':<6} {text}"
    if others := [entry["format"] for entry in camera["formats"] if not entry["supported"]]:
        yield f"    freshframe cannot read: {', '.join(others)}"


def _size(size: dict[str, Any]) -> str:
    text = f"{size['width']}x{size['height']}"
    if "smallest" in size:
        width, height = size["smallest"]
        across, down = size["step"]
        text = f"{width}x{height} to {text} in steps of {across}x{down}"
    rates = [f"{rate:g}" for rate in size["fps"]]
    if not rates:
        return text
    return f"{text} at {' to '.join(reversed(rates)) if size['fps_range'] else ', '.join(rates)} fps"


def _permission_advice() -> str:
    """How this user gets permission: as a member of the group that owns cameras, on most systems `video`."""
    try:
        members = grp.getgrnam("video")
    except KeyError:
        return "there is no group 'video' here: 'ls -l /dev/video*' shows which group may use cameras"
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return f"user {os.getuid()} has no name here; if this is a container, start it with --group-add video"
    if members.gr_gid in os.getgroups():
        return (
            "this user is in group 'video', but the device belongs to another group: see 'ls -l /dev/video*'"
        )
    if user in members.gr_mem:
        return f"{user} is in group 'video', but not yet in this session: log out and in again"
    return (
        f"cameras belong to group 'video': run 'sudo usermod -aG video {user}'\n"
        "then log out and in again, or start a shell with 'newgrp video' to try it at once"
    )
