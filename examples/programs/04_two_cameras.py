"""Compares the brightness of two cameras, using frames captured at the same time."""

import freshframe as ff


def brighter(left: ff.Frame, right: ff.Frame) -> str:
    return "left" if left.luma.mean() > right.luma.mean() else "right"


pipeline = ff.Pipeline()
left = pipeline.add(ff.open("/dev/video0"), name="left")
right = pipeline.add(ff.open("/dev/video2"), name="right")
side = pipeline.add(brighter, (left, right), join=ff.Join(within=0.016, max_wait=0.1))
sides = pipeline.reader(side)

with pipeline:
    for sample in sides:
        print(sample.value, sample.age)
