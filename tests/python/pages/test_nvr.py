"""examples/nvr.py: adds and removes cameras over HTTP."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs.tool_modules import load_module
from support import until

import freshframe as ff

EXAMPLE = Path(__file__).parents[3] / "examples" / "nvr.py"


@pytest.fixture
def nvr(tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    module: Any = load_module(EXAMPLE, "nvr")
    recorder = module.Recorder(tmp_path)
    with recorder.pipeline:
        yield module, recorder
    del sys.modules["nvr"]


def _processed(recorder: Any, node: str, count: int) -> Callable[[], bool]:
    return lambda: recorder.pipeline.stats().nodes[node].processed >= count


def test_a_recorder_of_cameras_that_come_and_go(nvr: tuple[Any, Any], tmp_path: Path) -> None:
    _, recorder = nvr
    for seed in range(3):
        before = recorder.pipeline.stats().nodes["circles"].processed
        for name in ("door", "yard"):
            recorder.add(name, f"demo:circles?fps=30&seed={seed}&size=320x240")
        until(_processed(recorder, "circles", before + 10), "results")
        assert recorder.remove("door") > 0
        assert recorder.remove("yard") > 0
    assert set(recorder.pipeline.stats().nodes) == {"circles", "JsonLines"}
    videos = sorted(tmp_path.glob("*.mp4"))
    assert videos
    for video in videos:
        assert sum(1 for _ in ff.stream(ff.open(video))) > 0


def test_a_camera_that_cannot_be_recorded_is_taken_out_again(nvr: tuple[Any, Any], tmp_path: Path) -> None:
    _, recorder = nvr
    with pytest.raises(ff.OptionError, match="%d"):
        recorder.add("no%d", "demo:circles")
    recorder.pipeline.add(
        lambda frame: None, recorder.pipeline.add(ff.open("demo:circles")), name="door.file"
    )
    with pytest.raises(ff.GraphError, match=r"door\.file"):
        recorder.add("door", "demo:circles")
    assert recorder.cameras == {}
    assert {"no%d", "door"}.isdisjoint(recorder.pipeline.stats().nodes)


@pytest.mark.slow
def test_the_http_api(nvr: tuple[Any, Any]) -> None:
    uvicorn = pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    module, recorder = nvr
    server = uvicorn.Server(
        uvicorn.Config(module.make_app(recorder), host="127.0.0.1", port=0, log_level="critical")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started, "the API")
        root = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

        def call(method: str, path: str) -> Any:
            request = urllib.request.Request(root + path, method=method)
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)

        def refusal(method: str, path: str) -> tuple[int, Any]:
            with pytest.raises(urllib.error.HTTPError) as refused:
                call(method, path)
            with refused.value as answer:
                return answer.code, json.load(answer)

        assert call("GET", "/cameras") == {}
        call("POST", "/cameras/door?url=demo:circles")
        assert list(call("GET", "/cameras")) == ["door"]
        assert refusal("POST", "/cameras/door?url=demo:circles")[0] == 409
        for wrong in ("no%25d?url=demo:circles", "yard?url=demo:what"):
            code, why = refusal("POST", f"/cameras/{wrong}")
            assert code == 422
            assert len(why["detail"]) > 0
        assert list(call("GET", "/cameras")) == ["door"]
        until(_processed(recorder, "door", 1), "frames")
        assert call("DELETE", "/cameras/door")["frames"] > 0
        assert refusal("DELETE", "/cameras/door")[0] == 404
    finally:
        server.should_exit = True
        thread.join()
