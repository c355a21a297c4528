"""Steers a robot towards circles, and stops it when the newest result is older than 0.1 s."""

import time

from robot import STOP, drive, steer

import freshframe as ff

pipeline = ff.Pipeline()
camera = pipeline.add(ff.open("/dev/video0", size=(640, 480), fps=60))
targets = pipeline.reader(pipeline.add(ff.CircleTracker(), camera, queue=ff.NEXT))

with pipeline:
    while True:
        sample = targets.latest(max_age=0.1)
        drive(steer(sample.value) if sample else STOP)
        time.sleep(0.01)
