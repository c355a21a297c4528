"""Tracks circles of many cameras in four processes, and reads all results in one loop."""

from typing import Any

import freshframe as ff
from freshframe.fleet import Fleet


def build(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    pipeline = ff.Pipeline()
    return pipeline, {"tracks": pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url)))}


if __name__ == "__main__":
    with Fleet(agents=4) as fleet:
        fleet.add_many({"gate": "rtsp://10.0.0.7/live", "yard": "rtsp://10.0.0.8/live"}, build)
        for sample in fleet.reader("tracks"):
            print(sample.camera, len(sample.value), sample.age)
