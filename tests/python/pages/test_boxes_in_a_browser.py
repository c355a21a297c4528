"""docs/how-to/boxes-in-a-browser.md: its program is short, and serves live video and the names of objects."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import contextlib
import http.client
import importlib.util
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from rigs.onnx_files import constant
from rigs.ports import free_port
from support import WATCHDOG

import freshframe as ff

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "boxes-in-a-browser.md"
(PROGRAM,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_program_has_at_most_twenty_lines() -> None:
    assert len([line for line in PROGRAM.splitlines() if line]) <= 20


def page_with_a_result(url: str, program: subprocess.Popen[str]) -> str:
    """Returns the page of the program as soon as the detector has found something."""
    deadline = time.monotonic() + WATCHDOG
    text = ""
    while "<li>" not in text:
        assert time.monotonic() < deadline, f"the page has no result: {text!r}"
        if program.poll() is not None:
            pytest.fail(f"the program has ended: {program.communicate()[0]}")
        try:
            with urllib.request.urlopen(url, timeout=WATCHDOG) as answer:
                text = answer.read().decode()
        except urllib.error.URLError:  # the page is not served yet
            time.sleep(0.05)
    return text


def upgrade(server: str, origin: str) -> int:
    """Returns the HTTP status of the WebSocket request of a page of this origin."""
    connection = http.client.HTTPConnection(server, timeout=WATCHDOG)
    with contextlib.closing(connection):
        key = base64.b64encode(bytes(16)).decode()
        connection.request("GET", "/api/video", headers={
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key, "Origin": origin,
        })  # fmt: skip
        return connection.getresponse().status


def nameless(path: Path) -> str:
    """Returns the arguments of a detector that finds one box of class 1 and has no class names."""
    rows = np.zeros((1, 6, 84), np.float32)  # output of YOLOv8, on 64x64
    rows[0, :, 5] = [16, 24, 16, 16, 0.1, 0.9]
    return f"{str(constant(path, {'output0': rows}))!r}, layout='yolov8'"


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="needs onnxruntime")
@pytest.mark.parametrize("named", [True, False], ids=["names", "no names"])
def test_the_page_shows_a_picture_and_what_is_found_in_it(named: bool, tmp_path: Path) -> None:
    port = free_port()
    text = PROGRAM.replace("8000", str(port))
    assert text != PROGRAM
    if not named:
        text = text.replace("ff.demo.shapes_model()", nameless(tmp_path / "nameless.onnx"))
    command = [sys.executable, "-c", text]
    path = {**os.environ, "PYTHONPATH": str(Path(ff.__file__).parents[1])}
    with subprocess.Popen(
        command, env=path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as program:
        try:
            page = page_with_a_result(f"http://127.0.0.1:{port}", program)
            wanted = r"<li>(ball|square|triangle)\b" if named else r"<li>1\b"
            assert re.search(wanted, page)
            view = (
                r'<freshframe-view src="http://(\S+?)/" port="(\w+)" labels="{class_name} {confidence:.2f}">'
            )
            ((server, shown),) = re.findall(view, page)
            assert f'<script type="module" src="http://{server}/view.js">' in page
            assert upgrade(server, f"http://127.0.0.1:{port}") == 101
            assert upgrade(server, "http://127.0.0.1:1") == 403
            with urllib.request.urlopen(
                f"http://{server}/api/picture/{shown}.jpg", timeout=WATCHDOG
            ) as answer:
                assert answer.read(3) == b"\xff\xd8\xff"  # start of a JPEG
        finally:
            program.terminate()
