"""A Flask page with live video, drawn circles and their number. The camera and its viewers never wait.

pip install flask
python flask_page.py            # http://127.0.0.1:5000, with the built-in scene
python flask_page.py 0          # a webcam, or a URL
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator

import flask

import freshframe as ff

PAGE = """<!doctype html>
<title>Circles</title>
<img src="/picture.mjpg" alt="the camera's picture with circles">
<p><a href="/circles">the newest result</a></p>
"""


class Pictures(ff.Node[ff.Frame, None]):
    """Encodes each frame once, however many viewers there are."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jpeg = b""

    def process(self, sample: ff.Sample[ff.Frame], /) -> None:
        """Stores the image for the waiting viewers."""
        jpeg = sample.value.jpeg(quality=80)  # without the GIL
        with self._changed:
            self._jpeg = jpeg
            self._changed.notify_all()

    def parts(self) -> Iterator[bytes]:
        """Yields the images from now on for one viewer. A slow viewer gets the newest one next."""
        while True:
            with self._changed:
                # Without a new image, sends the old one again, because proxies close idle connections.
                self._changed.wait(timeout=5)
                jpeg = self._jpeg
            if jpeg:
                yield b"--picture\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n"


def make_app(pipeline: ff.Pipeline, source: ff.Source[ff.Frame]) -> flask.Flask:
    """Adds the nodes to the pipeline and returns the Flask application."""
    tracked = pipeline.add(ff.CircleTracker(), pipeline.add(source))
    circles = pipeline.reader(tracked, frames=False)
    pictures = Pictures()
    pipeline.add(pictures, pipeline.add(ff.Annotate(), tracked), name="pictures")
    app = flask.Flask(__name__)

    @app.get("/")
    def page() -> str:
        return PAGE

    @app.get("/picture.mjpg")
    def picture() -> flask.Response:
        return flask.Response(pictures.parts(), mimetype="multipart/x-mixed-replace; boundary=picture")

    @app.get("/circles")
    def newest() -> flask.Response:
        sample = circles.latest()  # on any of Flask's threads
        if sample is None:
            return flask.Response("no picture yet", status=503, mimetype="text/plain")
        return flask.jsonify(seq=sample.seq, pts=sample.pts, circles=sample.value.xyr.tolist())

    return app


def main() -> None:
    """Serves until Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", nargs="?", default="demo:circles?fps=30", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=5000, help="default: %(default)s")
    options = parser.parse_args()
    source = ff.open(int(options.source) if options.source.isdecimal() else options.source)
    pipeline = ff.Pipeline()
    app = make_app(pipeline, source)
    with pipeline:
        app.run(port=options.port, threaded=True)


if __name__ == "__main__":
    main()
