"""Tracks circles in every frame of a video file, and writes JSON lines, with progress and a final check.

python lossless_file.py match.mp4 tracks.jsonl
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys

import freshframe as ff


def main(video: str, output: str) -> int:
    pipeline = ff.Pipeline()
    frames = pipeline.add(ff.open(video))  # a file: by default, every edge waits instead of dropping
    tracks = pipeline.add(ff.CircleTracker(), frames)
    pipeline.add(ff.JsonLines(output), tracks)
    report = pipeline.run(progress=True)
    print(
        f"{report.samples} frames in {report.elapsed:.1f} s, "
        f"{'complete' if report.complete else 'INCOMPLETE'}"
    )
    return 0 if report.complete else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
