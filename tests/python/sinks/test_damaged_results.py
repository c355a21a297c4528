"""JsonLines and Csv record which results belong to damaged frames, for sources that mark them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from rigs.live.camera import PATIENT
from rigs.live.truth.network import Network
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.rtsp.server import TruthServer
from rigs.written import lines, table
from support import WATCHDOG

import freshframe as ff

LOSSY = Network(lose=0.03, lose_after=8)
STAMP = ["seq", "pts", "captured", "utc", "utc_error", "utc_from"]


class Size(ff.Node[ff.Frame, dict[str, int]]):
    """A result that is not the frame itself."""

    def process(self, sample: ff.Sample[ff.Frame], /) -> dict[str, int]:
        return {"width": sample.value.width}


def recorded(
    folder: Path, damaged: Literal["mark", "hold"], *, process: bool = False
) -> dict[int, tuple[bool, bool | None, str | None]]:
    """Returns, by number, whether the sample, its JSON line and its CSV row are marked as damaged."""
    told: dict[int, bool] = {}
    with TruthServer(film(Shape("h264")), fps=60.0, network=LOSSY) as server:
        pipeline = ff.Pipeline()
        source: ff.types.VideoSource = ff.open(server.url, damaged=damaged, **PATIENT)
        sizes = pipeline.add(Size(), pipeline.add(source), queue=ff.Queue(256, "drop_oldest"))
        pipeline.add(ff.JsonLines(folder / "out.jsonl"), sizes, process=process)
        pipeline.add(ff.Csv(folder / "out.csv"), sizes, process=process)
        reader = pipeline.reader(sizes, queue=ff.Queue(256, "drop_oldest"))
        with pipeline:
            while len(told) < 60:
                sample = reader.get(timeout=WATCHDOG)
                told[sample.seq] = sample.damaged
    by_line = {record["seq"]: record.get("damaged") for record in lines(folder / "out.jsonl")}
    by_row = {int(row["seq"]): row.get("damaged") for row in table(folder / "out.csv")}
    return {seq: (is_damaged, by_line[seq], by_row[seq]) for seq, is_damaged in told.items()}


@pytest.mark.slow
@pytest.mark.parametrize("process", [False, True], ids=["", "process"])
def test_each_line_and_row_has_the_mark_of_its_sample(tmp_path: Path, process: bool) -> None:
    found = recorded(tmp_path, "mark", process=process)
    assert set(found.values()) == {(True, True, "True"), (False, False, "False")}
    assert list(lines(tmp_path / "out.jsonl")[0]) == ["format", *STAMP, "damaged", "value"]
    assert list(table(tmp_path / "out.csv")[0]) == [*STAMP, "damaged", "width"]


@pytest.mark.slow
def test_below_a_source_that_holds_damaged_frames_there_is_no_mark(tmp_path: Path) -> None:
    assert set(recorded(tmp_path, "hold").values()) == {(False, None, None)}


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_below_other_sources_a_value_may_have_a_field_of_this_name(tmp_path: Path, sink: Any) -> None:
    pipeline = ff.Pipeline()
    frames = pipeline.add(ff.open("demo:circles?frames=2&pace=0"))
    pipeline.add(sink(tmp_path / "out"), pipeline.add(lambda frame: {"damaged": frame.width}, frames))
    assert pipeline.run().complete
    read = lines if sink is ff.JsonLines else table
    first: dict[str, Any] = read(tmp_path / "out")[0]
    assert list(first) == (
        ["format", *STAMP[:3], "value"] if sink is ff.JsonLines else [*STAMP[:3], "damaged"]
    )
