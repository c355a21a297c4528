"""Measures the age of the frame on screen if the link of <freshframe-view> has half of the video's bit rate.

A camera on loopback sends 640x360 at 15 fps and 1 Mbit/s over RTSP, with a keyframe every two seconds. Each
frame has its number in the pixels, and the camera records when it was sent. A headless Chromium shows the
camera in the element over a link that passes half of the stream's bytes per second and buffers 32 kB: from
the server itself, and through nginx and Caddy with their default buffers, configured as in
docs/how-to/boxes-in-a-browser.md. The browser plays by WebCodecs, or by MSE if it has no WebCodecs.

Each case is measured twice: the link is slow when the page is loaded, and it becomes slow while the video is
live. The page reads the number from its canvas twenty times per second, from the first `live` on. The age is
the time since that frame was sent, so it grows while a frame stays on screen. Requires what ./dev test-web
installs. A proxy that is not installed is left out.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _measure import ROOT, Result, Row, arguments, quantile
from _servers import MissingError, await_port, program, running
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
GOAL = 1.3  # seconds, p99
WIDE = 4.0  # times the stream's rate, before the link becomes slow
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
CADDY = """
{{
  admin off
  auto_https off
}}
http://127.0.0.1:{port} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{target}
}}
"""
PROXIES = ("direct", "nginx", "caddy")
PLAYERS = ("webcodecs", "mse")
PACKAGES = {"nginx": "nginx-light", "caddy": "caddy"}  # of Debian
SETTLED = 10  # seconds of video before the link becomes slow
WATCH = f"""
if (PLAYER === 'mse') delete window.VideoDecoder;
[window.seen, window.states] = [[], []];
const now = () => (performance.timeOrigin + performance.now()) / 1000;
const look = view => {{
  const canvas = view.shadowRoot.querySelector('canvas');
  const row = canvas.getContext('2d').getImageData(0, Math.floor(canvas.height / 16), canvas.width, 1).data;
  let number = 0;
  for (let bit = 0; bit < {BITS}; ++bit)
    if (row[4 * Math.floor((bit + 0.5) * canvas.width / {BITS})] > 128) number |= 1 << bit;
  if (states.some(one => one[1] === 'live')) seen.push([number, now()]);
}};
const starts = setInterval(() => {{
  const view = document.querySelector('freshframe-view');
  if (!view?.shadowRoot) return;
  clearInterval(starts);
  view.style.width = '640px';
  view.addEventListener('state', ({{detail}}) =>
    states.push([now(), detail.state, detail.mode, detail.age, detail.left_out, detail.why]));
  setInterval(() => look(view), 50);
}}, 10);
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
def proxied(kind: str, target: int) -> Iterator[int]:
    """Yields the port of a proxy that forwards to `target`. Raises MissingError."""
    if kind == "direct":
        yield target
        return
    path = program(kind, Path("/usr/sbin/nginx") if kind == "nginx" else None)
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = folder / "settings"
        text = {"nginx": NGINX, "caddy": CADDY}[kind].format(folder=folder, port=port, target=target)
        settings.write_text(text, encoding="utf-8")
        command = {
            "nginx": [path, "-p", name, "-c", str(settings)],
            "caddy": [path, "run", "--adapter", "caddyfile", "--config", str(settings)],
        }[kind]
        with running(command, folder) as process:
            await_port(port, process)
            yield port


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


def report(seen: list[tuple[float, float]], states: list[list[Any]]) -> None:
    """Prints the highest age in each second, and the states that the view reported in it."""
    begun = int(seen[0][0])
    for second in range(begun, int(seen[-1][0]) + 1):
        mine = [age for at, age in seen if second <= at < second + 1]
        said = [(s[1], s[2], round(s[3] or -1, 2), s[4]) for s in states if second <= s[0] < second + 1]
        if mine:
            print(second - begun, f"{max(mine):.2f}", said)


def measure(
    page: browser.Page, proxy: str, player: str, *, begins_slow: bool, options: argparse.Namespace
) -> dict[str, float]:
    """Shows the camera for some seconds over a slow link."""
    clip = film(PICTURES)
    stream = sum(map(len, clip.frames)) / PICTURES * FPS  # bytes per second
    rate = stream * (0.5 if begins_slow else WIDE)
    script = {"source": f"const PLAYER = '{player}';{WATCH}"}
    load = os.getloadavg()[0]
    with Camera(clip) as camera:
        port = free_port()
        pipeline = ff.Pipeline()
        door = pipeline.add(ff.open(camera.url, **PATIENT), name="door")
        with proxied(proxy, port) as behind, slow_link(behind, lambda: rate, down=True) as near:
            site = f"http://127.0.0.1:{near}"
            with pipeline, pipeline.serve(host="127.0.0.1", port=port, view=door, origins=[site]) as _:
                added = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
                page.load(f"{site}/view.html#port=door")
                page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
                if not begins_slow:
                    page.until(
                        "return states.at(-1)?.[1] === 'live' && states.at(-1)[2] === arguments[0]", player
                    )
                    time.sleep(SETTLED)
                    page.run("seen.length = 0")
                rate = stream / 2
                time.sleep(options.seconds)
                found = ages(page.run("return seen"), camera.sent)
                states = page.run("return states")
                page.load("about:blank")
    if options.timeline:
        report(found, states)
    young = [age for _, age in found]
    return {
        "looks": len(young),
        "p50_s": quantile(young, 0.5),
        "p90_s": quantile(young, 0.9),
        "p99_s": quantile(young, 0.99),
        "worst_s": max(young),
        "attempts": sum(a[2] == "jpeg" and b[2] != "jpeg" for a, b in itertools.pairwise(states)),
        "load": load,
    }


def main() -> None:
    """Measures each player behind each proxy."""
    options = arguments(
        __doc__,
        "view_slow",
        flags={"timeline": "also print each second's oldest look, and what the view said"},
        names={"proxies": PROXIES, "players": PLAYERS},
        seconds=60,
    )
    result = Result(
        "view_slow", "Age on the screen over a link of half the rate", {"seconds": options.seconds}
    )
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        browser.started(Path(profile)) as page,
    ):
        for proxy, player, begins_slow in itertools.product(options.proxies, options.players, (True, False)):
            try:
                figures = measure(page, proxy, player, begins_slow=begins_slow, options=options)
            except MissingError as error:
                print(f"{error}, so it is left out: apt-get install {PACKAGES[proxy]}", file=sys.stderr)
                continue
            name = f"{proxy}, {player}, {'slow at the start' if begins_slow else 'becomes slow'}: p99, s"
            print(name, {key: round(value, 2) for key, value in figures.items()}, flush=True)
            result.add(Row(name, figures, figures["p99_s"], GOAL))
    result.keep(options.out)


if __name__ == "__main__":
    main()
