"""Sets controls of a V4L2 device by name: those with which the kernel's virtual camera breaks on demand."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import fcntl
import os
import struct

# linux/videodev2.h
_QUERYCTRL = 0xC0445624
_S_CTRL = 0xC008561C
_NEXT_CTRL = 0x80000000
_DESCRIPTION = struct.Struct("=II32siiiiI8x")
_VALUE = struct.Struct("=Ii")

DROPPED = "Percentage of Dropped Buffers"
GAIN = "Gain"
DISCONNECT = "Disconnect"
FATAL_ERROR = "Inject Fatal Streaming Error"
STREAMON_ERROR = "Inject VIDIOC_STREAMON Error"


def set_control(device: str, name: str, value: int) -> None:
    """Sets the control.

    Raises:
        KeyError: The device has none of this name.
        OSError: The driver refused.
    """
    descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(descriptor, _S_CTRL, _VALUE.pack(_number(descriptor, name), value))
    finally:
        os.close(descriptor)


def _number(descriptor: int, name: str) -> int:
    number = 0
    known: list[str] = []
    while True:
        buffer = bytearray(_DESCRIPTION.size)
        struct.pack_into("=I", buffer, 0, number | _NEXT_CTRL)
        try:
            fcntl.ioctl(descriptor, _QUERYCTRL, buffer)
        except OSError:
            raise KeyError(f"no control {name!r}; there are: {', '.join(known)}") from None
        number, _, text, *_ = _DESCRIPTION.unpack(buffer)
        known.append(text.split(b"\x00")[0].decode())
        if known[-1] == name:
            return int(number)
