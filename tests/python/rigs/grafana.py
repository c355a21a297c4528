"""Compares a Grafana dashboard with the metrics that are served."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[3] / "docs"


def board(name: str) -> Any:
    """Returns a dashboard of the documentation."""
    return json.loads((DOCS / name).read_text(encoding="utf-8"))


def check(board: Any, text: str) -> None:
    """Asserts that the metrics contain each metric and label that the dashboard queries."""
    served = {
        name: set(re.findall(r'(\w+)="', labels)) for name, labels in re.findall(r"^(\w+){(.*)} ", text, re.M)
    }
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    assert len(targets) > 10
    for target in targets:
        names = re.findall(r"freshframe_\w+", target["expr"])
        assert names
        for name in names:
            assert name in served
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert label in served[names[0]], target
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
