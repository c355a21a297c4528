"""Uses an installed wheel like a user on a bare system, and prints a line of JSON per step.

It needs the folder that prove.sh makes next to it: clips, a certificate, and the tests' servers. It imports
nothing else except freshframe and the standard library.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import logging
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "servers"))

ROUNDS = 7
FRAMES = 5
PATIENCE = 300.0  # seconds

Step = Callable[[], object]


def import_times() -> object:
    """Returns the median time in ms of processes that import nothing, NumPy, or freshframe."""
    times: dict[str, list[float]] = {}
    statements = ("pass", "import numpy", "import freshframe")
    for statement in statements * (ROUNDS + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        times.setdefault(statement, []).append(1e3 * (time.perf_counter() - began))
    return {statement: round(statistics.median(values[1:]), 1) for statement, values in times.items()}


def decode_h264() -> object:
    """Decodes a file from another encoder: counts the frames, and checks the mean of the first."""
    import freshframe as ff  # noqa: PLC0415

    source = ff.open(HERE / "h264.mp4")
    means = [float(sample.value.luma.mean()) for sample in ff.stream(source)]
    if len(means) < 89 or not means[0] < means[50]:
        raise RuntimeError(f"{len(means)} frames, {means[:1]}")
    return {"codec": source.info.codec, "frames": len(means)}


def read_live(scheme: str) -> object:
    """Reads a few frames from a server on loopback."""
    from rigs.live.faulty_server import Clip  # noqa: PLC0415
    from rigs.live.rtsp import RtspServer  # noqa: PLC0415
    from rigs.live.servers import HttpServer, TlsFront  # noqa: PLC0415

    import freshframe as ff  # noqa: PLC0415

    rtsp = scheme.startswith("rtsp")
    server = (RtspServer if rtsp else HttpServer)(Clip.load(HERE / ("h264.clip" if rtsp else "mpegts.clip")))
    with server:
        front = TlsFront(server, HERE / "localhost.pem") if scheme.endswith("s") else server
        with front:
            frames = ff.stream(ff.open(front.url, open_timeout=PATIENCE, read_timeout=PATIENCE))
            with frames:
                return {
                    "url": front.url,
                    "frames": sum(1 for _, _ in zip(range(FRAMES), frames, strict=False)),
                }


def write_video() -> object:
    """Checks which codec "auto" chooses and logs, that the file can be read, and that h264 is rejected."""
    import freshframe as ff  # noqa: PLC0415

    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("freshframe")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.mp4", "a.mkv", "a.webm", "a.avi", "a.mov", "a.ts"):
            path = Path(folder) / name
            pipeline = ff.Pipeline()
            recorder = ff.VideoFile(path)
            pipeline.add(recorder, pipeline.add(ff.open("demo:circles?pace=0&frames=30&size=320x240")))
            pipeline.run()
            read = sum(1 for _ in ff.stream(ff.open(path)))
            found[name] = [getattr(recorder, "codec", None), read]
    try:
        found["h264"] = repr(ff.VideoFile("a.mp4", codec="h264"))
    except ff.OptionError as error:
        found["h264"] = str(error)
    found["log"] = [line for line in lines if "written as" in line][:1]
    return found


def command(*arguments: str) -> list[str]:
    """Runs the command line. Returns the last lines of its output."""
    program = [sys.executable, "-m", "freshframe", *arguments]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(
            f"{arguments} ended with {ended.returncode}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}"
        )
    return (ended.stdout or ended.stderr).strip().splitlines()[-30:]


def shared_libraries() -> set[Path]:
    """Returns the files of shared libraries in this process."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return {Path(line.split()[-1]) for line in lines if ".so" in line}


def libraries() -> object:
    """Checks that all libraries of the wheel are loaded, and no others of the same name from elsewhere."""
    for name in ("bz2", "ctypes", "lzma", "numpy"):  # Python's own modules use some of the same names
        with contextlib.suppress(ModuleNotFoundError):  # the published CPython 3.10 was built without liblzma
            importlib.import_module(name)
    before = shared_libraries()
    import freshframe  # noqa: PLC0415

    importlib.import_module("freshframe._numeric")
    files = shared_libraries()
    folder = Path(freshframe.__file__).resolve().parents[1] / "freshframe.libs"
    brought = {path.name for path in folder.iterdir()}
    if missing := brought - {file.name for file in files if file.parent == folder}:
        raise RuntimeError(f"not loaded from the wheel: {sorted(missing)}")
    plain = {re.split(r"[-.]", name)[0] for name in brought}
    others = [file for file in files if file.parent != folder]
    if doubles := [
        str(file) for file in others if file not in before and re.split(r"[-.]", file.name)[0] in plain
    ]:
        raise RuntimeError(f"loaded from elsewhere, too: {doubles}")
    named = [str(file) for file in others if "site-packages" not in str(file) and "python" not in str(file)]
    return {"of the wheel": sorted(plain), "others": sorted(named)}


def serve() -> object:
    """Checks the dashboard of a running pipeline: its page, its state, an image."""
    import freshframe as ff  # noqa: PLC0415

    pipeline = ff.Pipeline()
    drawn = pipeline.add(
        ff.Annotate(), pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?fps=30")))
    )
    sizes: dict[str, int] = {}
    with pipeline.serve(view=drawn) as dashboard, pipeline:
        root = dashboard.url.rstrip("/")
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                health = urllib.request.urlopen(f"{root}/healthz").read()
                break
            except urllib.error.HTTPError:  # no frames yet
                if time.monotonic() > limit:
                    raise
        for path in ("", "/api/state", "/metrics"):
            sizes[path or "/"] = len(urllib.request.urlopen(f"{root}{path}").read())
    return {"healthz": health.decode().strip(), "bytes": sizes}


def readme() -> object:
    """Runs the programs of README.md. Endless ones get Ctrl-C some seconds after their first line."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    found: dict[str, int] = {}
    for kind, program in re.findall(r"^```python ?(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if kind == "notest":
            continue
        title = program.strip().splitlines()[-1].strip()
        with subprocess.Popen(
            ["env", "--default-signal=INT", sys.executable, "-u", "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            if kind == "forever":
                time.sleep(4)
                process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=PATIENCE)
        if process.returncode != (-signal.SIGINT if kind == "forever" else 0):
            raise RuntimeError(f"{title} ended with {process.returncode}: {said[-2000:]}")
        found[title] = process.returncode
    return found


def doctor() -> object:
    """Checks that `doctor` finds no fault, and that the interpreter is supported."""
    lines = command("doctor", "--json")
    checks = {each["check"]: each for each in map(json.loads, lines)}
    if checks["Python"]["state"] != "ok":
        raise RuntimeError(f"doctor calls this interpreter unsupported: {checks['Python']}")
    return {name: each["state"] for name, each in checks.items()}


def watch_gil() -> object:
    """Checks native call stacks, which need libdw."""
    if importlib.util.find_spec("gil_budget") is None:
        return "left out: there is no gil-budget for this Python"
    code = "import time\nend = time.monotonic() + 1\nwhile time.monotonic() < end: sorted(range(3000000))\n"
    with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
        program.write(code)
        program.flush()
        return command("gil", program.name)


STEPS: dict[str, Step] = {
    "import": import_times,
    "libraries": libraries,
    "h264": decode_h264,
    "http": lambda: read_live("http"),
    "rtsp": lambda: read_live("rtsp"),
    "https": lambda: read_live("https"),
    "rtsps": lambda: read_live("rtsps"),
    "VideoFile": write_video,
    "serve": serve,
    "gil": watch_gil,
    "README": readme,
    "doctor": doctor,
    "demo": lambda: command("demo", "--seconds", "4", "--out", tempfile.mkdtemp(), "--json"),
}


def main() -> int:
    """Runs every step. The exit status is the number of those that failed."""
    failed = 0
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "?")
    print(json.dumps({"system": system, "python": platform.python_version(), "libc": platform.libc_ver()[1]}))
    for name, step in STEPS.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        try:
            print(json.dumps({"step": name, "found": step()}), flush=True)
        except Exception as error:
            failed += 1
            print(json.dumps({"step": name, "failed": f"{type(error).__name__}: {error}"}), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
