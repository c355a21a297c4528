"""A program that runs real servers: GStreamer's gst-rtsp-server and tcpserversink.

It needs Debian's own Python, which has GStreamer's bindings, so nothing but the standard library and its
neighbour is imported. It prints its port when it listens, exits with MISSING when the bindings are not
installed, and ends with the process that started it.

    python3 -m rigs.live.gst_server --clip clip.pickle --file clip.mp4 [--port N]
        [--user name:password] [--timeout N]
    python3 -m rigs.live.gst_server --clip clip.pickle --tcp matroska [--port N]
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import ctypes
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rigs.live.faulty_server import Clip

MISSING = 77  # exit status if the bindings are not installed
PR_SET_PDEATHSIG = 1

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtsp, GstRtspServer
except (ImportError, ValueError) as error:
    print(error, file=sys.stderr)
    sys.exit(MISSING)

ELEMENTS = (
    "appsrc h264parse jpegenc matroskamux mpegtsmux qtdemux rtph264pay rtpjpegpay tcpserversink videotestsrc"
)

SOURCE = (
    "appsrc name=source is-live=true format=time do-timestamp=true "
    "caps=video/x-h264,stream-format=byte-stream,alignment=au,framerate={fps}/1 "
)
CAMERA = "( " + SOURCE + "! rtph264pay name=pay0 pt=96 )"
FILE = "( filesrc location={path} ! qtdemux ! rtph264pay name=pay0 pt=96 )"
PICTURES = (
    "( videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120,framerate=30/1 "
    "! jpegenc ! rtpjpegpay name=pay0 pt=26 )"
)
AUDIO_FIRST = (
    "( audiotestsrc is-live=true ! audioconvert ! audioresample ! mulawenc ! rtppcmupay name=pay0 "
    + SOURCE
    + "! rtph264pay name=pay1 pt=96 )"
)
TWO = CAMERA.removesuffix(")") + PICTURES.removeprefix("(").replace("pay0", "pay1")
# sync-method: otherwise it starts inside a Matroska cluster, and sends an early client two headers.
TCP = (
    SOURCE + "! h264parse ! {muxer} "
    "! tcpserversink name=out host=127.0.0.1 port={port} sync-method=latest-keyframe"
)
MUXERS = {"matroska": "matroskamux streamable=true", "mpegts": "mpegtsmux"}


def feed(source: Any, clip: Clip) -> Callable[[], None]:
    """Pushes the frames of the clip in a loop, in real time. Returns a function that stops it."""
    sent = 0
    ended = False

    def end() -> None:
        nonlocal ended
        ended = True

    def push() -> bool:
        nonlocal sent
        if ended:
            return False
        if source.get_state(0)[1] == Gst.State.PLAYING:  # before PLAYING there is no clock for the timestamps
            source.emit("push-buffer", Gst.Buffer.new_wrapped(clip.frames[sent % len(clip.frames)]))
            sent += 1
        return True

    GLib.timeout_add(round(1000 / clip.fps), push)
    return end


def feed_media(media: Any, clip: Clip) -> None:
    """Calls feed() for an RTSP media, until it ends."""
    end = feed(media.get_element().get_by_name("source"), clip)
    media.connect("unprepared", lambda _media: end())


def guard(server: Any, user: str) -> Any:
    """Requires "name:password" (Digest with MD5) of every client. Returns the permissions for a factory."""
    name, password = user.split(":")
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)  # the default is Basic only
    auth.add_digest(name, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    for right in (
        GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS,
        GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT,
    ):
        permissions.add_permission_for_role("viewer", right, True)
    return permissions


def limit_sessions(server: Any, seconds: int) -> None:
    """Ends sessions whose client has been silent for this long."""

    def clean() -> bool:
        server.get_session_pool().cleanup()
        return True

    def met(_server: Any, client: Any) -> None:
        client.connect("new-session", lambda _client, session: session.set_timeout(seconds))

    server.connect("client-connected", met)
    GLib.timeout_add_seconds(1, clean)


def serve_rtsp(wanted: argparse.Namespace, clip: Clip) -> int:
    """Serves /camera (the clip, forever), /file (an MP4, once), /pictures (JPEG), /audio_first (audio, and
    the clip) and /two (the clip and JPEG); returns the port."""
    server = GstRtspServer.RTSPServer.new()
    server.set_address(wanted.host)
    server.set_service(wanted.port)
    permissions = guard(server, wanted.user) if wanted.user else None
    fps = round(clip.fps)
    launch = {"/camera": CAMERA.format(fps=fps), "/pictures": PICTURES}
    launch |= {"/audio_first": AUDIO_FIRST.format(fps=fps), "/two": TWO.format(fps=fps)}
    if wanted.file:
        launch["/file"] = FILE.format(path=wanted.file)
    for path, line in launch.items():
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(line)
        factory.set_shared(path != "/file")
        if "name=source" in line:
            factory.connect("media-configure", lambda _factory, media: feed_media(media, clip))
        if permissions is not None:
            factory.set_permissions(permissions)
        server.get_mount_points().add_factory(path, factory)
    if wanted.timeout:
        limit_sessions(server, wanted.timeout)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on port {wanted.port}")
    return int(server.get_bound_port())


def serve_tcp(wanted: argparse.Namespace, clip: Clip) -> int:
    """Sends the clip in a loop to each client. Returns the port."""
    line = TCP.format(fps=round(clip.fps), muxer=MUXERS[wanted.tcp], port=wanted.port)
    pipeline = Gst.parse_launch(line)
    feed(pipeline.get_by_name("source"), clip)
    if pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE:
        sys.exit(f"cannot listen on port {wanted.port}")
    return int(pipeline.get_by_name("out").get_property("current-port"))


def main() -> None:
    """Serves until killed, or until the process that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parser = argparse.ArgumentParser()
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--tcp", choices=MUXERS)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--port", default="0")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--user")
    parser.add_argument("--timeout", type=int, help="of sessions, in seconds")
    wanted = parser.parse_args()
    Gst.init(None)
    absent = [name for name in ELEMENTS.split() if Gst.ElementFactory.find(name) is None]
    if absent:
        print(f"GStreamer has no {', '.join(absent)}", file=sys.stderr)
        sys.exit(MISSING)
    clip = Clip.load(wanted.clip)
    port = serve_tcp(wanted, clip) if wanted.tcp else serve_rtsp(wanted, clip)
    print(port, flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
