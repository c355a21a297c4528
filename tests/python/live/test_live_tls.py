"""Sources over TLS, and redirects: certificates are checked for the host name if the options ask for it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from rigs.live.camera import Camera, clip
from rigs.live.faulty_server import Faults, Server
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer, TlsFront

import freshframe as ff
from freshframe import _native

# FFmpeg 9 checks certificates by default; 5.1 does not know the option for RTSP.
AVFORMAT = _native.media_versions().avformat
CHECKS_BY_DEFAULT = int(AVFORMAT.split(".")[0]) >= 63
UNCHECKED = {"options": {"tls_verify": "0"}} if CHECKS_BY_DEFAULT else {}
ADVICE = re.escape('{"tls_verify": "0"} accepts any certificate')


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Yields a self-signed certificate of "localhost", with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl")
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    key = path.with_suffix(".key")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(path)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    return path


KINDS: dict[str, tuple[type[Server], str]] = {"https": (HttpServer, "mjpeg"), "rtsps": (RtspServer, "h264")}


@pytest.mark.parametrize("kind", KINDS)
def test_over_tls_the_server_is_asked_by_its_name(kind: str, certificate: Path) -> None:
    server, media = KINDS[kind]
    with server(clip(media)) as behind, TlsFront(behind, certificate) as front:
        with Camera(front.url, **UNCHECKED) as camera:
            assert len(camera.read(3)) == 3
        assert set(front.names) == {"localhost"}


@pytest.mark.skipif(not CHECKS_BY_DEFAULT, reason=f"libavformat {AVFORMAT} is older than FFmpeg 9")
@pytest.mark.parametrize("kind", KINDS)
def test_ffmpeg_9_refuses_a_self_signed_certificate_by_default(kind: str, certificate: Path) -> None:
    server, media = KINDS[kind]
    with server(clip(media)) as behind, TlsFront(behind, certificate) as front:
        with (
            pytest.raises(ff.SourceError, match=f"cannot open.*{ADVICE}"),
            Camera(front.url, reconnect=False),
        ):
            pass
        with Camera(front.url, **UNCHECKED) as camera:  # the server works
            camera.read()


def test_a_certificate_is_checked_when_asked(certificate: Path) -> None:
    known = {"tls_verify": "1", "ca_file": str(certificate)}
    with HttpServer(clip("mjpeg")) as behind, TlsFront(behind, certificate) as front:
        with Camera(front.url, options=known) as camera:
            camera.read()
        address = front.url.replace("localhost", "127.0.0.1")
        unknown: dict[str, str] = {} if CHECKS_BY_DEFAULT else {"tls_verify": "1"}
        for url, options in ((front.url, unknown), (address, known)):
            with (
                pytest.raises(ff.SourceError, match=f"cannot open.*{ADVICE}"),
                Camera(url, options=options, reconnect=False),
            ):
                pass
        with redirect(front.url) as door, Camera(door.url, options=known) as camera:
            camera.read()


def test_a_certificate_of_rtsps_that_cannot_be_checked_is_no_silent_success(certificate: Path) -> None:
    # FFmpeg 5.1 does not have this option for RTSP; later versions do, and reject the certificate.
    with (
        RtspServer(clip("h264")) as behind,
        TlsFront(behind, certificate) as front,
        pytest.raises(ff.SourceError),
        Camera(front.url, options={"tls_verify": "1"}, reconnect=False),
    ):
        pass


def aside() -> set[str]:
    """Returns the threads of connections."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread has ended in the meantime
            if (task / "comm").read_text() == "ff aside\n":
                found.add(task.name)
    return found


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("is_redirected", [False, True], ids=["direct", "redirected"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_connections_over_tls_are_made_by_one_thread(
    kind: str, is_redirected: bool, certificate: Path
) -> None:
    """GnuTLS keeps memory for each thread that has done a handshake."""
    server, media = KINDS[kind]
    with (
        server(clip(media)) as behind,
        TlsFront(behind, certificate) as front,
        contextlib.ExitStack() as stack,
    ):
        url = front.url
        if is_redirected:
            door = redirect(url) if kind == "https" else redirect_rtsp(url)
            url = stack.enter_context(door).url
        camera = stack.enter_context(Camera(url, **UNCHECKED))
        camera.read()
        threads = aside()
        assert len(threads) == 1
        for times in range(1, 4):
            behind.hang_up()
            camera.wait(lambda stats: stats.reconnects == times, "the reconnection")  # noqa: B023
            camera.read()
            assert aside() == threads


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_behind_tls_that_hangs_up_or_falls_silent_is_found_again(
    kind: str, certificate: Path
) -> None:
    server, media = KINDS[kind]
    with (
        server(clip(media)) as behind,
        TlsFront(behind, certificate) as front,
        Camera(front.url, read_timeout=0.5, **UNCHECKED) as camera,
    ):
        camera.read()
        behind.hang_up()
        camera.wait(lambda stats: stats.reconnects == 1, "the reconnection")
        behind.faults = Faults(stall_after=5)
        behind.hang_up()
        camera.wait(lambda stats: "sent no video" in str(stats.last_error), "the silence")
        behind.faults = Faults()
        camera.wait(lambda stats: stats.state == "reading", "frames again")


def redirect(location: str) -> HttpServer:
    """Redirects HTTP clients."""
    return HttpServer(faults=Faults(answer=f"HTTP/1.0 302 Found\r\nLocation: {location}\r\n\r\n".encode()))


def redirect_rtsp(location: str) -> RtspServer:
    """Redirects RTSP clients."""
    answer = f"RTSP/1.0 302 Found\r\nCSeq: {{cseq}}\r\nLocation: {location}\r\n\r\n".encode()
    return RtspServer(faults=Faults(answers={"OPTIONS": answer}))


def test_a_redirect_to_another_host_is_followed(certificate: Path) -> None:
    with (
        HttpServer(clip("mjpeg")) as there,
        TlsFront(there, certificate) as front,
        redirect(front.url) as second,
        redirect(second.url.replace("127.0.0.1", "localhost")) as first,
        Camera(first.url, **UNCHECKED) as camera,
    ):
        camera.read(3)
        assert camera.source.url == first.url
        assert (first.connections, second.connections) == (1, 1)
        assert front.names == ["localhost"]


def test_a_playlist_that_has_moved_to_another_host_is_read_with_its_segments_there() -> None:
    with (
        HttpServer(clip("mpegts")) as there,
        redirect(there.playlist.replace("127.0.0.1", "localhost")) as door,
        Camera(door.playlist) as camera,
    ):
        camera.read(3)
        assert camera.source.info.container == "hls"
        assert there.frames_sent > 0


def test_a_redirect_to_a_file_of_this_machine_is_refused(tmp_path: Path) -> None:
    media = tmp_path / "secret.ts"
    media.write_bytes(b"".join(clip("mpegts").frames[:30]))
    with (
        redirect(f"file://{media}") as door,
        pytest.raises(ff.SourceError, match="cannot open"),
        Camera(door.url, reconnect=False),
    ):
        pass
