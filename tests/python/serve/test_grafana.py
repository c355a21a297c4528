"""The dashboard for Grafana asks for metrics that exist."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import freshframe as ff

BOARD = json.loads((Path(__file__).parents[3] / "docs" / "grafana.json").read_text(encoding="utf-8"))


def test_every_metric_and_label_of_the_board_is_served() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=30&size=64x64"), name="camera")
    pipeline.reader(pipeline.add(lambda frame: frame.width, camera))
    dashboard = pipeline.serve()
    with pipeline.start():
        text = urllib.request.urlopen(f"{dashboard.url}metrics").read().decode()
    served = {
        name: set(re.findall(r'(\w+)="', labels)) for name, labels in re.findall(r"^(\w+){(.*)} ", text, re.M)
    }
    targets = [target for panel in BOARD["panels"] for target in panel["targets"]]
    assert len(targets) > 10
    for target in targets:
        names = re.findall(r"freshframe_\w+", target["expr"])
        assert names
        for name in names:
            assert name in served
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert label in served[names[0]], target
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
