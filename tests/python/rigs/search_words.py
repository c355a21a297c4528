"""What people type into the search of the site, and the page that answers it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

PAGES = {
    "minutes behind": "how-to/rtsp-stream-minutes-behind",
    "latency": "explanation/why-results-are-late",
    "MediaPipe": "how-to/hands-in-a-game",
    "pybind11": "how-to/release-the-gil-in-pybind11",
    "PyO3": "how-to/release-the-gil-in-pyo3",
    "rerun": "how-to/rerun",
    "screen capture": "how-to/screen",
    "rotate": "how-to/change-images",
    "QR code": "how-to/change-images",
    "mask": "how-to/change-images",
    "time lapse": "how-to/record-cameras",
    "occupancy": "how-to/count-objects",
    "OpenVINO": "how-to/gpu",
    "TensorRT": "how-to/gpu",
    "limit CPU": "how-to/limit-cpu",
    "20 cameras": "how-to/several-cameras",
    "headless": "how-to/deploy",
    "BUFFERSIZE": "how-to/rtsp-stream-minutes-behind",
    "lag": "explanation/why-results-are-late",
    "every frame": "how-to/process-a-file",
    "mirror": "how-to/change-images",
    "crop": "how-to/change-images",
    "blur": "how-to/change-images",
    "outages": "how-to/open-an-ip-camera",
    "reconnecting": "how-to/open-an-ip-camera",
    "frozen camera": "how-to/frozen-camera",
    "wall of cameras": "how-to/wall-of-cameras",
    "mosaic": "how-to/wall-of-cameras",
    "two or more models": "how-to/run-a-model",
    "heat map": "how-to/count-objects",
    "count people": "how-to/count-objects",
    "draw boxes": "how-to/draw",
    "Jupyter": "how-to/notebook",
    "pygame": "how-to/pygame",
    "H.264": "reference/packets",
    "UTC": "reference/time",
    "camera of a browser": "how-to/webcam-in-a-browser",
    "systemd": "how-to/deploy",
    "Docker": "how-to/deploy",
    "GPU": "how-to/gpu",
    "decode on a GPU": "how-to/gpu",
    "Kubernetes": "how-to/several-machines",
    "Home Assistant": "how-to/home-assistant",
    "pytest": "how-to/test-your-pipeline",
    "multiprocessing": "how-to/from-opencv",
    "MCP": "how-to/ask-a-vision-model",
    "supervision": "how-to/ultralytics",
    "nginx": "how-to/boxes-in-a-browser",
    "cheat sheet": "reference/card",
}


def headings(page: Path) -> list[str]:
    """Returns the headings of a page, its title first."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
