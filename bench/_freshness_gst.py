"""Reads a stream with GStreamer and says when it had each picture: a child process of freshness.py.

Usage: _freshness_gst.py CODEC URL WAY SECONDS, in Debian's own Python, which has GStreamer's bindings;
nothing else than the standard library is imported. The lines are those of _freshness_reader.py. With the URL
"" it names the decoder that it takes. Exits with 77 and the reason when something is not installed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
import time
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))

from rigs.live.truth.pictures.number import read_number

MISSING = 77

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    from gi.repository import Gst, GstApp  # noqa: F401  appsink's methods come with it
except (ImportError, ValueError) as error:
    print(error, file=sys.stderr)
    sys.exit(MISSING)

LIMIT = 20.0  # seconds to the first picture
DECODERS = {  # the first one that is installed
    "h264": {"avdec_h264": "avdec_h264 max-threads=1", "openh264dec": "h264parse ! openh264dec"},
    "h265": {"avdec_h265": "avdec_h265 max-threads=1", "libde265dec": "h265parse ! libde265dec"},
    "mjpeg": {"jpegdec": "jpegdec"},
}
HEADS = {
    "RTSP over TCP": "rtspsrc location={url} latency=0 protocols=tcp ! rtp{codec}depay",
    "RTSP over UDP": "rtspsrc location={url} latency=0 protocols=udp ! rtp{codec}depay",
    "TS over TCP": "tcpclientsrc host={host} port={port} ! tsdemux ! {codec}parse",
    "TS over UDP": "udpsrc uri={url} ! tsdemux ! {codec}parse",
    "MJPEG over HTTP": "souphttpsrc location={url} ! multipartdemux",
    "HLS": "souphttpsrc location={url} ! hlsdemux ! tsdemux ! {codec}parse",
}
TAIL = " ! videoconvert ! video/x-raw,format=I420 ! appsink name=out sync=false max-buffers=4 drop=true"


def decoder_of(codec: str) -> tuple[str, str]:
    """Its name and its description."""
    for name, line in DECODERS[codec].items():
        if Gst.ElementFactory.find(name):
            return name, line
    print(f"GStreamer has no decoder for {codec}: install gstreamer1.0-libav", file=sys.stderr)
    sys.exit(MISSING)


def main() -> None:
    """Reads for so many seconds, counted from the first picture."""
    codec, url, way, seconds = sys.argv[1:]
    Gst.init(None)
    name, decoder = decoder_of(codec)
    if not url:
        print(f"{Gst.version_string()}, {name}")
        return
    place = urllib.parse.urlsplit(url)
    head = HEADS[way].format(url=url, codec=codec, host=place.hostname, port=place.port)
    pipeline = Gst.parse_launch(f"{head} ! {decoder}{TAIL}")
    out = pipeline.get_by_name("out")
    pipeline.set_state(Gst.State.PLAYING)
    end = time.monotonic() + LIMIT
    begun = False
    while time.monotonic() < end:
        sample = out.try_pull_sample(Gst.SECOND // 10)
        now = time.monotonic()
        if sample is None:
            continue
        if not begun:
            begun, end = True, now + float(seconds)
        shape = sample.get_caps().get_structure(0)
        width, height = shape.get_int("width")[1], shape.get_int("height")[1]
        buffer = sample.get_buffer()
        _, view = buffer.map(Gst.MapFlags.READ)
        number = read_number(view.data, width, height, (width + 3) // 4 * 4)
        buffer.unmap(view)
        print(now, -1 if number is None else number, "", flush=True)
    if fault := pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR):
        print(fault.parse_error()[0].message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
    os._exit(0)  # a library's goodbye is not measured
