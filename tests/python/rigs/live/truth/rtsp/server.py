"""The truth server in this process: films, behaviour, and the requests of its clients."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping

from rigs.live.faulty_server import Server
from rigs.live.truth.log import SentLog
from rigs.live.truth.network import Network
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.session import Session

MOST_CLIENTS = 64  # at a time
MOST_REQUESTS = 10_000  # maximum number of requests whose methods are kept


class TruthServer(Server):
    """Serves /NAME and /NAME/FPS. `lies`, `network` and `manners` may be replaced at any time."""

    def __init__(
        self,
        films: Film | Mapping[str, Film],
        *,
        fps: float = 5.0,
        lies: Lies | None = None,
        network: Network | None = None,
        manners: Manners | None = None,
        skip: int = 0,
        port: int = 0,
        log: SentLog | None = None,
    ) -> None:
        self.films: Mapping[str, Film] = {"live": films} if isinstance(films, Film) else films
        self.fps = fps
        self.lies = lies or Lies()
        self.network = network or Network()
        self.manners = manners or Manners()
        self.log = SentLog() if log is None else log
        self.flowing = threading.Event()
        self.flowing.set()
        self.keeps = True
        self.asked: deque[str] = deque(maxlen=MOST_REQUESTS)
        self.refused = 0
        self.receiver_reports = 0
        self.picture_losses = 0
        self._clients = itertools.count()
        super().__init__(port=port)
        self.skip = skip

    @property
    def url(self) -> str:
        """The URL of its first film."""
        return self.url_of(next(iter(self.films)))

    @property
    def ended(self) -> threading.Event:
        """Set when it closes."""
        return self._ended

    def url_of(self, name: str, fps: float | None = None, user: str = "") -> str:
        """Returns the URL of a film. `user`: "name:password"."""
        rate = "" if fps is None else f"/{fps:g}"
        return f"rtsp://{user + '@' if user else ''}127.0.0.1:{self.port}/{name}{rate}"

    def pause(self, *, keep: bool = True) -> None:
        """Sends nothing until resume().

        Args:
            keep: Images that are due in the meantime are sent afterwards, as if the network had stopped;
                otherwise they are dropped, as if the camera had stopped.
        """
        self.keeps = keep
        self.flowing.clear()

    def resume(self) -> None:
        """Ends the pause."""
        self.flowing.set()

    def run_beside(self, work: Callable[..., None], *arguments: object) -> None:
        """Runs it in a thread that close() joins."""
        self._run(work, *arguments)

    def talk(self, connection: socket.socket) -> None:
        """Serves one client. Turns away clients beyond MOST_CLIENTS."""
        if len(self._open) > MOST_CLIENTS:
            return
        session = Session(self, next(self._clients), connection)
        try:
            session.talk()
        finally:
            session.close()
