"""A recording of a browser's camera holds the bytes that Chromium sent, and nothing decodes them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import until
from camera_page import PAINTED, press, show, until_words
from test_web_camera_server import SIZE, asked

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page
    from video_server import VideoServer

av = pytest.importorskip("av", reason="needs PyAV, which reads the recording")

# By the codec that stats() names: the beginning of the browser's name for it.
FAMILIES = {"h264": "avc1", "vp8": "vp8", "vp9": "vp09", "mjpeg": "jpeg"}
HEAD = 32  # bytes before an encoded frame
ENOUGH = 60  # packets
# Leaves one codec to the page, and hashes each frame that it sends.
SENT = f"""
const family = '{{family}}', supports = VideoEncoder.isConfigSupported.bind(VideoEncoder);
VideoEncoder.isConfigSupported = async (config) =>
  config.codec.startsWith(family) ? supports(config) : {{{{supported: false}}}};
window.sent = [];
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {{{{
  if (typeof data !== 'string') sent.push(crypto.subtle.digest('SHA-256', data.slice({HEAD})));
  send.call(this, data);
}}}};
"""
HASHES = """
const hex = (hash) => [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
return (await Promise.all(sent)).map(hex);
"""


def in_annex_b(packet: bytes) -> bytes:
    """Replaces the length before each unit of H.264 by a start code: files have the former."""
    parts, at = [], 0
    while at < len(packet):
        size = int.from_bytes(packet[at : at + 4], "big")
        parts.append(b"\0\0\0\1" + packet[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(parts)


def read_packets(path: Path) -> list[bytes]:
    with av.open(path) as file:
        stream = file.streams.video[0]
        packets = [bytes(packet) for packet in file.demux(stream) if packet.size]
        return [in_annex_b(one) for one in packets] if stream.name == "h264" else packets


def source_of(pipeline: ff.Pipeline) -> ff.stats.SourceStats:
    source = pipeline.stats().nodes["camera"].source
    assert source is not None
    return source


@pytest.mark.parametrize("codec", list(FAMILIES))
def test_recorded_packets_are_those_that_chromium_sent(
    page: Page, server: VideoServer, tmp_path: Path, codec: str
) -> None:
    path = tmp_path / "camera.mkv"
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("browser:", size=SIZE, fps=30), name="camera")
    pipeline.add(ff.VideoFile(path), camera.packets)
    with pipeline.serve(origins=[server.url.rstrip("/")]) as dashboard, pipeline:
        send_some(page, server, dashboard, camera, FAMILIES[codec])
        sender = source_of(pipeline).sender
        assert sender is not None
        if sender.codec != codec:
            pytest.skip(f"this Chromium does not encode {codec}")
        press(page, "Stop")
        until_words(page, "The camera is off.")
        sent = page.wait_for(HASHES)
        until(
            lambda: source_of(pipeline).undecoded >= len(sent),
            lambda: f"{len(sent)} packets: {source_of(pipeline)}",
        )
        source = source_of(pipeline)
        assert (source.undecoded, source.decoder_frames) == (len(sent), 0), "no consumer needs frames"
        assert pipeline.stats().nodes["camera"].processed == 0
        pipeline.stop()
    written = [hashlib.sha256(one).hexdigest() for one in read_packets(path)]
    assert written == sent


def send_some(
    page: Page, server: VideoServer, dashboard: ff.types.Dashboard, camera: ff.Port[ff.Frame], family: str
) -> None:
    """Sends the painted camera, encoded by this family, until the page has sent enough."""
    link = asked(dashboard.camera_url(camera))
    src = dashboard.urls[0].partition("?")[0]
    script = PAINTED + SENT.format(family=family)
    show(page, server, script=script, src=src, camera=link["camera"], token=link["token"], more="start")
    page.until("return sent.length >= arguments[0]", ENOUGH)
