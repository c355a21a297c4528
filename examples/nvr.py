"""A recorder whose cameras are added and removed over HTTP: segments of each, one detector for all, one page.

The streams of network cameras are copied into the files without re-encoding.

pip install fastapi uvicorn
python nvr.py                   # the API on http://127.0.0.1:8000/docs, the page on port 8081
curl -X POST 'localhost:8000/cameras/door?url=demo:circles'
curl -X DELETE localhost:8000/cameras/door
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import Any

import freshframe as ff


class Recorder:
    """The pipeline of the service. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pipeline = ff.Pipeline("nvr", keep_running=True)  # keeps running without a camera
        # One node for all cameras, as ff.OnnxDetector with batch=ff.Batch(8) could be. [] means that it has
        # no inputs yet.
        self.circles = self.pipeline.add(ff.CircleTracker(), [], name="circles")
        self.pipeline.add(ff.JsonLines(folder / "circles.jsonl"), self.circles)
        self.cameras: dict[str, ff.Port[ff.Frame]] = {}

    def add(self, name: str, url: str) -> None:
        """Returns when the camera has answered. If the camera is offline, it is added anyway and retried."""
        recorder = ff.VideoFile(self.folder / f"{name}_%05d.mp4", segment_every=60)
        camera = self.pipeline.add(ff.open(url), name=name)
        try:
            self.pipeline.connect(self.circles, camera)
            self.pipeline.add(recorder, recorded(camera), name=f"{name}.file")
        except ff.FreshframeError:  # undo: a camera that is not recorded would still occupy the name
            self.pipeline.remove(camera)
            raise
        self.cameras[name] = camera

    def remove(self, name: str) -> int:
        """Stops the camera and its recorder, and completes its file.

        The others continue. Returns the number of frames.
        """
        last = self.pipeline.remove(self.cameras.pop(name))
        return 0 if last is None else last.nodes[name].processed


def recorded(camera: ff.Port[ff.Frame]) -> ff.Port[Any]:
    """Returns the packets of a network camera, which do not need an encoder, or else the frames."""
    try:
        return camera.packets
    except ff.GraphError:
        return camera


def make_app(recorder: Recorder) -> Any:
    """Returns the HTTP API. FastAPI runs a plain def in a thread, where add() may wait for the camera."""
    from fastapi import FastAPI, HTTPException  # noqa: PLC0415  (only the service needs it)

    app = FastAPI()

    def cameras() -> dict[str, float]:
        nodes = recorder.pipeline.stats().nodes
        return {name: nodes[name].rate for name in list(recorder.cameras) if name in nodes}

    def add(name: str, url: str) -> None:
        try:
            recorder.add(name, url)
        except ff.OptionError as error:  # the URL is invalid, or the name is not valid in a file name
            raise HTTPException(422, str(error)) from error
        except ff.FreshframeError as error:  # the name is taken, or the file cannot be written
            raise HTTPException(409, str(error)) from error

    def remove(name: str) -> dict[str, int]:
        try:
            return {"frames": recorder.remove(name)}
        except KeyError:  # the second of two simultaneous requests
            raise HTTPException(404, f"no camera {name!r}") from None

    app.add_api_route("/cameras", cameras, methods=["GET"])
    app.add_api_route("/cameras/{name}", add, methods=["POST"])
    app.add_api_route("/cameras/{name}", remove, methods=["DELETE"])
    return app


def main() -> None:
    """Serves until Ctrl-C."""
    import uvicorn  # noqa: PLC0415

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("recordings"))
    parser.add_argument("--port", type=int, default=8000, help="of the API")
    parser.add_argument("--page", type=int, default=8081, help="port of the page")
    parser.add_argument("--seconds", type=float, help="end after that time")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    recorder = Recorder(options.folder)
    server = uvicorn.Server(uvicorn.Config(make_app(recorder), port=options.port, log_level="warning"))
    if options.seconds is not None:
        threading.Timer(options.seconds, lambda: setattr(server, "should_exit", True)).start()
    print(recorder.pipeline.serve(port=options.page).url)
    with recorder.pipeline:
        server.run()


if __name__ == "__main__":
    main()
