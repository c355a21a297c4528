"""The program's end of its guards: a TCP port that only they can use, and their agents."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from freshframe import FreshframeError, __version__
from freshframe._agent import logger

from .._control.agents.ends import SILENT, Words, is_crash
from .._control.agents.link import Link
from .._wire import MessageReader
from .handshake import StrangerError, message, tune, welcome
from .listener import Listener

_AT_ONCE = 64  # connections whose handshake has not ended
_MARK_SIZE = 12  # bytes


class Post:
    """A guard that is connected."""

    def __init__(self, channel: socket.socket, hello: dict[str, Any]) -> None:
        """Takes a guard's connection. `hello`: the guard's greeting."""
        self.node = str(hello["node"])
        self.cores = max(0.1, float(hello["cores"]))
        self.pid = int(hello["pid"])
        self.version = str(hello["version"])
        self.child: dict[str, Any] | None = hello.get("child")  # an agent that has outlived a connection
        self.pulls: dict[int, int] = {}  # the latest pull of each reader that this agent has got
        self.open = True
        self.ended: tuple[int, str, Words] | None = None  # number of its latest agent that has ended, and why
        self.spare: socket.socket | None = None  # the next agent's connection
        self._channel = channel
        self._lock = threading.Lock()

    def send(self, **order: Any) -> None:
        """Never waits. A guard that does not read is given up."""
        with self._lock:
            if not self.open:
                return
            data = message(order)
            try:
                if self._channel.send(data, socket.MSG_DONTWAIT) == len(data):
                    return
            except OSError:
                pass
            self.open = False
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)

    def hear(self) -> Any:
        """Yields the messages of a guard, until the connection ends."""
        reader = MessageReader()
        with contextlib.suppress(OSError, ValueError):
            while data := self._channel.recv(1 << 16):
                for each in reader.add(data):
                    yield json.loads(bytes(each))

    def forget_in_child(self) -> None:
        """Closes the connections in a forked child."""
        for each in (self._channel, self.spare):
            if each is not None:
                with contextlib.suppress(OSError):
                    os.close(each.detach())

    def close(self) -> None:
        """Ends the connection of the guard."""
        with self._lock:
            self.open = False
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)
        if self.spare is not None:
            self.spare.close()


class FarChild:
    """An agent's process on another machine, as FleetChild is one on this. Any thread."""

    def __init__(self, post: Post) -> None:
        """Makes a process that is not started yet."""
        self.number = secrets.randbits(48)
        self.mark = secrets.token_hex(_MARK_SIZE)
        self.pid = 0
        self.post = post
        self.given_up = False  # its end will not be seen, and is not waited for
        self._event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._why: str | None = None
        self.words = SILENT  # the words of its end
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """Readable once it has ended."""
        return self._event

    def kill(self) -> None:
        """Asks the guard to kill the process and its group."""
        self.post.send(what="kill")
        if self.given_up:
            self.ended("its end was not seen")

    def ended(self, why: str, words: Words = SILENT) -> None:
        """Notes the end of a process, which its guard has seen."""
        with self._lock:
            if self._why is None and self._event >= 0:
                self._why = why
                self.words = words
                os.eventfd_write(self._event, 1)

    def reap(self) -> str | None:
        """Returns how the process ended, or None while it runs."""
        with self._lock:
            if self._why is not None and self._event >= 0:
                os.close(self._event)
                self._event = -1
            return self._why


class FarLink(Link):
    """To an agent on another machine."""

    child: FarChild

    def __init__(self, name: str, post: Post, options: dict[str, Any]) -> None:
        """Orders its guard to start it.

        Raises:
            FreshframeError: The guard is not there.
        """
        spare, post.spare = post.spare, None
        if spare is None or not post.open:
            raise FreshframeError("its guard is not connected")
        self._set_up(name, FarChild(post), spare)
        self.meter.cores = post.cores
        post.send(what="launch", number=self.child.number, mark=self.child.mark, options=options)

    @classmethod
    def link_to_earlier(cls, name: str, post: Any) -> FarLink:
        """To an agent of an earlier controller, whose guard has not come yet."""
        link = cls.__new__(cls)
        ours, theirs = socket.socketpair()
        with theirs:
            link._set_up(name, FarChild(post), ours)
        link.close_socket()
        return link

    def adopt(self, post: Post, child: Mapping[str, Any]) -> None:
        """Links an agent again whose guard has come back, and sends its builds again."""
        self.child.post = post
        self.child.number, self.child.mark = int(child["number"]), str(child["mark"])
        self.child.pid = int(child["pid"])
        self.socket, post.spare = post.spare, None
        assert self.socket is not None
        self.socket.setblocking(False)
        self._killed = False
        self._outgoing.clear()
        self.pulls.ask_again(post.pulls)
        self.meter.cores = post.cores

    def has_crashed(self, end: str) -> bool:
        """Whether a camera may have caused its end. Kills of its kernel for memory are not seen here."""
        return is_crash(end, self.last_words(), killed=self._killed, out_of_memory=False)

    def last_words(self) -> Words:
        """The last words of its process, from its guard."""
        return self.child.words

    def close_page(self) -> None:
        """Does nothing: the guard has the page."""


class Guards:
    """Listens for guards. Four functions get the events, on any thread."""

    def __init__(
        self,
        host: str,
        token: bytes,
        *,
        on_ready: Callable[[Post], None],
        on_gone: Callable[[Post], None],
        on_ended: Callable[[Post, int, str, Words], None],
        on_launched: Callable[[Post, int, int], None],
    ) -> None:
        """Listens on a free port of an address of this machine.

        Raises:
            FreshframeError: It cannot.
        """
        self._token = token
        self._on_ready = on_ready
        self._on_gone = on_gone
        self._on_ended = on_ended
        self._on_launched = on_launched
        self.on_client: Callable[[socket.socket, dict[str, Any]], None] | None = None  # for detached fleets
        self._posts: dict[str, Post] = {}
        self._refused: dict[str, str] = {}
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        try:
            listening = socket.create_server((host, 0), backlog=128)
        except OSError as error:
            raise FreshframeError(
                f"cannot listen for agents on {host}: {error}; host= names another address of this machine"
            ) from error
        self.address: tuple[str, int] = listening.getsockname()[:2]
        self._listener = Listener(listening, self._take, "guards of a fleet")
        self._listener.start()

    def post(self, node: str) -> Post | None:
        """The guard of a machine that can start an agent now."""
        with self._lock:
            post = self._posts.get(node)
            return post if post is not None and post.open and post.spare is not None else None

    def is_connected(self, node: str) -> bool:
        """Whether a machine's guard is here."""
        with self._lock:
            post = self._posts.get(node)
            return post is not None and post.open

    def refused(self, node: str) -> str:
        """Returns why a node's guard was turned away, or returns an empty text if it was not."""
        return self._refused.get(node, "")

    def close(self) -> None:
        """Sends all guards away. Idempotent."""
        self._listener.close()
        with self._lock:
            posts, self._posts = list(self._posts.values()), {}
        for post in posts:
            post.send(what="leave")
            post.close()

    def forget_in_child(self) -> None:
        """Closes the connections in a forked child."""
        self._lock = threading.Lock()
        posts, self._posts = list(self._posts.values()), {}
        for post in posts:
            post.forget_in_child()
        self._listener.forget_in_child()

    def _take(self, connection: socket.socket) -> None:
        if not self._room.acquire(blocking=False):
            connection.close()  # strangers: a guard tries again
            return
        try:
            threading.Thread(target=self._greet, args=(connection,), name="guard", daemon=True).start()
        except BaseException:
            self._room.release()
            raise

    def _greet(self, connection: socket.socket) -> None:
        try:
            tune(connection)
            hello = welcome(connection, self._token)
            connection.settimeout(None)
        except (OSError, ValueError, StrangerError):
            connection.close()
            return
        finally:
            self._room.release()
        if hello["what"] == "client":
            if self.on_client is None:
                connection.close()
            else:
                self.on_client(connection, hello)
        elif hello["what"] == "agent":
            self._keep(hello, connection)
        else:
            with connection:
                self._serve(Post(connection, hello))

    def _keep(self, hello: dict[str, Any], connection: socket.socket) -> None:
        """Keeps a connection for the next agent, or for an agent that is there."""
        with self._lock:
            post = self._posts.get(str(hello["node"]))
            if post is None or not post.open or post.pid != int(hello["pid"]):
                connection.close()
                return
            post.child = hello.get("child")
            post.pulls = {int(reader): int(number) for reader, number in hello.get("pulls", {}).items()}
            post.spare = connection
        self._on_ready(post)

    def _serve(self, post: Post) -> None:
        if post.version != __version__:
            self._refused[post.node] = (
                f"it has freshframe {post.version} and the program has {__version__}; both need the same"
            )
            post.close()
            return
        with self._lock:
            before = self._posts.get(post.node)
            self._posts[post.node] = post
            self._refused.pop(post.node, None)
            closing = self._listener.closed
        if before is not None:
            before.close()
        post.send(what="leave" if closing else "known")
        try:
            for told in post.hear():
                self._hear(post, told)
        except Exception:
            logger.exception("the guard of %s has to connect again", post.node)
        with self._lock:
            if self._posts.get(post.node) is post:
                del self._posts[post.node]
        post.close()
        self._on_gone(post)

    def _hear(self, post: Post, told: dict[str, Any]) -> None:
        if told["what"] == "ended":
            words = Words.from_list(told["words"]) if "words" in told else SILENT
            self._on_ended(post, int(told["number"]), str(told["why"]), words)
        elif told["what"] == "launched":
            self._on_launched(post, int(told["number"]), int(told["pid"]))
