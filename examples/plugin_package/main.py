"""Prints how sharp the frames of a video are.

pip install . && python main.py [VIDEO]
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys

import focus

import freshframe as ff


def main(video: str) -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(focus.sharpness(step=2), pipeline.add(ff.open(video))))
    with pipeline:
        for sample in reader:
            print(f"{sample.pts:8.2f} s  {sample.value:8.1f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "demo:circles?pace=0&frames=10")
