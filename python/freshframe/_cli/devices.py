"""`freshframe devices`: lists the cameras of this machine with their formats, or why one cannot be opened."""
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
    "no camera found: no /dev/video* delivers images\n"
    "  Is it plugged in? 'lsusb' and 'dmesg | tail' show whether the kernel has found it\n"
    "  In a container? Start the container with --device /dev/video0\n"
    "  In a virtual machine? Pass the USB device through to it"
)


def run(options: Any, messages: Messages) -> ExitCode:
    """Lists the cameras of this machine. Having none is not an error."""
    found = _native.cameras()
    for camera in found:
        if options.json:
            print(json.dumps(_record(camera), allow_nan=False))
        else:
            print("\n".join(_lines(camera)))
    if not found:
        messages.say(_NONE)
    if any(camera.problem_code in (errno.EACCES, errno.EPERM) for camera in found):
        messages.say(_permission_advice())
    return ExitCode.OK


def _record(camera: _native.CameraInfo) -> dict[str, Any]:
    """Returns the camera as a JSON object."""
    return {
        "path": camera.path,
        "name": camera.name,
        "driver": camera.driver,
        "bus": camera.bus,
        "problem": camera.problem or None,
        "formats": [_format_record(entry) for entry in camera.formats],
        "controls": [control_record(control) for control in camera.controls],
        "usable": not camera.problem and any(entry.supported for entry in camera.formats),
    }


def control_record(control: _native.CameraControl) -> dict[str, Any]:
    """Returns a control as a JSON object, in the units of the driver."""
    return {
        "name": control.name,
        "min": control.min,
        "max": control.max,
        "step": control.step,
        "default": control.default,
        "current": control.current,
        "setting": control.setting or None,
        "automatic": control.automatic,
        "inactive": control.inactive,
        "menu": dict(control.menu),
    }


def control_text(record: dict[str, Any]) -> str:
    """Returns a control as one line, with the option of open() that sets it."""
    menu = ", ".join(f"{value}: {word}" for value, word in record["menu"].items())
    values = menu or f"{record['min']} to {record['max']} in steps of {record['step']}"
    state = ", inactive: an automatic mode determines it" if record["inactive"] else ""
    text = f"{record['name']}: {record['current']} ({values}; default {record['default']}{state})"
    if not record["setting"]:
        return text
    return f"{text}, set by {record['setting']}=" + (
        ' with a number or "auto"' if record["automatic"] else ""
    )


def _format_record(entry: _native.CameraFormat) -> dict[str, Any]:
    return {
        "format": entry.name,
        "description": entry.description,
        "supported": entry.supported,
        "sizes": [_size_record(size) for size in entry.sizes],
    }


def _size_record(size: _native.CameraSize) -> dict[str, Any]:
    grid = {
        "smallest": (size.min_width, size.min_height),
        "step": (size.step_width, size.step_height),
    }
    return {
        "width": size.width,
        "height": size.height,
        **(grid if size.step_width > 0 else {}),
        "fps": size.fps,
        "fps_range": size.fps_range,
    }


def _lines(camera: _native.CameraInfo) -> Iterator[str]:
    origin = ", ".join(part for part in (camera.driver, camera.bus) if part)
    yield f"{camera.path}  {camera.name or 'unknown'}" + (f"  ({origin})" if origin else "")
    if camera.problem:
        yield f"    {camera.problem}"
    for entry in camera.formats:
        if not entry.supported:
            continue
        sizes = [_size(size) for size in entry.sizes] or ["the driver does not list its sizes"]
        for number, text in enumerate(sizes):
            yield f"    {entry.name if number == 0 else '':<6} {text}"
    if others := [entry.name for entry in camera.formats if not entry.supported]:
        yield f"    freshframe cannot read: {', '.join(others)}"


def _size(size: _native.CameraSize) -> str:
    text = f"{size.width}x{size.height}"
    if size.step_width > 0:
        steps = f"{size.step_width}x{size.step_height}"
        text = f"{size.min_width}x{size.min_height} to {text} in steps of {steps}"
    rates = [f"{rate:g}" for rate in size.fps]
    if not rates:
        return text
    return f"{text} at {' to '.join(reversed(rates)) if size.fps_range else ', '.join(rates)} fps"


def _permission_advice() -> str:
    """Returns how this user gets access: by joining the group that owns the device, usually `video`."""
    try:
        members = grp.getgrnam("video")
    except KeyError:
        return "there is no group 'video' here: 'ls -l /dev/video*' shows which group may use cameras"
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # OSError: since Python 3.13
        return f"user {os.getuid()} has no name here; if this is a container, start it with --group-add video"
    if members.gr_gid in os.getgroups():
        return (
            "this user is in group 'video', but the device belongs to another group: see 'ls -l /dev/video*'"
        )
    if user in members.gr_mem:
        return f"{user} is in group 'video', but not yet in this session: log out and in again"
    return (
        f"cameras belong to group 'video': run 'sudo usermod -aG video {user}'\n"
        "then log out and in again, or start a shell with 'newgrp video' to try it immediately"
    )
