"""What a folder holds when a program begins with it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os

from .folder import segment_path, segments_of
from .lines import Content, Segment, UnreadableBoxError, read_content


def read_folder(folder: str) -> tuple[list[Segment], Content | None, int]:
    """Finds the segments. Removes those at the end that were begun and not synced.

    Returns:
        The segments, the content of the newest one (None: there is none), and the least next number.

    Raises:
        UnreadableBoxError: The newest one is no segment, or that of another version.
    """
    firsts = segments_of(folder)
    content: Content | None = None
    least = 1
    while firsts and content is None:
        path = segment_path(folder, firsts[-1])
        with open(path, "rb") as file:
            data = file.read()
        content = read_content(data, firsts[-1])
        if content is not None:
            break
        head, end, _ = data.partition(b"\n")
        if end and b"\0" not in head:
            raise UnreadableBoxError(f"{os.path.basename(path)!r} does not begin as a segment does")
        os.unlink(path)
        least = max(least, firsts.pop())
    segments = [Segment(first, os.stat(segment_path(folder, first)).st_size) for first in firsts]
    return segments, content, max(least, content.next if content else 1)
