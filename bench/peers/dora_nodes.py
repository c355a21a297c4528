"""dora-rs: camera, fast and slow branch are nodes, each in its own process; an input keeps one message.

Needs dora-rs, dora-rs-cli, pyarrow, opencv-python-headless.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import dora
import pyarrow
import webcam
from measure import Branch, Running

INPUT = "    inputs:\n      picture:\n        source: camera/picture\n        queue_size: 1\n"


def start(url: str, size: tuple[int, int], fast: Branch, slow: Branch | None, _mode: str) -> Running:
    """Uses one decoder thread."""
    folder = Path(tempfile.mkdtemp())
    branches = {"fast": fast, **({"slow": slow} if slow else {})}
    (folder / "branches").write_bytes(pickle.dumps(branches))
    settings = json.dumps(json.dumps({"url": url, "size": size, "branches": str(folder / "branches")}))

    def node(name: str, ports: str) -> str:
        return (
            f"  - id: {name}\n    path: {sys.executable}\n    args: {Path(__file__).resolve()}\n"
            f"    env:\n      PEER_NODE: {name}\n      PEER_SETTINGS: {settings}\n{ports}"
        )

    nodes = [node("camera", "    outputs:\n      - picture\n"), *(node(name, INPUT) for name in branches)]
    (folder / "dataflow.yml").write_text("nodes:\n" + "".join(nodes))
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            [str(Path(sys.executable).with_name("dora")), "run", str(folder / "dataflow.yml")],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def stop() -> None:
        running.send_signal(signal.SIGINT)
        running.wait()

    return Running(stop)


def main() -> None:
    """Runs one of the nodes."""
    settings: dict[str, Any] = json.loads(os.environ["PEER_SETTINGS"])
    name = os.environ["PEER_NODE"]
    node: Any = dora.Node()
    if name == "camera":
        os.environ["OPENCV_FFMPEG_THREADS"] = "1"
        url = settings["url"]
        capture = webcam.open_webcam(url) or cv2.VideoCapture(url, cv2.CAP_FFMPEG)
        while True:
            found, picture = capture.read()
            if not found:
                return
            node.send_output("picture", pyarrow.array(picture.ravel()), {})
    width, height = settings["size"]
    branch: Branch = pickle.loads(Path(settings["branches"]).read_bytes())[name]
    for event in node:
        if event["type"] == "STOP":
            return
        if event["type"] == "INPUT":
            branch(event["value"].to_numpy().reshape(height, width, 3))


if __name__ == "__main__":
    main()
