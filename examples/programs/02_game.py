"""A game at 60 frames per second that draws the circles of a webcam.

pip install pygame-ce
"""

import pygame

import freshframe as ff

pipeline = ff.Pipeline()
camera = pipeline.add(ff.open(0))
circles = pipeline.reader(pipeline.add(ff.CircleTracker(), camera))
screen = pygame.display.set_mode((1280, 720))
clock = pygame.time.Clock()

with pipeline:
    while not pygame.event.get(pygame.QUIT):
        screen.fill("midnightblue")
        if sample := circles.latest():
            for x, y, r in sample.value:
                pygame.draw.circle(screen, "gold", (x, y), r)
        pygame.display.flip()
        clock.tick(60)
