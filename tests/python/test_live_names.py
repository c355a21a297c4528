"""A name server that never answers holds neither a stop nor a limit."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess

import pytest
from support import run_program

# A network of its own, in which 127.0.0.1 is a name server that listens and says nothing.
PROLOGUE = """
import array, fcntl, pathlib, socket, struct, subprocess, tempfile, threading, time

end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
up = struct.pack("16sh", b"lo", 1)  # IFF_UP
fcntl.ioctl(end, 0x8914, up)  # SIOCSIFFLAGS
folder = pathlib.Path(tempfile.mkdtemp())
for name, text in (("resolv.conf", "nameserver 127.0.0.1\\n"), ("nsswitch.conf", "hosts: files dns\\n")):
    (folder / name).write_text(text)
    subprocess.run(["mount", "--bind", str(folder / name), "/etc/" + name], check=True)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))

import freshframe as ff
from support import until

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
asked = False
for url in ("rtsp://camera.example/", "http://camera.example/", "tcp://camera.example:1"):
    pipeline = camera(url, open_timeout=1000.0)
    starter = threading.Thread(target=start_quietly, args=(pipeline,))
    starter.start()
    until(lambda: state(pipeline) == "resolving", "the lookup")
    asked = asked or server.recv(2000)  # one lookup for one name, however many wait for it
    began = time.monotonic()
    pipeline.stop()
    starter.join()
    print(f"stopped {url} after {time.monotonic() - began:.3f} s")
"""

LIMIT = """
began = time.monotonic()
try:
    camera("rtsp://camera.example/", open_timeout=0.3, reconnect=False).start()
except ff.SourceTimeout as error:
    print(error)
print(f"after {time.monotonic() - began:.2f} s")
"""


@pytest.fixture(scope="module", autouse=True)
def own_network() -> None:
    """Whether this system lets anybody have one."""
    try:
        subprocess.run(["unshare", "-rmn", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs `unshare -rmn` (user, mount and network namespaces): {error}")


def in_own_network(code: str) -> str:
    """What the code writes to stdout."""
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
    out = in_own_network(STOP)
    assert out.count("stopped") == 3
    # glibc asks again after 5 s: a stop that waited would show it.
    assert all(float(line.split()[-2]) < 5 for line in out.splitlines() if line)


def test_a_limit_does_not_wait_for_a_name_server() -> None:
    out = in_own_network(LIMIT)
    assert "the address of 'camera.example' was not found within 0.3 s" in out
