"""Writes results to Parquet files, one per batch. A file appears only when it is complete.

pip install pyarrow
python parquet.py folder                                # with the built-in scene
python parquet.py folder rtsp://cam1.local/stream
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

import freshframe as ff

# A batch without circles gets the columns, too: DuckDB could not read the folder if a file had none.
OF_THE_EVENT = {"n": "int64", "source": "string", "seq": "int64", "pts": "double", "spooled": "double"}
OF_THE_CIRCLE = {"tracker_id": "int64"} | dict.fromkeys(
    ("x", "y", "r", "confidence", "vx", "vy", "track_age", "track_confidence"), "double"
)
COLUMNS = pyarrow.schema(list((OF_THE_EVENT | OF_THE_CIRCLE).items()))


class Parquet:
    """Writes BOX-FIRST.parquet with one row per circle. A batch that is sent again replaces its file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def __call__(self, events: list[dict[str, Any]]) -> None:
        """Returns when the file is on disk under its final name."""
        try:
            rows = [
                {key: event[key] for key in OF_THE_EVENT} | circle
                for event in events
                for circle in event["circles"]
            ]
            table = pyarrow.Table.from_pylist(rows, COLUMNS)
        except (KeyError, TypeError, pyarrow.ArrowException) as error:
            raise ff.RefusedError(reason=f"it is not a result with circles: {error!r}") from error
        path = self._folder / f"{events[0]['box']}-{events[0]['n']:012d}.parquet"
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            pyarrow.parquet.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)


def main() -> None:
    """Writes the circles of a source until Ctrl-C, or the end of the source."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("source", nargs="?", default="demo:circles?fps=10", help="default: %(default)s")
    parser.add_argument("--spool", default="outgoing", help="the folder, default: %(default)s")
    options = parser.parse_args()
    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(options.source), name="camera"))
    # One file holds ten minutes at 10 frames per second.
    pipeline.add(ff.Spool(options.spool, Parquet(options.folder), batch_size=6000, max_wait=600), circles)
    pipeline.run()


if __name__ == "__main__":
    main()
