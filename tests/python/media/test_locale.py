"""Numbers in a program whose locale has a decimal comma, as GUI toolkits set it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rigs.live.camera import clip
from rigs.watchdog import run_to_end

PROGRAM = """
import locale, sys
import freshframe as ff

locale.setlocale(locale.LC_NUMERIC, "de_DE.UTF-8")
assert locale.localeconv()["decimal_point"] == ","
bare, made = sys.argv[1:]
assert list(ff.stream(ff.open(bare, options={"framerate": "12.5"}, end=0.5)))
pipeline = ff.Pipeline()
source = pipeline.add(ff.open(bare, end=0.5))
pipeline.add(ff.VideoFile(made, options={"crf": "23.5", "qcomp": "0.7"}), source)
assert pipeline.run().complete
assert locale.localeconv()["decimal_point"] == ","
"""


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("locales")
    program = shutil.which("localedef")
    if program is None or not Path("/usr/share/i18n/locales/de_DE").exists():
        pytest.skip("needs the program localedef and its locales")
    # The command exits with 1 after a warning.
    made = folder / "de_DE.UTF-8"
    subprocess.run([program, "-i", "de_DE", "-f", "UTF-8", made], check=False, capture_output=True)
    if not made.exists():
        pytest.skip("localedef makes no locale here")
    return folder


def test_options_of_ffmpeg_have_a_decimal_point_in_every_locale(locales: Path, tmp_path: Path) -> None:
    media = clip("h264")
    bare = tmp_path / "bare.h264"
    bare.write_bytes(media.header + b"".join(media.frames[:60]))
    done = run_to_end(
        [sys.executable, "-c", PROGRAM, bare, tmp_path / "made.mp4"],
        env=os.environ | {"LOCPATH": str(locales)},
    )
    assert done.returncode == 0, done.stderr
