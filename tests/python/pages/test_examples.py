"""Runs the programs in examples/ for a short time."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs import receivers, vision_model
from rigs.watchdog import run_to_end
from support import WATCHDOG, until

import freshframe as ff

EXAMPLES = Path(__file__).parents[3] / "examples"
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(Path(ff.__file__).parents[1]),
    "SDL_VIDEODRIVER": "dummy",
}


def run(program: str, *arguments: object, told: str = "dropped its first sample") -> str:
    """Runs an example and returns its output. Fails if stderr has lines that do not contain `told`."""
    ended = run_to_end(
        [sys.executable, str(EXAMPLES / program), *(str(argument) for argument in arguments)],
        env=ENVIRONMENT,
        timeout=4 * WATCHDOG,  # some start a dozen processes
    )
    complaints = [line for line in ended.stderr.splitlines() if told not in line]
    assert (ended.returncode, complaints) == (0, []), ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?size=320x240&balls=2&pace=0&frames=40"))
    pipeline.add(ff.VideoFile(path), scene)
    assert pipeline.run().complete
    return path


def test_every_example_is_run_here() -> None:
    programs = {
        path.relative_to(EXAMPLES).as_posix()
        for path in EXAMPLES.rglob("*.py")
        # test_twelve_programs.py runs those in programs/, test_extension_examples.py runs packages, and
        # fleet/tests/clusters/test_sites.py runs fleet_on_ray, which needs a cluster
        if path.parent.name not in ("programs", "fleet_on_ray")
        and not any(
            (folder / "pyproject.toml").exists() for folder in path.parents if EXAMPLES in folder.parents
        )
    }
    assert programs == set(re.findall(r'run\("(.*?\.py)"', Path(__file__).read_text()))


@pytest.mark.slow
@pytest.mark.repeats
def test_the_game_draws_circles_of_the_scene() -> None:
    pytest.importorskip("pygame", reason="pygame-ce has no build for this Python")
    out = run("0_pygame_circles/pygame_circles.py", "demo:circles?fps=60&size=640x360", "--seconds", 1)
    match = re.search(r"^(\d+) frames shown, (\d+) results of the tracker used$", out, re.MULTILINE)
    assert match is not None, out
    assert int(match[1]) > 0
    assert int(match[2]) > 0


@pytest.mark.slow
@pytest.mark.repeats
def test_the_slow_consumer_sees_only_the_newest_frames() -> None:
    out = run("1_slow_consumer/slow_consumer.py", "--seconds", 1.5, "--slow", 0.5)
    debugger = [int(number) for number in re.findall(r"^Debugger (\d+)$", out, re.MULTILINE)]
    consumer = [int(number) for number in re.findall(r"^Slow Consumer (\d+)$", out, re.MULTILINE)]
    assert debugger == sorted(set(debugger))
    assert consumer == sorted(set(consumer))
    assert 1 < len(consumer) <= 4  # at most one per half second
    assert len(debugger) > len(consumer)
    books = re.findall(r"(\d+) passed in = (\d+) delivered \+ (\d+) dropped \+ (\d+) waiting", out)
    assert len(books) == 2
    for passed_in, *parts in books:
        assert int(passed_in) == sum(map(int, parts))


@pytest.mark.slow
def test_four_ways_of_computing_are_compared() -> None:
    ways = ("a thread pool", "a node ", "a node, process=True", "a node, Process(workers=2)")
    for seconds in (1.5, 6, 24):  # on a busy machine, a shorter time may not produce a result
        out = run("1_slow_consumer/four_ways.py", "--seconds", seconds, "--compute", 0.1)
        lines = [next(line for line in out.splitlines() if line.startswith(way)) for way in ways]
        empty = [line for line in lines if not re.search(r"\d/s +\d+\.\d\d/s +\d+\.\d\d s ", line)]
        if not empty:
            break
    assert not empty


@pytest.mark.slow
def test_a_file_is_tracked_losslessly(clip: Path, tmp_path: Path) -> None:
    out = run("lossless_file.py", clip, tmp_path / "tracks.jsonl")
    assert "complete" in out
    lines = (tmp_path / "tracks.jsonl").read_text().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(40))


@pytest.mark.slow
def test_own_nodes_find_a_jump_in_brightness(clip: Path, tmp_path: Path) -> None:
    assert "brightness" in run("own_nodes.py")
    flash = tmp_path / "flash.mp4"
    count = 0

    def flashed(frame: ff.Frame) -> ff.Frame:
        nonlocal count
        count += 1
        picture = frame.copy("bgr")
        if count > 20:
            picture[:] = 255
        return ff.Frame.from_array(picture, "bgr")

    pipeline = ff.Pipeline()
    pipeline.add(ff.VideoFile(flash), pipeline.add(flashed, pipeline.add(ff.open(clip))))
    assert pipeline.run().complete
    assert "frame 20 at" in run("own_nodes.py", flash)


@pytest.mark.slow
def test_a_model_is_asked_about_the_last_seconds() -> None:
    with vision_model.serving(lambda _: vision_model.completion("a ball rolled")) as model:
        out = run("ask_a_model.py", "demo:circles?size=320x240", model.url, "eyes", "What happened?", 2)
    assert re.fullmatch(r"a ball rolled \(the newest picture is \d+\.\d s old\)\n", out), out
    assert len(model.calls) == 1
    assert sum(part["type"] == "image_url" for part in model.calls[0].body["messages"][-1]["content"]) > 1


@pytest.mark.slow
def test_batches_of_several_cameras_and_back_to_one() -> None:
    lines = run("cameras_in_batches.py").splitlines()
    assert all(f"'cam{number}': " in lines[0] for number in range(4))
    assert lines[1].startswith("cam1 alone: sample ")
    assert lines[2].startswith("calls by their number of samples: {")


@pytest.mark.slow
@pytest.mark.repeats
def test_counts_per_period_also_those_of_the_last_one(tmp_path: Path) -> None:
    out = tmp_path / "counts.jsonl"
    lines = run("per_minute.py", "demo:circles", "--period", 0.2, "--windows", 3, "--out", out).splitlines()
    assert [line.split()[0] for line in lines] == ["0.20", "0.40", "0.60"]
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [record["seq"] for record in written] == list(range(len(written)))
    assert len(written) >= 4  # including the rest of the last period


@pytest.mark.slow
def test_things_in_a_zone_have_a_time_and_a_speed(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    video = tmp_path / "zone.mp4"
    scene = "demo:shapes?size=640x360&fps=30&frames=150&pace=0"
    out = run("time_in_zone.py", scene, "--video", video)
    assert video.stat().st_size > 0
    visits = re.findall(r"^ *[\d.]+ s: \w+ #\d+ (?:left|lost) after [\d.]+ s$", out, re.MULTILINE)
    means = re.findall(r"^\w+: (\d+) visits, [\d.]+ s in the mean$", out, re.MULTILINE)
    assert len(visits) == sum(map(int, means))
    assert re.search(r"loiters, at [\d.]+ m/s$", out, re.MULTILINE)


def test_things_are_counted_in_the_zones_of_a_file(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    zones, video = tmp_path / "zones.json", tmp_path / "counted.mp4"
    left_half = [[0, 0], [320, 0], [320, 360], [0, 360]]
    halves = {"left": left_half, "right": [[320 + x, y] for x, y in left_half]}
    zones.write_text(json.dumps(halves))
    # With this seed, no shape is occluded, which could be mistaken for a ball.
    scene = "demo:shapes?size=640x360&fps=30&frames=90&pace=0&seed=6"
    out = run("count_people_in_zone.py", scene, zones, "--only", "ball", "--video", video)
    lines = re.findall(r"^ *(\d) s: (\d+) left, (\d+) right$", out, re.MULTILINE)
    assert [int(second) for second, _, _ in lines] == [0, 1, 2]
    for second, *counted in lines:
        balls = [shape for shape in ff.demo.shapes(scene, 30 * int(second)) if shape.class_name == "ball"]
        left = sum((ball.x1 + ball.x2) / 2 < 320 for ball in balls)
        assert [int(count) for count in counted] == [left, len(balls) - left]
    assert video.stat().st_size > 0


@pytest.mark.slow
def test_speeds_are_labels_in_a_video(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    video = tmp_path / "speeds.mp4"
    out = run("speed_estimation.py", "demo:shapes?size=640x360&fps=30&frames=90&pace=0", "--video", video)
    assert re.search(r"^ *1 s: #\d+ at \d+ km/h$", out, re.MULTILINE)
    assert video.stat().st_size > 0


def test_tracks_are_reported_with_the_stamp_of_their_frame() -> None:
    lines = run("delayed_tracks.py", "demo:circles?frames=20&pace=0").splitlines()
    assert [int(line.split()[1]) for line in lines] == list(range(20))


@pytest.mark.slow
@pytest.mark.repeats
def test_a_stereo_pair_goes_on_while_one_camera_is_silent() -> None:
    counts, sets = run("stereo.py").splitlines()
    found = re.match(r"(\d+) pairs, (\d+) pictures of the left camera alone", counts)
    assert found is not None
    pairs, alone = map(int, found.groups())
    assert pairs >= 50
    assert alone >= 30
    assert sets.startswith(f"sets: {pairs} complete, {alone} partial; unmatched: {{'left': 0")


@pytest.mark.slow
def test_the_recorder_of_cameras_that_come_and_go_serves(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")  # test_nvr.py tests its HTTP API
    pytest.importorskip("uvicorn")
    out = run("nvr.py", "--seconds", 1, "--port", 0, "--page", 0, "--folder", tmp_path)
    assert out.startswith("http://")


@pytest.mark.slow
@pytest.mark.repeats
def test_many_cameras_share_a_loop_and_none_starves() -> None:
    records = [json.loads(line) for line in run("many_cameras.py", 1.5).splitlines()]
    cameras = {record["camera"] for record in records}
    assert cameras == {"gate", "yard", "roof"}
    for camera in cameras:
        seqs = [record["seq"] for record in records if record["camera"] == camera]
        assert seqs == sorted(set(seqs))


@pytest.mark.slow
def test_the_cpp_node_finds_what_numpy_finds(clip: Path) -> None:
    if shutil.which(os.environ.get("CXX", "c++")) is None:
        pytest.skip("no C++ compiler")
    out = run("native_node/main.py", clip)
    same, pairs = map(int, re.findall(r"^(\d+) of (\d+) pictures", out)[0])
    assert pairs == 39
    assert same >= 38  # rounding may put a cell on either side of the threshold
    assert re.findall(r"^(\S+) +\d+ us", out, re.MULTILINE) == ["C++", "NumPy"]


@pytest.mark.slow
def test_the_numba_node_finds_what_numpy_finds(clip: Path) -> None:
    pytest.importorskip("numba", reason="numba is not installed")
    out = run("numba_node/main.py", clip)
    assert float(re.findall(r"at most ([0-9.]+) pixels", out)[0]) < 0.01


@pytest.fixture
def fleet_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Yields a folder with a short path, because the path of a socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        monkeypatch.setitem(ENVIRONMENT, "XDG_STATE_HOME", folder)
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("fleet_state")
def test_fleet_survives_the_death_of_an_agent() -> None:
    out = run("fleet/main.py", 6, 1)
    assert re.search(r"killed agent\d with [1-6] cameras", out)
    counts = re.search(
        r"reported (\d+) == delivered (\d+) \+ outbox_full (\d+) \+ expired (\d+) \+ fenced (\d+) \+ "
        r"lost_with_agent (\d+) \+ waiting (\d+)",
        out,
    )
    assert counts is not None, out
    reported, *parts = map(int, counts.groups())
    assert reported == sum(parts)


@pytest.mark.slow
@pytest.mark.repeats
@pytest.mark.usefixtures("fleet_state")
def test_people_are_counted_on_twelve_cameras() -> None:
    check_counts(run("people_counting.py", 3))


def check_counts(out: str) -> None:
    cameras = re.findall(r"^door\d\d: (\d+) in, (\d+) out, (\d+) frames", out, re.MULTILINE)
    assert len(cameras) == 12
    sums = [sum(map(int, column)) for column in zip(*cameras, strict=True)]
    assert re.search(rf"^all: {sums[0]} in, {sums[1]} out$", out, re.MULTILINE)
    assert sums[0] + sums[1] > 0
    assert all(int(frames) > 0 for _, _, frames in cameras)


@pytest.mark.slow
def test_a_flask_page_shows_pictures_and_the_newest_result() -> None:
    pytest.importorskip("flask")
    code = f"""if True:
        import sys, threading, urllib.request
        sys.path.insert(0, {str(EXAMPLES)!r})
        import flask_page
        import freshframe as ff
        from werkzeug.serving import make_server

        pipeline = ff.Pipeline()
        app = flask_page.make_app(pipeline, ff.open("demo:circles?size=320x240&fps=30"))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{{server.port}}"
        with pipeline:
            with urllib.request.urlopen(url + "/picture.mjpg", timeout=60) as stream:
                print(stream.headers["Content-Type"])
                data = b""
                while data.count(b"--picture") < 3:
                    data += stream.read(1000)
            picture = data.split(b"\\r\\n\\r\\n", 1)[1].split(b"\\r\\n--picture")[0]
            print(picture[:3].hex(), picture[-2:].hex())
            print(urllib.request.urlopen(url + "/circles", timeout=60).read().decode())
            print(urllib.request.urlopen(url, timeout=60).read().decode())
        server.shutdown()
        """
    ended = run_to_end([sys.executable, "-c", code], env=ENVIRONMENT)
    assert ended.returncode == 0, ended.stderr
    kind, picture, result, *page = ended.stdout.splitlines()
    assert kind == "multipart/x-mixed-replace; boundary=picture"
    assert picture == "ffd8ff ffd9"
    assert json.loads(result)["seq"] >= 0
    assert '<img src="/picture.mjpg"' in "\n".join(page)
    assert "--port" in run("flask_page.py", "--help")


# --- results to receivers -----------------------------------------------------------------------------------

SCENE = "demo:circles?size=320x240&fps=30&frames=40"
AT_ONCE = SCENE + "&pace=0"  # behaves like a file: drops no frames


def is_gapless(numbers: list[int]) -> bool:
    """Returns True if each number of a box arrived once. A busy machine loses frames of a live scene."""
    return len(numbers) > 1 and numbers == list(range(1, len(numbers) + 1))


@pytest.mark.slow
def test_the_web_hook_gets_signed_events_again_until_it_answers_well(tmp_path: Path) -> None:
    with receivers.hook(503, 429) as server:
        scene = SCENE.replace("frames=40", "frames=120")
        run("out/webhook.py", server.url, scene, "--spool", tmp_path / "box", told="the spool")
        assert is_gapless([event["n"] for event in server.events])
        assert len({body for _, body in server.requests[:3]}) == 1
        for headers, body in server.requests:
            assert headers["X-Signature"] == "sha256=" + hmac.new(b"", body, hashlib.sha256).hexdigest()


@pytest.mark.slow
def test_what_the_web_hook_refuses_is_put_aside(tmp_path: Path) -> None:
    with receivers.serving(receivers.Picky()) as server:
        server.never = 7
        run(
            "out/webhook.py", server.url, AT_ONCE, "--spool", tmp_path / "box", told="the server answered 422"
        )
    (aside,) = (tmp_path / "box" / "refused.jsonl").read_text().splitlines()
    assert json.loads(aside)["n"] == 7
    assert [event["n"] for event in server.events] == [n for n in range(1, 41) if n != 7]


def test_events_are_at_the_mqtt_broker(tmp_path: Path) -> None:
    mqtt = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    if receivers.mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    got: list[dict[str, int]] = []
    with receivers.broker(tmp_path) as port:
        listener = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        ready = threading.Event()
        listener.on_subscribe = lambda *_: ready.set()
        listener.on_message = lambda _client, _data, message: got.append(json.loads(message.payload))
        listener.connect("127.0.0.1", port)
        listener.subscribe("yard/camera", qos=1)
        listener.loop_start()
        assert ready.wait(WATCHDOG)
        run("out/mqtt.py", "127.0.0.1", "yard", AT_ONCE, "--port", port, "--spool", tmp_path / "box")
        until(lambda: len(got) == 40, lambda: f"{len(got)} of 40 messages")
        listener.disconnect()
        listener.loop_stop()
    assert is_gapless([event["n"] for event in got])


@pytest.mark.slow
def test_events_are_rows_of_the_data_base_once(tmp_path: Path) -> None:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    if receivers.postgres() is None:
        pytest.skip("PostgreSQL is not installed")
    box = tmp_path / "box"
    with receivers.database(tmp_path) as url:
        run("out/postgres.py", url, AT_ONCE, "--spool", box)
        (box / "sent").unlink()  # as after a crash: all events are sent again
        run("out/postgres.py", url, AT_ONCE, "--spool", box)
        with psycopg.connect(url) as database:
            rows = database.execute("select n, event->>'n' from events order by n").fetchall()
    assert [(n, int(text)) for n, text in rows] == [(n, n) for n in range(1, 81)]


def test_events_are_rows_of_parquet_files(tmp_path: Path) -> None:
    if importlib.util.find_spec("pyarrow") is None:
        pytest.skip("pyarrow is not installed")
    run("out/parquet.py", tmp_path / "files", SCENE, "--spool", tmp_path / "box")
    (path,) = (tmp_path / "files").iterdir()
    assert path.suffix == ".parquet"
    read = "import sys, pyarrow.parquet; print(*pyarrow.parquet.read_table(sys.argv[1])['n'].to_pylist())"
    # In a separate process, because its threads do not end.
    text = subprocess.run(
        [sys.executable, "-c", read, path], check=True, env=ENVIRONMENT, capture_output=True
    )
    numbers = [int(n) for n in text.stdout.split()]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, 41))


@pytest.mark.slow
def test_home_assistant_finds_the_zones_and_knows_when_the_program_is_gone(tmp_path: Path) -> None:
    mqtt = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    if receivers.mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    kept: dict[str, str] = {}
    states: list[str] = []

    def note(_client: object, _data: object, message: Any) -> None:
        kept[message.topic] = message.payload.decode()
        if message.topic.endswith("/state"):
            states.append(kept[message.topic])

    with receivers.broker(tmp_path) as port:
        listener = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        listener.on_message = note
        listener.connect("127.0.0.1", port)
        listener.subscribe("#", qos=1)
        listener.loop_start()
        arguments = ["127.0.0.1", SCENE, "--port", port, "--spool", tmp_path / "box"]
        run("out/home_assistant.py", *arguments)
        until(lambda: kept.get("freshframe/available") == "offline", "it says goodbye")
        described = json.loads(kept["homeassistant/binary_sensor/freshframe_left/config"])
        assert described["state_topic"] == "freshframe/left/state"
        assert (kept["freshframe/left/state"], kept["freshframe/right/state"]) == ("OFF", "OFF")
        assert "ON" in states
        killed = subprocess.Popen(
            [sys.executable, EXAMPLES / "out/home_assistant.py", *map(str, arguments)], env=ENVIRONMENT
        )
        until(lambda: kept.get("freshframe/available") == "online", "it is there")
        killed.kill()
        killed.wait()
        until(lambda: kept.get("freshframe/available") == "offline", "the broker says that it is gone")
        listener.disconnect()
        listener.loop_stop()
