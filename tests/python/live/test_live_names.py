"""A DNS server that never answers delays neither stop() nor a timeout."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess

import pytest
from support import run_program

pytest.importorskip("av", reason="needs PyAV, which encodes the video of the servers")

# A separate network in which 127.0.0.1 is a name server that never answers. The resolver would retry for 150
# s, so a stop that waited for it would run into the watchdog.
PROLOGUE = """
import fcntl, pathlib, socket, struct, subprocess, tempfile, threading, time

end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
up = struct.pack("16sh", b"lo", 1)  # IFF_UP
fcntl.ioctl(end, 0x8914, up)  # SIOCSIFFLAGS
folder = pathlib.Path(tempfile.mkdtemp())
for name, text in (
    ("resolv.conf", "nameserver 127.0.0.1\\noptions timeout:30 attempts:5\\n"),
    ("nsswitch.conf", "hosts: files dns\\n"),
    ("hosts", "127.0.0.2 two.example\\n127.0.0.1 two.example\\n"),
):
    (folder / name).write_text(text)
    subprocess.run(["mount", "--bind", str(folder / name), "/etc/" + name], check=True)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
server.settimeout(30)

import freshframe as ff
from rigs.live.faulty_server import Faults
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer, TcpServer
from rigs.live.camera import clip
from support import until

def wait_asked(host):
    label = host.encode().split(b".")[0]
    while label not in server.recv(2000):
        pass

def camera(url, **options):
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(url, **options), name="camera")
    return pipeline

def state(pipeline):
    return pipeline.stats().nodes["camera"].source.state

def start_quietly(pipeline):
    try:
        pipeline.start()
    except ff.FreshframeError:
        pass
"""

STOP = """
for url in (
    "rtsp://camera.example/",
    "rtsps://camera.example/",
    "http://camera.example/",
    "https://camera.example/",
    "tcp://camera.example:1",
):
    pipeline = camera(url, open_timeout=1000.0)
    starter = threading.Thread(target=start_quietly, args=(pipeline,))
    starter.start()
    until(lambda: state(pipeline) == "resolving", "the lookup")
    pipeline.stop()
    starter.join()
    print(f"stopped {url}")
wait_asked("camera.example")  # one lookup for one name, however many wait for it
"""

# A forked child has no thread for the parent's lookup, and must not wait for it.
FORK = """
import os

with camera("tcp://camera.example:1", open_timeout=0.1):
    wait_asked("camera.example")
    (folder / "hosts").write_text("127.0.0.1 camera.example\\n")
    child = os.fork()
    if child == 0:
        try:
            camera("tcp://camera.example:1", open_timeout=3.0, reconnect=False).start()
        except ff.SourceError as error:
            print(error, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""

LIMIT = """
try:
    camera("rtsp://camera.example/", open_timeout=0.3, reconnect=False).start()
except ff.SourceTimeoutError as error:
    print(error)
"""

# A server that redirects its clients to another host, which FFmpeg looks up while it connects.
REDIRECT = """
def redirected(location):
    answer = "HTTP/1.0 302 Found\\r\\nLocation: {}\\r\\n\\r\\n".format(location)
    return HttpServer(faults=Faults(answer=answer.encode()))
"""

REDIRECT_STOP = (
    REDIRECT
    + """
for host, location in (("plain", "http://plain.example/"), ("secret", "https://secret.example/")):
    with redirected(location) as http:
        pipeline = camera(http.url, open_timeout=1000.0)
        starter = threading.Thread(target=start_quietly, args=(pipeline,))
        starter.start()
        wait_asked(host)
        print(state(pipeline))
        pipeline.stop()
        starter.join()
        print(f"stopped at {location}")
"""
)

REDIRECT_LIMIT = (
    REDIRECT
    + """
with redirected("http://elsewhere.example/") as http:
    try:
        camera(http.url, open_timeout=0.3, reconnect=False).start()
    except ff.SourceTimeoutError as error:
        print(error)
    pipeline = camera(http.url, open_timeout=0.3)
    with pipeline:
        until(lambda: pipeline.stats().nodes["camera"].source.outages, "the outage")
        connections = http.connections
        until(lambda: state(pipeline) == "connecting", "another attempt")
        until(lambda: state(pipeline) == "backing_off", "its end")
        # One attempt at a time: the first still waits for the name server.
        print("tried again", http.connections - connections)
"""
)

# The first segments have a URL with an address, later ones with a name.
PLAYLIST = """
class Playlist(HttpServer):
    def _hls(self, connection, name):
        if name != "live.m3u8":
            return super()._hls(connection, name)
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", "#EXT-X-MEDIA-SEQUENCE:0"]
        for number in range(6):
            host = "127.0.0.1" if number < 4 else "segments.example"
            lines += ["#EXTINF:1.000,", f"http://{host}:{self.port}/hls/{number}.ts"]
        body = "\\n".join(lines) + "\\n"
        connection.sendall(f"HTTP/1.0 200 OK\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n{body}".encode())

def wait_frames(pipeline):
    until(lambda: pipeline.stats().nodes["camera"].processed > 10, "frames")
    wait_asked("segments.example")

from_the_first = {"live_start_index": "0"}
with Playlist(clip("mpegts")) as http:
    with camera(http.playlist, read_timeout=1000.0, options=from_the_first) as pipeline:
        wait_frames(pipeline)
        until(lambda: state(pipeline) == "stalled", "the stall")
    print("stopped")
    with camera(http.playlist, read_timeout=0.5, options=from_the_first) as pipeline:
        wait_frames(pipeline)
        until(lambda: pipeline.stats().nodes["camera"].source.outages, "the outage")
        print(pipeline.stats().nodes["camera"].source.last_error)
"""

# Connections to the first address are neither accepted nor rejected, because its backlog is full.
TWO_ADDRESSES = """
servers = {"rtsp": (RtspServer, "h264"), "http": (HttpServer, "mjpeg"), "tcp": (TcpServer, "mpegts")}
for scheme, (kind, media) in servers.items():
    with kind(clip(media)) as there, socket.socket() as hole, socket.socket() as first:
        hole.bind(("127.0.0.2", there.port))
        hole.listen(0)
        first.connect(("127.0.0.2", there.port))
        probe = socket.socket()
        probe.settimeout(0.2)
        try:
            probe.connect(("127.0.0.2", there.port))
            print("no black hole")
        except TimeoutError:
            pass
        with camera(f"{scheme}://two.example:{there.port}/live", reconnect=False) as pipeline:
            until(lambda: state(pipeline) == "reading", "frames")
        print(f"read {scheme}")
"""


@pytest.fixture(scope="module", autouse=True)
def own_network() -> None:
    """Skips if this system does not permit network namespaces without root."""
    try:
        subprocess.run(["unshare", "-rmn", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs `unshare -rmn` (user, mount and network namespaces): {error}")


def in_own_network(code: str) -> str:
    """Runs code in a separate network namespace, and returns its stdout."""
    wrapper = f"""
    import os, subprocess, sys
    code = {PROLOGUE + code!r}
    done = subprocess.run(["unshare", "-rmn", sys.executable, "-c", code], capture_output=True, text=True)
    print(done.stdout)
    print(done.stderr, file=sys.stderr)
    sys.exit(done.returncode)
    """
    ended = run_program(wrapper)
    assert ended.code == 0, ended
    return ended.out


def test_a_stop_does_not_wait_for_a_name_server() -> None:
    assert in_own_network(STOP).count("stopped") == 5


@pytest.mark.slow
def test_the_child_of_a_fork_asks_again() -> None:
    assert "refused" in in_own_network(FORK)


@pytest.mark.slow
def test_a_limit_does_not_wait_for_a_name_server() -> None:
    out = in_own_network(LIMIT)
    assert "the address of 'camera.example' was not found within 0.3 s" in out


@pytest.mark.slow
def test_a_stop_does_not_wait_for_the_name_of_a_redirect() -> None:
    out = in_own_network(REDIRECT_STOP)
    assert out.count("connecting") == 2
    assert out.count("stopped") == 2


@pytest.mark.slow
def test_a_limit_does_not_wait_for_the_name_of_a_redirect() -> None:
    out = in_own_network(REDIRECT_LIMIT)
    assert "/live' could not be opened within 0.3 s" in out
    assert "tried again 0" in out


@pytest.mark.slow
def test_neither_a_stop_nor_a_limit_waits_for_a_name_in_a_playlist() -> None:
    out = in_own_network(PLAYLIST)
    assert "stopped" in out
    assert "live.m3u8' sent no video for 0.5 s" in out


@pytest.mark.slow
def test_of_two_addresses_one_that_does_not_answer_costs_no_more_than_a_moment() -> None:
    assert in_own_network(TWO_ADDRESSES).split("\n")[:3] == ["read rtsp", "read http", "read tcp"]
