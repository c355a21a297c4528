"""Cameras of two sites on a Ray cluster, read by one program.

python main.py [RESULTS]

`ray start --head --labels=site=north` turns this machine into a cluster. Each site of sites.toml has a fleet
on the machine with its label.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import freshframe as ff
from freshframe.fleet import RaySites


def build(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[ff.Circles]]]:
    """Builds the pipeline of one camera, in a process at its site."""
    pipeline = ff.Pipeline()
    return pipeline, {"tracks": pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url)))}


def main() -> None:
    """Prints results until each site has delivered some, and what was lost at each."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seen: Counter[str] = Counter()
    sites = RaySites(Path(__file__).parent / "sites.toml", build)
    reader = sites.reader("tracks")
    for sample in reader:
        print(sample.site, sample.camera, sample.epoch, sample.seq, len(sample.value), flush=True)
        seen[sample.site] += 1
        if len(seen) == 2 and min(seen.values()) >= wanted:
            break
    for name, counts in reader.counts().items():
        print(f"{name}: {counts}")
    sites.shutdown()  # without this, the sites keep running


if __name__ == "__main__":
    main()
