"""An encoder that fails on each frame, such as that of a GPU after a reset, is replaced."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.native_code import compiled
from support import run_program

# From frame FAIL_AT on, calls to the same encoder fail.
BROKEN = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <link.h>
    #include <stddef.h>
    #include <stdlib.h>
    #include <string.h>

    static void *broken;
    static int frames;

    static int is_ffmpeg(struct dl_phdr_info *library, size_t size, void *found) {
        (void)size;
        if (strstr(library->dlpi_name, "libavcodec") == NULL) return 0;
        *(const char **)found = library->dlpi_name;
        return 1;
    }

    static void *real(const char *name) {
        const char *path = NULL;
        dl_iterate_phdr(is_ffmpeg, &path);
        return dlsym(dlopen(path, RTLD_LAZY | RTLD_NOLOAD), name);
    }

    int avcodec_open2(void *codec, const void *kind, void *options) {
        int (*open)(void *, const void *, void *);
        *(void **)&open = real("avcodec_open2");
        if (codec == broken) broken = NULL;  /* a new one at the same address */
        return open(codec, kind, options);
    }

    int avcodec_send_frame(void *codec, const void *frame) {
        int (*send)(void *, const void *);
        *(void **)&send = real("avcodec_send_frame");
        if (frame != NULL && ++frames == atoi(getenv("FAIL_AT"))) broken = codec;
        return codec == broken ? -5 : send(codec, frame);
    }
"""

PROGRAM = """
    import sys
    import threading
    import numpy as np
    from support import Push, until
    import freshframe as ff

    COUNT = 60
    kind, folder = sys.argv[1:]
    if kind == "publish":
        import socket
        server = socket.create_server(("127.0.0.1", 0))
        def take():
            connection, _ = server.accept()
            while connection.recv(1 << 16):
                pass
        threading.Thread(target=take, daemon=True).start()
        sink = ff.Publish(f"tcp://127.0.0.1:{server.getsockname()[1]}", codec="h264")
    elif kind == "clips":
        sink = ff.ClipRecorder(before=100, after=0.01)
    else:
        segments = {"segment_every": 1000} if "%" in kind else {}
        sink = ff.VideoFile(f"{folder}/{kind}", **segments)
    source = Push(live=kind == "publish")
    pipeline = ff.Pipeline()
    port = pipeline.add(source, name="source")
    pipeline.add(sink, port, name="sink", on_error="skip", queue=ff.Queue(2 * COUNT))
    with pipeline:
        picture = np.zeros((64, 64, 3), np.uint8)
        for n in range(3):  # one of the first two may fail, and the next one begins the connection
            source.push_stamped(ff.Frame.from_array(picture), n / 25, 0.0)
        if kind == "publish":
            until(lambda: pipeline.stats().nodes["sink"].publish.state == "publishing", "the server")
        for n in range(3, COUNT):
            source.push_stamped(ff.Frame.from_array(picture), n / 25, 0.0)
        until(lambda: pipeline.stats().nodes["sink"].processed >= COUNT, "the frames")
        if kind == "clips":
            sink.save(f"{folder}/clip.mkv")
        source.end()
        pipeline.wait()
    node = pipeline.stats().nodes["sink"]
    lost = sum(node.drops.values()) - node.drops.get("error", 0)
    print(node.processed, node.errors, lost)
"""


@pytest.mark.table
@pytest.mark.parametrize("fail_at", [1, 2, 30])
@pytest.mark.parametrize("kind", ["a.mkv", "a.mp4", "a_%d.mkv", "clips", "publish"])
def test_another_encoder_begins_and_each_frame_is_somewhere_or_counted(
    tmp_path: Path, kind: str, fail_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import freshframe as ff  # noqa: PLC0415

    shim = compiled(tmp_path, BROKEN, "-Wno-pedantic", "-ldl")
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.setenv("LD_PRELOAD", str(shim))  # for the program that is started next
    monkeypatch.setenv("FAIL_AT", str(fail_at))
    ended = run_program(PROGRAM, arguments=[kind, str(folder)])
    assert ended.code == 0, ended.err
    _, errors, lost = map(int, ended.out.split())
    assert errors == 1
    found = sum(len(list(ff.stream(ff.open(path)))) for path in folder.iterdir())
    if kind == "publish":
        assert lost <= fail_at
    elif kind == "clips":
        assert found == 60 - max(fail_at, 2)  # the encoder is started with the first two frames
        assert lost < fail_at + 1
    else:
        assert found + errors + lost == 60
        assert lost <= fail_at
        assert len(list(folder.iterdir())) == (1 if fail_at < 3 else 2)
