"""Measures the age of the frame on screen if the link of <freshframe-view> has half of the video's bit rate.

A camera on loopback sends 640x360 at 15 fps and 1 Mbit/s over RTSP, with a keyframe every two seconds. Each
frame has its number in the pixels, and the camera records when it was sent. A headless Chromium shows the
camera in the element, through nginx, configured as in docs/how-to/boxes-in-a-browser.md, and over a link that
passes half of the stream's bytes per second and buffers 32 kB. The page reads the number from its canvas ten
times per second. The age is the time since that frame was sent, so it grows while a frame stays on screen.
Requires nginx, and what ./dev test-web installs.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _measure import ROOT, Result, Row, arguments, quantile
from slow_link import slow_link
from view_ages import Camera

sys.path.insert(0, str(ROOT / "tests" / "python"))
sys.path.insert(0, str(ROOT / "tests" / "web"))

import browser
from rigs.live.camera import PATIENT
from rigs.live.faulty_server import FPS as ENCODED_FPS
from rigs.live.faulty_server import Clip
from rigs.live.media import encode
from rigs.ports import free_port
from video_server import BITS, painted

import freshframe as ff

FPS = 15
PICTURES = 240  # numbers repeat after these, so ages of 16 s or more are ambiguous
SIZE = (640, 360)
BITS_PER_SECOND = 1_000_000
GOALS = {"p99_s": 1.5}
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{target}/;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_buffering off;
      proxy_read_timeout 1h;
    }}
  }}
}}
"""
WATCH = f"""
window.seen = [];
window.states = [];
const view = document.querySelector('freshframe-view');
view.style.width = '640px';
view.addEventListener('state', ({{detail}}) => states.push([Date.now() / 1000, detail.state, detail.mode,
  detail.age, detail.left_out, detail.why]));
setInterval(() => {{
  const canvas = view.shadowRoot.querySelector('canvas');
  const row = canvas.getContext('2d').getImageData(0, Math.floor(canvas.height / 16), canvas.width, 1).data;
  let number = 0;
  for (let bit = 0; bit < {BITS}; ++bit)
    if (row[4 * Math.floor((bit + 0.5) * canvas.width / {BITS})] > 128) number |= 1 << bit;
  const at = (performance.timeOrigin + performance.now()) / 1000;
  if (states.some(one => one[1] === 'live')) seen.push([number, at]);
}}, 100);
"""


def draw(number: int, width: int, height: int) -> np.ndarray[Any, Any]:
    """Returns an image with its number on a moving background, which keeps it from compressing too well."""
    ground = np.random.default_rng(1).integers(40, 160, (height // 8 + 1, width // 8 + PICTURES + 1))
    x = np.arange(width) / 8 + number / 4
    y = np.arange(height)[:, None] / 8
    column, row = x.astype(int), y.astype(int)
    across, down = x - column, y - row
    upper = ground[row, column] * (1 - across) + ground[row, column + 1] * across
    lower = ground[row + 1, column] * (1 - across) + ground[row + 1, column + 1] * across
    noise = np.random.default_rng(number).normal(0, 4, (height, width))
    picture = np.clip(upper * (1 - down) + lower * down + noise, 0, 255).astype(np.uint8)
    picture[: height // 8] = painted(number, width, height)[: height // 8]
    return np.repeat(picture[..., None], 3, axis=2)


@contextlib.contextmanager
def nginx(target: int) -> Iterator[int]:
    """Yields the port of an nginx that forwards to `target`."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        settings = Path(folder) / "nginx.conf"
        settings.write_text(NGINX.format(folder=folder, port=port, target=target), encoding="utf-8")
        process = subprocess.Popen(["/usr/sbin/nginx", "-p", folder, "-c", str(settings)])
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


def ages(seen: list[tuple[int, float]], sent: list[tuple[float, int]]) -> list[tuple[float, float]]:
    """Returns when the page was read, and how many seconds before that its frame was sent."""
    latest: dict[int, list[float]] = {}
    for at, number in sent:
        latest.setdefault(number, []).append(at)
    found = []
    for number, at in seen:
        times = [when for when in latest.get(number, []) if when <= at]
        if times:
            found.append((at, at - times[-1]))
    return found


def film(pictures: int, *, group: int = 2) -> Clip:
    """Encodes a film of `pictures` frames, with a keyframe every `group` seconds."""
    bits = str(BITS_PER_SECOND * ENCODED_FPS // FPS)
    rate = {"b": bits, "maxrate": bits, "bufsize": bits, "g": str(group * FPS)}
    return replace(encode("h264", pictures, size=SIZE, draw=draw, options=rate), fps=FPS)


def main() -> None:
    """Shows the camera for some seconds."""
    options = arguments(
        __doc__,
        "view_slow",
        flags={"timeline": "also print each second's oldest look, and what the view said"},
        seconds=600,
    )
    result = Result(
        "view_slow", "Age on the screen over a link of half the rate", {"seconds": options.seconds}
    )
    clip = film(PICTURES)
    bytes_per_second = sum(map(len, clip.frames)) / PICTURES * FPS
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        browser.started(Path(profile)) as page,
        Camera(clip) as camera,
    ):
        port = free_port()
        pipeline = ff.Pipeline()
        door = pipeline.add(ff.open(camera.url, **PATIENT), name="door")
        with nginx(port) as proxy, slow_link(proxy, bytes_per_second / 2, down=True) as near:
            site = f"http://127.0.0.1:{near}"
            with pipeline, pipeline.serve(host="127.0.0.1", port=port, view=door, origins=[site]) as _:
                page.load(f"{site}/view.html#port=door")
                page.until("return document.querySelector('freshframe-view')?.shadowRoot != null")
                page.run(WATCH)
                time.sleep(options.seconds)
                found = ages(page.run("return seen"), camera.sent)
                states = page.run("return states")
    young = [age for _, age in found]
    figures = {
        "looks": len(young),
        "bytes_per_s": bytes_per_second,
        "p50_s": quantile(young, 0.5),
        "p90_s": quantile(young, 0.9),
        "p99_s": quantile(young, 0.99),
        "worst_s": max(young),
        "attempts": sum(a[2] == "jpeg" and b[2] != "jpeg" for a, b in itertools.pairwise(states)),
    }
    result.add(Row("age on the screen p99, s", figures, figures["p99_s"], GOALS["p99_s"]))
    result.keep(options.out)
    if options.timeline:
        begun = found[0][0]
        for second in range(int(options.seconds) + 1):
            mine = [age for at, age in found if second <= at - begun < second + 1]
            said = [one for one in states if second <= one[0] - begun < second + 1]
            if mine:
                print(second, f"{max(mine):.2f}", [(s[1], s[2], round(s[3] or -1, 2), s[4]) for s in said])


if __name__ == "__main__":
    main()
