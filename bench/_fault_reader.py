"""Reads a URL with one library and says what its user sees: the child process of fault_table.py."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

READ = 12.0  # seconds that each wants to read


def read_freshframe(url: str, told: Callable[..., None]) -> None:
    """With its defaults but for limits of 3 s, so that READ also covers the time after a limit."""
    import freshframe as ff  # noqa: PLC0415  each child loads one library

    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(url, open_timeout=3.0, read_timeout=3.0), name="camera")
    reader = pipeline.reader(camera)
    began = time.monotonic()
    with pipeline:
        while time.monotonic() - began < READ:
            if sample := reader.poll():
                told(frame=sample.value.luma.shape)
                continue
            source = pipeline.stats().nodes["camera"].source
            assert source is not None
            told(state=source.state, error=source.last_error)
            time.sleep(0.005)


def read_cv2(url: str, told: Callable[..., None]) -> None:
    """A loop over read() until it is False."""
    import cv2  # noqa: PLC0415

    began = time.monotonic()
    capture = cv2.VideoCapture(url)
    told(state="opened" if capture.isOpened() else "not opened")
    while time.monotonic() - began < READ:
        good, picture = capture.read()
        if not good:
            told(error="read() is False")
            break
        told(frame=picture.shape)
    capture.release()


def read_av(url: str, told: Callable[..., None]) -> None:
    """A loop over decode()."""
    import av  # noqa: PLC0415

    began = time.monotonic()
    try:
        with av.open(url) as container:
            told(state="opened")
            for frame in container.decode(video=0):
                told(frame=(frame.height, frame.width))
                if time.monotonic() - began >= READ:
                    return
        told(error="the loop ended")
    except av.FFmpegError as error:
        told(error=f"{type(error).__name__}: {error}")


def child(peer: str, url: str) -> None:
    """Reads and writes a JSON line whenever something changes; counts frames."""
    began = time.monotonic()
    seen: dict[str, Any] = {"frames": 0, "last_frame": 0.0, "sizes": []}
    last = ""

    def told(frame: Any = None, **news: Any) -> None:
        nonlocal last
        now = round(time.monotonic() - began, 2)
        if frame is not None:
            seen["frames"] += 1
            seen["last_frame"] = now
            if list(frame[:2]) not in seen["sizes"]:
                seen["sizes"].append(list(frame[:2]))
        text = json.dumps(news, sort_keys=True)
        changed = frame is None and text != last
        if changed:
            if news.get("error"):
                seen.setdefault("first_news", now)
            last = text
            seen.update(news)
        if frame is not None or changed:
            print(json.dumps(seen | {"at": now}), flush=True)

    readers = {"freshframe": read_freshframe, "cv2": read_cv2, "av": read_av}
    readers[peer](url, told)
    print(json.dumps(seen | {"at": round(time.monotonic() - began, 2), "ended": True}), flush=True)


if __name__ == "__main__":
    child(*sys.argv[1:])
