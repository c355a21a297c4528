"""Saves a clip of ten seconds for every circle that crosses a line."""

import freshframe as ff

pipeline = ff.Pipeline()
camera = pipeline.add(ff.open("rtsp://10.0.0.7/live"), name="gate")
clips = ff.ClipRecorder(before=5, after=5)
pipeline.add(clips, camera)
tracks = pipeline.add(ff.CircleTracker(), camera)
counts = pipeline.reader(pipeline.add(ff.LineCounter((640, 0), (640, 720)), tracks))

with pipeline:
    for sample in counts:
        for crossing in sample.value.crossings:
            clips.save(f"gate-{crossing.tracker_id}.mp4", pts=crossing.pts)
