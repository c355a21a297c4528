"""RTSP servers that others have written, each as a process on loopback, for rtsp_servers.py."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from _measure import ROOT

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.faulty_server import Clip
from rigs.live.media import encode
from rigs.ports import free_port

DEBIANS_PYTHON = "/usr/bin/python3"  # the one that has GStreamer's bindings
NOBODY = 65534  # VLC does not run as root
START = 20.0  # seconds
PUBLISHED = 2.0  # seconds after which a server has what is sent to it
USER, PASSWORD = "viewer", "s3cret"
LONG, KEYS = 900, "15"


class MissingError(Exception):
    """A server is not installed."""


@dataclass(frozen=True)
class Media:
    """The files that the servers send; all show the same."""

    clip: Path
    mp4: Path
    elementary: Path  # H.264 with start codes


def media_in(folder: Path) -> Media:
    """Made in this folder, which anyone may read."""
    folder.chmod(0o755)
    options = {"g": KEYS}
    clip = encode("h264", LONG, size=(320, 240), options=options)
    film: Clip = encode("mp4", LONG, size=(320, 240), options=options)
    made = Media(folder / "clip", folder / "live.mp4", folder / "live.264")
    clip.save(made.clip)
    made.mp4.write_bytes(film.header + b"".join(film.frames))
    made.elementary.write_bytes(b"".join(clip.frames))
    return made


def await_port(port: int, process: subprocess.Popen[bytes], host: str = "127.0.0.1") -> None:
    """Until the process listens there."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")


@contextlib.contextmanager
def running(
    command: list[str], folder: Path, *, user: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, killed in the end; what it says is in the folder."""
    name = Path(command[0]).name
    with open(folder / f"{name}.log", "ab") as log:
        environment = os.environ | {"HOME": str(folder)}
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, user=user, env=environment
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def program(name: str, given: Path | None = None) -> str:
    """Its path."""
    found = str(given) if given else shutil.which(name)
    if not found or not Path(found).exists():
        raise MissingError(f"{name} is not installed")
    return found


@contextlib.contextmanager
def gstreamer(media: Media, folder: Path, *extra: str) -> Iterator[int]:
    """gst-rtsp-server: /camera, /pictures, /file, /audio_first, /two; its port."""
    command = [DEBIANS_PYTHON, "-m", "rigs.live.gst_server", "--clip", str(media.clip)]
    process = subprocess.Popen(
        [*command, "--file", str(media.mp4), *extra],
        cwd=ROOT / "tests" / "python",
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise MissingError("gst-rtsp-server is not installed")
        yield int(line)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def vlc(media: Media, folder: Path) -> Iterator[int]:
    """/live, over UDP only; its port."""
    port = free_port()
    out = f"#rtp{{sdp=rtsp://127.0.0.1:{port}/live}}"
    command = [program("cvlc"), "-I", "dummy", "--loop", str(media.mp4), "--sout", out, "--sout-keep"]
    with running(command, folder, user=NOBODY if os.getuid() == 0 else None) as process:
        await_port(port, process)
        yield port


@contextlib.contextmanager
def live555(media: Media, folder: Path, where: Path | None) -> Iterator[int]:
    """live555MediaServer in the folder of the files; its port, which it chooses itself."""
    path = program("live555MediaServer", where and where / "mediaServer" / "live555MediaServer")
    with running([path], media.mp4.parent) as process:
        for port in (554, 8554):
            with contextlib.suppress(RuntimeError):
                await_port(port, process)
                break
        yield port


@contextlib.contextmanager
def live555_proxy(url: str, folder: Path, where: Path | None) -> Iterator[int]:
    """/proxyStream of another server's stream; its port."""
    path = program("live555ProxyServer", where and where / "proxyServer" / "live555ProxyServer")
    port = free_port()
    with running([path, "-p", str(port), url], folder) as process:
        await_port(port, process)
        yield port


MEDIAMTX = """
logLevel: warn
rtspAddress: :{port}
rtspEncryption: "no"
rtspAuthMethods: [digest]
rtmp: no
hls: no
webrtc: no
srt: no
moq: no
authInternalUsers:
  - user: any
    pass:
    ips: ['127.0.0.1', '::1']
    permissions: [{{action: publish}}, {{action: read, path: live}}, {{action: read, path: moved}}]
  - user: {user}
    pass: {password}
    permissions: [{{action: read}}]
paths:
  moved:
    source: redirect
    sourceRedirect: rtsp://127.0.0.1:{port}/live
  all_others:
"""


@contextlib.contextmanager
def mediamtx(media: Media, folder: Path, where: Path | None) -> Iterator[int]:
    """/live, /moved, which leads there, and /guarded with a password (Digest); its port."""
    path = program("mediamtx", where)
    port = free_port()
    settings = folder / "mediamtx.yml"
    settings.write_text(MEDIAMTX.format(port=port, user=USER, password=PASSWORD))
    with contextlib.ExitStack() as stack:
        await_port(port, stack.enter_context(running([path, str(settings)], folder)))
        for name in ("live", "guarded"):
            stack.enter_context(published(media, folder, port, name))
        time.sleep(PUBLISHED)
        yield port


@contextlib.contextmanager
def gortsplib(media: Media, folder: Path, where: Path | None) -> Iterator[int]:
    """/live with a password (Digest with SHA-256), and /moved, which leads there; its port."""
    path = program("gortsplib_server", where)
    port = free_port()
    command = [path, str(port), USER, PASSWORD]
    with running(command, folder) as process:
        await_port(port, process)
        with published(media, folder, port, "live"):
            time.sleep(PUBLISHED)
            yield port


@contextlib.contextmanager
def published(media: Media, folder: Path, port: int, name: str) -> Iterator[None]:
    """The program ffmpeg sends the file to a server, over and over."""
    send = [program("ffmpeg"), "-re", "-stream_loop", "-1", "-i", str(media.mp4), "-c", "copy"]
    url = f"rtsp://127.0.0.1:{port}/{name}"
    with running([*send, "-f", "rtsp", "-rtsp_transport", "tcp", url], folder):
        yield
