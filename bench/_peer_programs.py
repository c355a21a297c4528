"""The peers of bench/peers.py: their programs and environments, their input stream, and a single run."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _measure import ROOT

HERE = Path(__file__).with_name("peers")
PLACE = ROOT / "build" / "peers"
BASE = (
    "numpy==2.3.5",
    "psutil==7.1.3",
    "opencv-python-headless==5.0.0.93",
    "av==18.1.0",
    "cloudpickle==3.1.2",
    "rich>=13.0",
    "pygame-ce==2.5.8",
)
SYSTEM = "Debian's Python"

Run = dict[str, Any]

TRIALS = {
    "sleep": ("--load", "sleep"),
    "phases": ("--load", "phases"),
    "burn": ("--load", "burn"),
    "idle": ("--load", "none"),
    "silent": ("--load", "none", "--silent"),
    "webcam_sleep": ("--load", "sleep", "--webcam"),
    "webcam_burn": ("--load", "burn", "--webcam"),
    "game": (),
}
STREAM = ("sleep", "burn", "silent")
ALL = (*STREAM, "webcam_sleep", "webcam_burn")


@dataclass(frozen=True)
class Peer:
    """A program of bench/peers.

    Attributes:
        module: Its file.
        mode: The `mode` argument of its start().
        trials: The trials that it takes part in.
        needs: Packages to install in addition to BASE. (SYSTEM,) means Debian's Python, because PyPI has no
            wheel.
        uses: The distributions that a user would install.
        heavy: Run only on request, because the installation has hundreds of megabytes.
    """

    module: str
    mode: str = ""
    trials: tuple[str, ...] = ALL
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ("opencv-python-headless",)
    heavy: bool = False

    @property
    def environment(self) -> str:
        """The name of its environment."""
        return re.split("[= ']", self.needs[0])[0].lower() if self.needs else "base"


OURS = ("numpy", "rich", "cloudpickle")
DEPTHAI = ("depthai==3.12.0",)
DORA = ("dora-rs==1.1.0", "dora-rs-cli==1.1.0", "pyarrow")
VIDGEAR = ("vidgear==0.3.6",)
IDLE = (*ALL, "idle")
KEEPS_UP = (*IDLE, "phases")

PEERS = {
    "cv2_naive": Peer("cv2_naive"),
    "cv2_queue": Peer("cv2_queue"),
    "cv2_queue_10": Peer("cv2_queue", "10"),
    "cv2_latest": Peer("latest", "cv2", (*ALL, "phases")),
    "cv2_latest_1_thread": Peer("latest", "cv2 1 thread", KEEPS_UP),
    "pyav_latest": Peer("latest", "pyav", (*STREAM, "idle", "phases"), uses=("av", "numpy")),
    "thread_pool": Peer("thread_pool"),
    "shared_memory_1_thread": Peer("shared_memory", "1 thread", KEEPS_UP),
    "gstreamer": Peer("gstreamer", "", KEEPS_UP, (SYSTEM,), ()),
    "vidgear": Peer("vidgear_camgear", "", STREAM, VIDGEAR, ("vidgear", "opencv-python-headless")),
    "vidgear_latest": Peer(
        "vidgear_camgear", "latest", STREAM, VIDGEAR, ("vidgear", "opencv-python-headless")
    ),
    "depthai": Peer("depthai_host", "", ALL, DEPTHAI, ("depthai", "opencv-python-headless"), heavy=True),
    "dora": Peer("dora_nodes", "", ALL, DORA, (*(d.split("=")[0] for d in DORA), "numpy"), heavy=True),
    "freshframe_latest": Peer("freshframe_nodes", "latest", KEEPS_UP, uses=OURS),
    "freshframe_next": Peer("freshframe_nodes", "next", KEEPS_UP, uses=OURS),
    "freshframe_process": Peer("freshframe_nodes", "next process", uses=OURS),
    "freshframe_unrelated": Peer("freshframe_nodes", "next unrelated", ("burn",), uses=OURS),
    "freshframe_native": Peer("freshframe_nodes", "next native", (*STREAM, "idle"), uses=OURS),
    "game_alone": Peer("game", "alone", ("game",)),
    "game_wait_held": Peer("game", "wait_held", ("game",)),
    "game_wait_free": Peer("game", "wait_free", ("game",)),
    "game_compute_held": Peer("game", "compute_held", ("game",)),
    "game_compute_free": Peer("game", "compute_free", ("game",)),
    "game_python": Peer("game", "python", ("game",)),
    "game_cv2": Peer("game", "cv2", ("game",)),
    "game_cv2_1_thread": Peer("game", "cv2_1_thread", ("game",)),
    "game_pyav": Peer("game", "pyav", ("game",)),
    "game_freshframe": Peer("game", "freshframe", ("game",), uses=OURS),
}


def interpreter(peer: Peer) -> tuple[str, str]:
    """Returns (Python of the peer's environment, ""), or ("", reason) if it cannot be made."""
    system = peer.needs == (SYSTEM,)
    place = PLACE / peer.environment
    python = str(place / "bin" / "python")
    wanted = BASE[:2] if system else (*BASE, *peer.needs)
    stamp = place / "wanted"
    if not stamp.exists() or stamp.read_text() != "\n".join(wanted):
        print(f"installing {peer.environment}", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        first = ["/usr/bin/python3", "-m", "venv", "--system-site-packages"]
        steps = [
            [*(first if system else [sys.executable, "-m", "venv"]), str(place)],
            [python, "-m", "pip", "install", "--quiet", *wanted],
        ]
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                return "", (done.stderr or done.stdout).strip().splitlines()[-1]
        stamp.write_text("\n".join(wanted))
    if system:
        check = "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstApp', '1.0')\n"
        check += "from gi.repository import Gst; Gst.init(None)\n"
        check += "assert Gst.ElementFactory.find('avdec_h264'), 'gstreamer1.0-libav is not installed'"
        tried = subprocess.run([python, "-c", check], capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            return "", tried.stderr.strip().splitlines()[-1]
    return python, ""


def stream(size: str, seconds: float, fps: float) -> Path:
    """Returns the path of the encoded stream. Encodes it at the first call."""
    path = PLACE / f"{size}.mkv"
    frames = int(1.2 * seconds * fps) + 60
    have = path.with_suffix(".json")
    if not have.exists() or len(json.loads(have.read_text())) < frames:
        python, reason = interpreter(PEERS["cv2_naive"])
        if reason:
            raise SystemExit(f"the stream cannot be made: {reason}")
        print(f"encoding {frames} frames of {size}", file=sys.stderr)
        subprocess.run([python, str(HERE / "camera.py"), "make", size, str(frames), str(path)], check=True)
    return path


def run(python: str, name: str, trial: str, path: Path, fps: float, seconds: float) -> Run:
    """Runs a peer in its own process. Returns {"failed": reason} if it has no result."""
    peer = PEERS[name]
    program = [str(HERE / "game.py")] if trial == "game" else [str(HERE / "child.py"), peer.module]
    times = ("--warm-up", "0.5", "--seconds", "1") if trial == "silent" else ("--seconds", str(seconds))
    try:
        ended = subprocess.run(
            [python, *program, str(path), "--mode", peer.mode, "--fps", str(fps), *times, *TRIALS[trial]],
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"no end within {seconds + 60:g} s"}
    for line in ended.stdout.splitlines():
        if line.startswith("RESULT "):
            result: Run = json.loads(line.removeprefix("RESULT "))
            return result
    return {"failed": (ended.stderr.strip().splitlines() or ["no output"])[-1]}


def installed(python: str, peer: Peer) -> dict[str, Any]:
    """Returns versions and megabytes of what a user would install. Debian's libraries are listed apart."""
    if peer.needs == (SYSTEM,):
        listed = ["dpkg-query", "-W", "-f", "${Package} ${Version} ${Installed-Size}\\n"]
        patterns = ["gstreamer1.0-*", "libgstreamer*", "python3-gi", "gir1.2-gst*"]
        found = subprocess.run([*listed, *patterns], capture_output=True, text=True, check=False).stdout
        rows = [row.split() for row in found.splitlines() if len(row.split()) == 3]
        version = next((row[1] for row in rows if row[0].startswith("libgstreamer1.0")), "")
        return {"versions": {"gstreamer": version}, "debian_mb": sum(int(row[2]) for row in rows) / 1e3}
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'bench')!r})\n"
    program += f"import json, _peer_sizes; print(json.dumps(_peer_sizes.sizes({list(peer.uses)!r})))"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def missing_names(names: list[str]) -> list[str]:
    """Returns the names that do not belong to a peer."""
    return [name for name in names if name not in PEERS]


def versions() -> dict[str, str]:
    """Returns the versions of Python and of freshframe."""
    return {"python": sys.version.split()[0], "freshframe": importlib.metadata.version("freshframe")}
