"""tools/check_ffmpeg.py: only FFmpeg names that all supported versions have are used."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rigs.watchdog import LONG_WATCHDOG, run_to_end

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tools"))
from check_ffmpeg import early_header, headers_in, misuses, names_gone  # noqa: E402

GONE = (ROOT / "tools/ffmpeg_names.txt").read_text(encoding="utf-8").splitlines()
INCLUDED = "#include <libavcodec/avcodec.h>\n"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("if (context->profile != FF_PROFILE_UNKNOWN) return;", "FF_PROFILE_UNKNOWN"),
        ("if (context->level != FF_LEVEL_UNKNOWN) return;", "FF_LEVEL_UNKNOWN"),
        ("return codec->profile == FF_PROFILE_H264_BASELINE;", "FF_PROFILE_H264_BASELINE"),
        ("if (capabilities & AV_CODEC_CAP_TRUNCATED) return;", "AV_CODEC_CAP_TRUNCATED"),
        ("av_init_packet(&packet);", "av_init_packet"),
        ("avcodec_close(context.get());", "avcodec_close"),
        ("const bool key = frame->key_frame;", "AVFrame.key_frame"),
        ("const auto length = frame->pkt_duration;", "AVFrame.pkt_duration"),
        ("const auto* formats = codec.pix_fmts;", "AVCodec.pix_fmts"),
        ("const auto number = context->frame_number;", "AVCodecContext.frame_number"),
        ("const auto* rotation = stream->side_data;", "AVStream.side_data"),
        ("const int ticks = context->ticks_per_frame;", "AVCodecContext.ticks_per_frame"),
    ],
)
def test_a_name_that_the_newest_ffmpeg_does_not_have_is_refused(line: str, name: str) -> None:
    expected = {"AVStream.side_data": "side_data"}.get(name, name)
    said = misuses(INCLUDED + line, GONE)
    assert [number for number, _ in said] == [2]
    assert expected in said[0][1]


@pytest.mark.parametrize(
    "code",
    [
        "// FF_PROFILE_UNKNOWN was its name",
        'log("av_init_packet");',
        "#ifdef AV_PROFILE_UNKNOWN\nint a;\n#else\nint a = FF_PROFILE_UNKNOWN;\n#endif",
        "#if LIBAVCODEC_VERSION_MAJOR >= 60\nint a;\n#else\nbool b = frame->key_frame;\n#endif",
        "const auto* const data = av_packet_get_side_data(packet, kind, &size);",
        "parameters.sample_rate = frame->sample_rate;",
        "list.key_frame();",
        "parameters.color_trc = context.color_trc;",
    ],
)
def test_what_each_version_has_and_what_stands_behind_a_question_for_it_passes(code: str) -> None:
    assert misuses(INCLUDED + code, GONE) == []


def test_a_field_of_a_file_without_ffmpeg_is_its_own() -> None:
    assert misuses("return row.channels;", GONE) == []


def test_a_condition_ends_with_its_endif() -> None:
    code = "#if LIBAVCODEC_VERSION_MAJOR < 60\nint a;\n#endif\nint b = FF_PROFILE_UNKNOWN;"
    assert misuses(INCLUDED + code, GONE) == [(5, "FF_PROFILE_UNKNOWN")]


def test_the_list_is_what_the_older_headers_have_and_the_newer_ones_lack_or_call_deprecated(
    tmp_path: Path,
) -> None:
    of_version = {
        "old": "#define FF_GONE 1\nvoid av_old(int a);\nvoid av_both(int a);\n"
        "typedef struct AVThing {\n  int one, lost[4];\n"
        "  void (*called)(struct AVThing* self, int given);\n} AVThing;",
        "new": "#if FF_API_OLD\nattribute_deprecated\nvoid av_both(int a);\n#endif\n"
        "typedef struct AVThing {\n  int one;  // lost\n#if FF_API_OLD\n  attribute_deprecated\n"
        "  void (*called)(struct AVThing* self, int given);\n#endif\n} AVThing;",
    }
    for version, text in of_version.items():
        for library in ("libavcodec", "libavformat", "libavutil", "libswscale"):
            (tmp_path / version / library).mkdir(parents=True)
            (tmp_path / version / library / "a.h").write_text(text, encoding="utf-8")
    gone = names_gone(headers_in(tmp_path / "old"), headers_in(tmp_path / "new"))
    assert gone == ["AVThing.called", "AVThing.lost", "FF_GONE", "av_both", "av_old"]


def test_a_header_of_ffmpeg_before_the_integers_of_the_standard_is_named(tmp_path: Path) -> None:
    texts = {
        "own.hpp": "#include <cstdint>\n",
        "late.hpp": '#include "again.hpp"\n#include <libavutil/log.h>\n#include <cstdint>\n',
        "again.hpp": '#include "late.hpp"\n',
        "good.cpp": '#include <string>\n#include "own.hpp"\n#include <libavutil/log.h>\n',
        "bad.cpp": '#include <string>\n#include "late.hpp"\n',
        "other.cpp": "#include <string>\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = {name: early_header(tmp_path / name, [tmp_path], set()) for name in texts if name.endswith("cpp")}
    assert found == {"good.cpp": "", "bad.cpp": "libavutil/log.h", "other.cpp": None}


@pytest.mark.slow
def test_the_tree_has_no_such_name() -> None:
    ended = run_to_end([sys.executable, str(ROOT / "tools/check_ffmpeg.py")], timeout=LONG_WATCHDOG)
    assert ended.returncode == 0, ended.stdout
