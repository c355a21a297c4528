"""A page with a <freshframe-camera>, a painted camera, and a fake of the server's WebSocket."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from browser import Page
    from video_server import VideoServer

TIME_BITS, NUMBER_BITS = 44, 20  # bits of the painted time in ms, and of the frame number

# Replaces the camera by a canvas: a row of 44 blocks with Date.now(), and a row with the frame number, twice.
# If `camera.refusal` is set, requesting the camera throws an exception with that name.
PAINTED = """
window.camera = {
  width: 640, height: 360, fps: 30, refusal: null, painted: 0, opened: 0, asked: null, track: null,
};
camera.paint = (context) => {
  const {width, height} = context.canvas;
  const [block, row] = [width / 44, height / 6];
  context.fillStyle = `hsl(${camera.painted % 360} 40% 50%)`;
  context.fillRect(0, 0, width, height);
  const bits = (value, from, count, top) => {
    for (let at = 0; at < count; ++at) {
      context.fillStyle = Math.floor(value / 2 ** (count - 1 - at)) % 2 ? '#fff' : '#000';
      context.fillRect((from + at) * block, top, block + 1, row);
    }
  };
  bits(Date.now(), 0, 44, row);
  bits(camera.painted, 0, 20, 3 * row);
  bits(camera.painted, 24, 20, 3 * row);
};
camera.open = async ({video}) => {
  camera.asked = video;
  if (camera.refusal) throw new DOMException('not here', camera.refusal);
  ++camera.opened;
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', {alpha: false});
  const resize = () => {
    if (canvas.width !== camera.width) Object.assign(canvas, {width: camera.width, height: camera.height});
  };
  resize();
  const stream = canvas.captureStream(0);
  const [track] = stream.getVideoTracks();
  camera.track = track;
  let next = performance.now();
  const go = () => {
    if (track.readyState !== 'live') return;
    resize();
    camera.paint(context);
    ++camera.painted;
    (track.requestFrame ? track : stream).requestFrame();
    next = Math.max(next + 1000 / camera.fps, performance.now() - 100);
    setTimeout(go, Math.max(0, next - performance.now()));
  };
  go();
  return new MediaStream([track]);
};
if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = camera.open;
"""

# A fake of the server's end of /api/camera, within the page. `desk.answer` is the type of the response to
# `send`.
DESK = """
window.desk = {
  sockets: [], heard: [], answer: 'yours', acks: true,
  wants: {width: 640, height: 360, fps: 30, bitrate: null},
};
window.WebSocket = class {
  static OPEN = 1;
  readyState = 0;
  bufferedAmount = 0;
  closed = null;
  constructor(url) {
    this.url = String(url);
    desk.sockets.push(this);
    setTimeout(() => { this.readyState = 1; this.onopen(); });
  }
  send(data) {
    if (typeof data === 'string') {
      const message = JSON.parse(data);
      desk.heard.push(message);
      const {time, send} = message;
      if (time !== undefined) this.tell({type: 'time', time, now: Date.now() / 1000 + 1000});
      if (send !== undefined) this.tell({type: desk.answer, ...(desk.answer === 'yours' ? desk.wants : {})});
      return;
    }
    const head = new DataView(data);
    const frame = {
      kind: head.getUint8(0), key: head.getUint8(1), camera: head.getUint16(2, true),
      number: head.getUint32(4, true), skipped: head.getUint32(8, true), error: head.getUint32(12, true),
      pts: head.getFloat64(16, true), captured: head.getFloat64(24, true), size: data.byteLength - 32,
      at: Date.now() / 1000 + 1000, start: [...new Uint8Array(data, 32, 5)],
    };
    desk.heard.push({frame});
    if (desk.acks) this.tell({type: 'ack', n: frame.number, key: false, waited: 0});
  }
  tell(message) { setTimeout(() => this.onmessage?.({data: JSON.stringify(message)})); }
  drop(code, reason = '') { this.readyState = 3; this.onclose?.({code, reason}); }
  close(code) { this.readyState = 3; this.closed = code ?? 1005; }
};
"""
BODY = """<script>{script}</script>
<script type="module" src="{src}camera.js"></script>
<freshframe-camera src="{src}" camera="{camera}" token="{token}" {more}></freshframe-camera>"""
FACE = "document.querySelector('freshframe-camera').shadowRoot"
FRAMES = "desk.heard.filter((one) => one.frame).map((one) => one.frame)"


def show(
    page: Page,
    server: VideoServer,
    *,
    script: str = PAINTED + DESK,
    src: str = "/",
    camera: str = "front",
    token: str = "secret",
    more: str = "",
    host: str = "",
) -> None:
    """Opens a page that sends the painted camera, by default to the fake server."""
    body = BODY.format(script=script, src=src, camera=camera, token=token, more=more)
    page.load(server.page(body, name="sends", host=host))
    page.run(
        "window.states = [];"
        "document.querySelector('freshframe-camera')"
        ".addEventListener('state', ({detail}) => states.push(detail))"
    )


def words(page: Page) -> str:
    """Returns the sentence that the page shows."""
    return str(page.run(f"return {FACE}.querySelector('.words').textContent"))


def until_words(page: Page, part: str) -> None:
    page.until(f"return {FACE}.querySelector('.words').textContent.includes(arguments[0])", part)


def press(page: Page, name: str) -> None:
    """Clicks a button of the element."""
    page.until(
        f"const button = [...{FACE}.querySelectorAll('button')].find((one) => !one.hidden && "
        "one.textContent === arguments[0]); button?.click(); return button !== undefined",
        name,
    )


def read_painted(luma: np.ndarray[Any, np.dtype[np.uint8]]) -> tuple[float, int] | None:
    """Returns the Unix time at which a frame was painted and its number, or None if they cannot be read."""
    height, width = luma.shape
    block, row = width / 44, height / 6

    def bits(start: int, count: int, top: float) -> int:
        number = 0
        for at in range(start, start + count):
            left, right = round((at + 0.3) * block), round((at + 0.7) * block)
            place = luma[round(top + 0.3 * row) : round(top + 0.7 * row), left:right]
            number = number * 2 + bool(place.mean() > 128)
        return number

    first, second = bits(0, NUMBER_BITS, 3 * row), bits(24, NUMBER_BITS, 3 * row)
    return (bits(0, TIME_BITS, row) / 1000, first) if first == second else None
