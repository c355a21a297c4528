"""Asks a vision model what the last seconds of a camera show, through the chat completions API.

python ask_a_model.py rtsp://192.168.1.20/main http://127.0.0.1:11434/v1 qwen3-vl "What happened?" [SECONDS]
"""

import sys
import time

import freshframe as ff

url, server, model, question = sys.argv[1:5]
seconds = float(sys.argv[5]) if len(sys.argv) > 5 else 10
pipeline = ff.Pipeline()
camera = pipeline.add(ff.open(url), name="camera")
look, ask = ff.Look(seconds=seconds), ff.Ask(server, model=model)
pipeline.add(look, camera)
pipeline.add(ask, camera, on_error="skip")
with pipeline:
    time.sleep(seconds)
    look.now(max_age=2)  # raises StaleFrameError: a model would describe old images as current
    answer = ask.ask(question, snapshots=look.last(seconds, 4)).result(60)
    print(f"{answer.text} (the newest picture is {answer.age:.1f} s old)")
