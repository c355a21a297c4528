"""docs/how-to/ask-a-vision-model.md: its program is short, and asks a server as its page says."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from rigs import vision_model
from rigs.vision_model import Call, Reply, completion
from rigs.watchdog import run_to_end

import freshframe as ff

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "ask-a-vision-model.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
(PROGRAM,) = (block for block in BLOCKS if "ff.Ask(" in block)


def test_the_program_has_at_most_twenty_five_lines() -> None:
    assert len([line for line in PROGRAM.splitlines() if line]) <= 25


@pytest.mark.slow
def test_the_program_prints_answers_with_the_age_of_their_picture_and_ends_at_a_yes() -> None:
    standing = iter(["No.", "No.", "Yes."])

    def answer(call: Call) -> Reply:
        return completion(next(standing, "Yes.") if "open" in call.texts[1] else "A van.")

    with vision_model.serving(answer) as model:
        text = PROGRAM.replace("http://127.0.0.1:8000/v1", model.url)
        assert text != PROGRAM
        done = run_to_end(
            [sys.executable, "-c", text], env={**os.environ, "PYTHONPATH": str(Path(ff.__file__).parents[1])}
        )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"No\. \(the model saw a picture of \d+\.\d s ago\)", lines[0])
    assert lines[-3].startswith("Yes.")
    assert lines[-2:] == ["A van.", "0 calls have failed"]
