"""The codec that a recorder chooses, and its error if FFmpeg does not have an encoder."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.native_code import compiled
from support import encodes, run_program

import freshframe as ff

NO_H264 = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <link.h>
    #include <string.h>

    static int is_ffmpeg(struct dl_phdr_info *library, size_t size, void *found) {
        (void)size;
        if (strstr(library->dlpi_name, "libavcodec") == NULL) return 0;
        *(const char **)found = library->dlpi_name;
        return 1;
    }

    /* FFmpeg's own function, which does not know the encoders that HIDDEN names. */
    const void *avcodec_find_encoder_by_name(const char *name) {
        const void *(*real)(const char *);
        const char *path = NULL;
        if (strstr(name, "264") != NULL HIDDEN) return NULL;
        dl_iterate_phdr(is_ffmpeg, &path);
        *(void **)&real = dlsym(dlopen(path, RTLD_LAZY | RTLD_NOLOAD), "avcodec_find_encoder_by_name");
        return real(name);
    }
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hidden", "chosen"),
    [
        ("", {"mp4": "vp9", "mkv": "vp9", "webm": "vp9", "avi": "vp9", "mov": "mpeg4", "ts": "mpeg4"}),
        ('|| strstr(name, "vpx") != NULL', {"mp4": "mpeg4", "mkv": "mpeg4", "avi": "mpeg4"}),
    ],
    ids=["no H.264", "no H.264 and no VP9"],
)
def test_auto_takes_the_first_codec_that_is_there_and_says_which(
    tmp_path: Path, hidden: str, chosen: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = compiled(tmp_path, NO_H264.replace("HIDDEN", hidden), "-Wno-pedantic", "-ldl")
    monkeypatch.setenv("LD_PRELOAD", str(shim))  # for the program that is started next
    ended = run_program(
        """
        import logging, sys
        import freshframe as ff

        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        for suffix in sys.argv[2:]:
            path = f"{sys.argv[1]}/a.{suffix}"
            pipeline = ff.Pipeline()
            recorder = ff.VideoFile(path, preset="fastest")
            pipeline.add(recorder, pipeline.add(ff.open("demo:circles?pace=0&frames=9&size=160x120")))
            pipeline.run()
            print(suffix, recorder.codec, sum(1 for _ in ff.stream(ff.open(path))))
        pipeline = ff.Pipeline()
        clips = ff.ClipRecorder()
        pipeline.add(clips, pipeline.add(ff.open("demo:circles?size=160x120")))
        with pipeline:
            try:
                clips.save(f"{sys.argv[1]}/clip.mov")
                print("taken")
            except ff.OptionError as error:
                print("vp9" in str(error))
        try:
            ff.VideoFile(f"{sys.argv[1]}/a.mp4", options={"preset": "superfast"})
        except ff.OptionError as error:
            print(error)
        try:
            ff.VideoFile(path, codec="h264")
        except ff.OptionError as error:
            print(error)
        """,
        arguments=[str(tmp_path), *chosen],
    )
    lines = ended.out.splitlines()
    assert lines[:-3] == [f"{suffix} {codec} 9" for suffix, codec in chosen.items()]
    assert lines[-3] == ("taken" if hidden else "True"), "no VP9 in QuickTime's files"
    assert "have no option 'preset'; preset= (slow, medium, fast, fastest) sets the speed" in lines[-2]
    assert lines[-2].endswith("the installed FFmpeg has no H.264 encoder")
    assert "no encoder for codec 'h264'; for this container it has" in lines[-1]
    assert "mpeg4" in lines[-1]
    for suffix, codec in chosen.items():
        line = f"a.{suffix}' is written as {codec}: the installed FFmpeg has no H.264 encoder"
        assert (line in ended.err) == (suffix != "webm")
    (warning,) = [
        line for line in ended.err.splitlines() if line.startswith("WARNING ") and "written as" in line
    ]
    assert "codec='mpeg4', which nearly all players support, or an FFmpeg with libx264" in warning


@pytest.mark.skipif(not encodes("h264"), reason="FFmpeg has no encoder for H.264")
def test_auto_is_h264_where_that_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    codecs = [ff.VideoFile(tmp_path / f"a.{suffix}").codec for suffix in ("mp4", "mkv", "ts", "webm")]
    assert codecs == ["h264", "h264", "h264", "vp9"]
    assert ff.VideoFile(tmp_path / "b.mp4", codec="mpeg4").codec == "mpeg4"
    assert "written as" not in caplog.text


@pytest.mark.parametrize("codec", ["vp8", "vp9", "av1", "mjpeg"])
@pytest.mark.parametrize("suffix", ["ts", "m2ts", "mpg", "vob", "mov"])
def test_a_file_that_no_program_could_read_is_refused(tmp_path: Path, codec: str, suffix: str) -> None:
    if not encodes(codec):
        pytest.skip(f"FFmpeg has no encoder for {codec}")
    path = tmp_path / f"a.{suffix}"
    if (codec, suffix) == ("mjpeg", "mov"):
        assert ff.VideoFile(path, codec=codec).codec == "mjpeg"
        return
    with pytest.raises(ff.OptionError, match=rf"cannot hold {codec}; it can hold .*mpeg4"):
        ff.VideoFile(path, codec=codec)
