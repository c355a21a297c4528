"""Asks a vision model about the newest frame, again after every answer."""

import freshframe as ff

gate = ff.Ask("http://127.0.0.1:11434/v1", "Is the gate open?", model="qwen3-vl")
for sample in ff.stream(ff.open("rtsp://10.0.0.7/live"), gate, on_error="skip"):
    print(f"{sample.value.text} ({sample.age:.1f} s ago)")
