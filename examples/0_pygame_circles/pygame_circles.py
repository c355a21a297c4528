"""A game that tracks circles in a video: its loop uses the newest ones and never waits for the video."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import pygame

import freshframe as ff

SCREEN = (640, 360)
COLOURS = ("tomato", "gold", "mediumseagreen", "deepskyblue", "orchid", "white")


def play(source: str, seconds: float | None) -> tuple[int, int]:
    """Plays until the window is closed or the time is up. Returns (frames shown, samples used)."""
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(source, realtime=True))
    circles = pipeline.reader(pipeline.add(ff.CircleTracker(), camera))

    pygame.display.init()
    screen = pygame.display.set_mode(SCREEN)
    pygame.display.set_caption("freshframe: circles in a game")
    clock = pygame.time.Clock()
    shown = used = 0
    last_seq = -1
    began = pygame.time.get_ticks()
    with pipeline:
        while seconds is None or pygame.time.get_ticks() - began < 1000 * seconds:
            if any(event.type == pygame.QUIT for event in pygame.event.get()):
                break
            screen.fill("midnightblue")
            if sample := circles.latest():
                draw(screen, sample)
                used += sample.seq != last_seq
                last_seq = sample.seq
            pygame.display.flip()
            shown += 1
            clock.tick(60)
    pygame.quit()
    return shown, used


def draw(screen: pygame.Surface, sample: ff.Sample[ff.Circles]) -> None:
    """Draws each circle at its position in the video, in a colour per track."""
    scale = SCREEN[0] / sample.frame.width
    for circle in sample.value:
        colour = COLOURS[(circle.tracker_id or 0) % len(COLOURS)]
        pygame.draw.circle(screen, colour, (circle.x * scale, circle.y * scale), circle.r * scale)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "source", nargs="?", default="demo:circles?fps=60", help="a video file, a webcam (0) or demo:circles"
    )
    parser.add_argument(
        "--seconds", type=float, help="end after so long instead of when the window is closed"
    )
    options = parser.parse_args()
    try:
        shown, used = play(options.source, options.seconds)
    except ff.FreshframeError as error:
        raise SystemExit(str(error)) from None
    print(f"{shown} frames shown, {used} results of the tracker used")


if __name__ == "__main__":
    main()
