"""Measures how soon <freshframe-view> shows a frame: when it joins, after stalls of the link, and after cuts.

A camera on loopback sends 640x360, H.264, at 15 fps and 1 Mbit/s over RTSP. A headless Chromium shows it in
the element. The page records when each frame is drawn, and each change of state.

Joins: the element is added at random moments of the GOP (2 s and 10 s), on a page that was just loaded, and
again on the same page, which then has a connection. There are no other viewers. Measures the seconds to the
first frame and to the state `live`.

Stalls and cuts, with GOPs of 2 s: a relay between page and server blocks the data to the page for 0.6 s every
few seconds. Measures the seconds from the end of a stall to the first frame within the maximum lag of a
viewer, and to the first one of at most 0.2 s. Then the relay closes the connections, and the page reconnects
after 0.5 s. Measures the seconds to `live`, from when the relay has accepted the connection and from the cut.

During the stalls, each frame that the camera has sent (by its pts, in steps of 1/15 s) must have been shown,
have arrived too late to be drawn, or have been skipped by the server. Otherwise it is unaccounted for.
Requires what ./dev test-web installs.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import random
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from _measure import ROOT, Result, Row, arguments, quantile
from view_slow import FPS, film

sys.path.insert(0, str(ROOT / "tests" / "python"))
sys.path.insert(0, str(ROOT / "tests" / "web"))

import browser
from rigs.live.camera import PATIENT
from rigs.live.rtsp import RtspServer
from rigs.live.truth.relay import Relay
from rigs.ports import free_port

import freshframe as ff

GROUPS = (2, 10)  # seconds from keyframe to keyframe
STALL = 0.6  # seconds
YOUNG = 0.2  # maximum age of a frame without a stall, in seconds
MOST = 1.0  # maximum lag of a viewer, in seconds
GOALS: dict[Any, float] = {"picture": 0.3, ("live", 2): 1.0, ("live", 10): 3.0, "after": 0.5}
# Records each frame that arrived, each that was drawn, and each state, with Unix times.
NOTE = """
window.now = () => (performance.timeOrigin + performance.now()) / 1000;
[window.came, window.drawn, window.states] = [[], [], []];
window.add = () => {
  const view = document.createElement('freshframe-view');
  view.setAttribute('port', 'door');
  view.style.width = '640px';
  view.addEventListener('results', ({detail}) => drawn.push([now(), detail.pts, detail.utc]));
  view.addEventListener('state', ({detail}) =>
    states.push([now(), detail.state, detail.mode, detail.left_out]));
  [came.length, drawn.length, states.length] = [0, 0, 0];
  window.added = now();
  document.body.replaceChildren(view);
};
window.WebSocket = class extends WebSocket {
  constructor(...all) {
    super(...all);
    this.addEventListener('message', ({data}) => {
      if (typeof data === 'string') return;
      const head = new DataView(data);
      if (head.getUint8(0) === 2) came.push(head.getFloat64(16, true));
    });
  }
};
"""
JOINED = """
const live = states.find(one => one[1] === 'live');
return drawn.length > 0 && live && [drawn[0][0] - added, live[0] - added, live[2]];
"""


class Link(Relay):
    """The relay. Records the Unix times at which connections are accepted."""

    def __init__(self, behind: int) -> None:
        """Starts to listen. `behind`: the server's port."""
        self.accepted: list[float] = []
        super().__init__(behind)

    def talk(self, connection: socket.socket) -> None:
        """Serves one client, and records when it was accepted."""
        self.accepted.append(time.time())
        super().talk(connection)


@contextlib.contextmanager
def served(group: int, port: int, origins: Sequence[str] = ()) -> Iterator[None]:
    """Serves a camera on this port."""
    with RtspServer(film(10 * FPS, group=group)) as camera:
        pipeline = ff.Pipeline()
        door = pipeline.add(ff.open(camera.url, **PATIENT), name="door")
        with pipeline, pipeline.serve(host="127.0.0.1", port=port, view=door, origins=list(origins)):
            yield


def load(page: browser.Page, port: int) -> None:
    """Loads a page of the server that has no view yet."""
    page.load(f"http://127.0.0.1:{port}/view.html")
    page.until("return customElements.get('freshframe-view') !== undefined")
    page.run(NOTE)


def joins(page: browser.Page, group: int, count: int) -> list[Row]:
    """Measures `count` joins of each kind."""
    found: dict[str, list[Any]] = {"a new page": [], "a page with a connection": []}
    port, moments = free_port(), random.Random(group)
    with served(group, port):
        time.sleep(group + 1)
        for _ in range(count):
            load(page, port)
            for mine in found.values():
                time.sleep(moments.uniform(0, group))
                page.run("add()")
                mine.append(page.until(JOINED))
                page.run("document.body.replaceChildren()")
    rows = []
    for name, mine in found.items():
        for place, (what, goal) in enumerate((("picture", GOALS["picture"]), ("live", GOALS["live", group]))):
            seconds = [one[place] for one in mine]
            figures = {"joins": len(mine), **p50_and_worst(seconds)}
            if what == "live":
                figures["by_webcodecs"] = sum(one[2] == "webcodecs" for one in mine)
            title = f"{name}, groups of {group} s: {what}, s, p99"
            rows.append(Row(title, figures, quantile(seconds, 0.99), goal))
    return rows


def p50_and_worst(seconds: list[float]) -> dict[str, float]:
    """Returns p50 and the maximum."""
    return {"p50_s": quantile(seconds, 0.5), "worst_s": max(seconds)}


def after(times: list[float], begin: float) -> float:
    """Returns the seconds from `begin` to the next of these times, or infinity."""
    return min((at - begin for at in times if at >= begin), default=float("inf"))


def stalls(page: browser.Page, relay: Link, count: int) -> list[Row]:
    """Measures `count` stalls, and accounts for all frames during them."""
    moments, ends = random.Random(1), []
    for _ in range(count):
        time.sleep(moments.uniform(1, 3))
        relay.flows.clear()
        time.sleep(STALL)
        relay.flows.set()
        ends.append(time.time())
    time.sleep(2)
    came, drawn, states = page.run("return [came, drawn, states]")
    rows = []
    for title, oldest in (("a picture that is not old", MOST), ("a young picture", YOUNG)):
        times = [at for at, _, captured in drawn if at - captured <= oldest]
        seconds = [after(times, end) for end in ends]
        figures = {"stalls": count, **p50_and_worst(seconds)}
        name = f"stalls of {STALL} s: {title}, s, p99"
        rows.append(Row(name, figures, quantile(seconds, 0.99), GOALS["after"]))
    numbers = {round(pts * FPS) for pts in came}
    shown = {round(pts * FPS) for _, pts, _ in drawn}
    sent = range(min(numbers), max(numbers) + 1)
    live = next(at for at, state, _, _ in states if state == "live")
    joined = max(round(pts * FPS) for at, pts, _ in drawn if at <= live)
    left_out = states[-1][3]
    became: dict[str, Any] = {
        "sent": len(sent),
        "shown": len(shown),
        "passed_over_while_joining": sum(number < joined for number in numbers - shown),
        "came_too_late": sum(number >= joined for number in numbers - shown),
        "left_out": left_out,
        "modes": "+".join(sorted({mode for _, _, mode, _ in states if mode})),
        "states": "+".join(sorted({state for _, state, _, _ in states})),
    }
    unaccounted = len(sent) - len(numbers | shown) - left_out
    unclear = "JPEGs came, which are not of all pictures" if "jpeg" in became["modes"] else ""
    rows.append(Row("stalls: pictures unaccounted", became, abs(unaccounted), 0, unclear=unclear))
    return rows


def cuts(page: browser.Page, relay: Link, count: int) -> list[Row]:
    """Measures `count` cuts."""
    moments, found = random.Random(2), []
    for _ in range(count):
        time.sleep(moments.uniform(0.5, 2.5))
        page.run("states.length = 0")
        cut = time.time()
        relay.hang_up()
        live = page.until(
            """const lost = states.findIndex(one => one[1] === 'lost');
            return lost >= 0 && states.slice(lost).find(one => one[1] === 'live')?.[0]"""
        )
        found.append((live - max(at for at in relay.accepted if at < live), live - cut))
    from_new, from_cut = ([one[place] for one in found] for place in (0, 1))
    figures = {"cuts": count, **p50_and_worst(from_new)}
    figures |= {f"from_the_cut_{key}": value for key, value in p50_and_worst(from_cut).items()}
    title = "cuts: live after the new connection, s, p99"
    return [Row(title, figures, quantile(from_new, 0.99), GOALS["after"])]


def main() -> None:
    """Measures joins, stalls and cuts."""
    options = arguments(__doc__, "view_joins", joins=25, stalls=50, cuts=100)
    counts = {key: getattr(options, key) for key in ("joins", "stalls", "cuts")}
    result = Result("view_joins", "How soon <freshframe-view> is live", counts)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        browser.started(Path(profile)) as page,
    ):
        for group in GROUPS:
            for row in joins(page, group, options.joins):
                result.add(row)
        port = free_port()
        with (
            Link(port) as relay,
            served(GROUPS[0], port, [f"http://127.0.0.1:{relay.port}"]),
        ):
            load(page, relay.port)
            page.run("add()")
            page.until(JOINED)
            for row in stalls(page, relay, options.stalls) + cuts(page, relay, options.cuts):
                result.add(row)
    result.keep(options.out)


if __name__ == "__main__":
    main()
