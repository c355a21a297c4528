"""docs/how-to/boxes-in-a-browser.md: its program is short, and serves pictures and the names of objects."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from rigs.ports import free_port
from support import WATCHDOG

import freshframe as ff

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "boxes-in-a-browser.md"
(PROGRAM,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_program_has_at_most_twenty_lines() -> None:
    assert len([line for line in PROGRAM.splitlines() if line]) <= 20


def page_with_a_result(url: str, program: subprocess.Popen[str]) -> str:
    """The program's page, once its detector has found something."""
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


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="needs onnxruntime")
def test_the_page_shows_a_picture_and_what_is_found_in_it() -> None:
    port = free_port()
    text = PROGRAM.replace("8000", str(port))
    assert text != PROGRAM
    command = [sys.executable, "-c", text]
    path = {**os.environ, "PYTHONPATH": str(Path(ff.__file__).parents[1])}
    with subprocess.Popen(
        command, env=path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as program:
        try:
            page = page_with_a_result(f"http://127.0.0.1:{port}", program)
            assert re.search(r"<li>(ball|square|triangle) [01]\.\d\d", page)
            (picture,) = re.findall(r"<img src='(http://127\.0\.0\.1:\d+/api/picture/\S+\.mjpg)'>", page)
            with urllib.request.urlopen(picture, timeout=WATCHDOG) as answer:
                assert b"\xff\xd8\xff" in answer.read(2000)  # a JPEG begins
        finally:
            program.terminate()
