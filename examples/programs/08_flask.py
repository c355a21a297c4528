"""A Flask page with live video, and the newest circles as JSON.

pip install flask
"""

import flask
import flask.typing

import freshframe as ff

pipeline = ff.Pipeline()
tracks = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(0)))
drawn = pipeline.add(ff.Annotate(), tracks)
newest = pipeline.reader(tracks, frames=False)
page = pipeline.serve(view=drawn)
app = flask.Flask(__name__)


@app.get("/")
def index() -> str:
    return f'<img src="{page.mjpeg_url(drawn)}">'


@app.get("/circles")
def circles() -> flask.typing.ResponseReturnValue:
    sample = newest.latest(max_age=1)
    return sample.value.to_dicts() if sample else ("no camera", 503)


with pipeline:
    app.run()
