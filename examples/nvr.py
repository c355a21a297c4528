"""A recorder whose cameras come and go over HTTP: segments of each, one detector for all, one page.

The stream of a network camera is copied into its files.

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
    """The pipeline of the service. Its methods are called from any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pipeline = ff.Pipeline("nvr", keep_running=True)  # runs without a camera, too
        # One node for all cameras, as ff.OnnxDetector with batch=ff.Batch(8) could be. [] has no parents yet.
        self.circles = self.pipeline.add(ff.CircleTracker(), [], name="circles")
        self.pipeline.add(ff.JsonLines(folder / "circles.jsonl"), self.circles)
        self.cameras: dict[str, ff.Port[ff.Frame]] = {}

    def add(self, name: str, url: str) -> None:
        """Returns when the camera has answered; one that is away is added, and tries again and again."""
        recorder = ff.VideoFile(self.folder / f"{name}_%05d.mp4", segment_every=60)
        camera = self.pipeline.add(ff.open(url), name=name)
        try:
            self.pipeline.connect(self.circles, camera)
            self.pipeline.add(recorder, recorded(camera), name=f"{name}.file")
        except ff.FreshframeError:  # all of it or nothing: an unrecorded camera would hold the name
            self.pipeline.remove(camera)
            raise
        self.cameras[name] = camera

    def remove(self, name: str) -> int:
        """The camera and its recorder end, and its file is whole; the others run on. Returns its frames."""
        last = self.pipeline.remove(self.cameras.pop(name))
        return 0 if last is None else last.nodes[name].processed


def recorded(camera: ff.Port[ff.Frame]) -> ff.Port[Any]:
    """The packets of a network camera, which need no encoder; else the frames."""
    try:
        return camera.packets
    except ff.GraphError:
        return camera


def make_app(recorder: Recorder) -> Any:
    """The HTTP API. FastAPI runs a plain def in a thread, where add() may wait for the camera."""
    from fastapi import FastAPI, HTTPException  # noqa: PLC0415  (only the service needs it)

    app = FastAPI()

    def cameras() -> dict[str, float]:
        nodes = recorder.pipeline.stats().nodes
        return {name: nodes[name].rate for name in list(recorder.cameras) if name in nodes}

    def add(name: str, url: str) -> None:
        try:
            recorder.add(name, url)
        except ff.OptionError as error:  # the URL, or the name as that of a file, cannot be
            raise HTTPException(422, str(error)) from error
        except ff.FreshframeError as error:  # the name is taken, or the file cannot be written
            raise HTTPException(409, str(error)) from error

    def remove(name: str) -> dict[str, int]:
        try:
            return {"frames": recorder.remove(name)}
        except KeyError:  # the second of two calls at once
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
