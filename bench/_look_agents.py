"""Agents that request the last seconds of a Look from a server, in a separate process, until stdin ends.

    python bench/_look_agents.py URL AGENTS obey|hammer

With `obey`, they wait for the server's Retry-After when they are refused. Prints how often each status was
returned, as JSON.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter


def ask(url: str) -> tuple[int, float]:
    """Returns the status of a response, and the seconds after which to retry."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            answer.read()
            return int(answer.status), 0.0
    except urllib.error.HTTPError as error:
        with error:
            return error.code, float(error.headers["Retry-After"] or 0)


def agent(url: str, over: threading.Event, answers: Counter[int], *, obeys: bool) -> None:
    """Sends requests without pauses, except for Retry-After if it obeys."""
    while not over.is_set():
        status, pause = ask(url)
        answers[status] += 1
        if obeys:
            over.wait(pause)


def main() -> None:
    """Runs the agents until stdin ends."""
    url, count, manner = sys.argv[1:]
    answers, over = Counter[int](), threading.Event()
    agents = [
        threading.Thread(target=agent, args=(url, over, answers), kwargs={"obeys": manner == "obey"})
        for _ in range(int(count))
    ]
    for thread in agents:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in agents:
        thread.join()
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
