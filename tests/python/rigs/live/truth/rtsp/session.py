"""One client's RTSP session (RFC 2326): its requests and the responses."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import contextlib
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from rigs.live.truth.pictures.film import Film
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.rtp import CLOCK, FIRST_SEQUENCE, FIRST_STAMP, PAYLOAD_TYPE, reports_loss
from rigs.live.truth.rtsp.sender import Sender, Speech
from rigs.live.truth.rtsp.transport import Interleaved, Transport, Udp
from rigs.live.truth.rtsp.wire import Answer, Block, Conversation, Request

TRACK = "video"
EARLY_LIMIT = 20.0  # maximum seconds that the response to PLAY waits for media


class Camera(Speech, Protocol):
    """The part of the server that a session needs."""

    films: Mapping[str, Film]
    fps: float
    asked: deque[str]  # the methods of all requests
    refused: int  # requests with wrong credentials
    receiver_reports: int

    @property
    def ended(self) -> threading.Event:
        """Set when the server closes."""

    def run_beside(self, work: Callable[..., None], *arguments: object) -> None:
        """Runs it in a thread that the server joins."""


class Session:
    """The RTSP session of one connection."""

    def __init__(self, camera: Camera, client: int, connection: socket.socket) -> None:
        self._camera, self._client, self._connection = camera, client, connection
        self._lock = threading.Lock()  # keeps responses and packets from interleaving
        self._id = secrets.token_hex(4)
        self._nonce = secrets.token_hex(8)
        self._uses = 0  # number of requests that used the nonce
        self._renewed = time.monotonic()  # time of the last sign of life
        self._film: Film | None = None
        self._fps = camera.fps
        self._transport: Transport | None = None
        self._sender: Sender | None = None

    def talk(self) -> None:
        """Serves until the client disconnects, sends TEARDOWN, or is silent for longer than the timeout."""
        conversation = Conversation(self._connection)
        self._connection.settimeout(self._camera.manners.timeout)
        try:
            while (found := conversation.next()) is not None:
                if isinstance(found, Block):
                    self._camera.receiver_reports += 1
                    self._camera.picture_losses += reports_loss(found.data)
                elif not self._serve(found):
                    return
                self._limit(found)
        except TimeoutError:
            return
        finally:
            if self._sender is not None:
                self._sender.pace.over.set()
                self._camera.receiver_reports += self._sender.receiver_reports

    def _limit(self, found: Request | Block) -> None:
        """Sets the socket's timeout to the time left until the next sign of life is due."""
        alive, now = self._camera.manners.alive, time.monotonic()
        playing = self._sender is not None
        if not playing or alive is None or (isinstance(found, Request) and found.verb in (*alive, "PLAY")):
            self._renewed = now
        left = self._renewed + self._camera.manners.timeout - now
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)

    def close(self) -> None:
        """Called after the threads of the session have ended."""
        if self._transport is not None:
            self._transport.close()

    def _serve(self, request: Request) -> bool:
        """Responds to a request. Returns False if that ends the session."""
        self._camera.asked.append(request.verb)
        early = request.verb == "PLAY" and self._camera.lies.early
        if request.verb == "TEARDOWN" and not self._camera.manners.goodbye:
            return True
        answer = self._refusal(request) or self._answer(request)
        plays = request.verb == "PLAY" and answer.status == "200 OK"
        if plays and early:
            self._play()
            self._wait_for_media(self._camera.lies.early)
        with self._lock:
            self._connection.sendall(answer.encoded(request))
        if plays and not early:
            self._play()
        return request.verb != "TEARDOWN"

    def _refusal(self, request: Request) -> Answer | None:
        """Returns the error response for an unauthenticated client or an unsupported method, else None."""
        guard = self._camera.manners.guard
        if request.verb not in self._camera.manners.methods:
            return Answer("501 Not Implemented")
        if guard is None or request.verb == "OPTIONS":
            return None
        proof = request.headers.get("authorization")
        verdict = guard.judge(request.verb, proof, self._nonce) if proof else "wrong"
        self._camera.refused += proof is not None and verdict == "wrong"
        if verdict == "right" and (not guard.stale_after or self._uses < guard.stale_after):
            self._uses += 1
            return None
        stale = verdict != "wrong"
        if stale:
            self._nonce, self._uses = secrets.token_hex(8), 0
        lines = guard.challenges(self._nonce, stale=stale)
        return Answer("401 Unauthorized", [("WWW-Authenticate", line) for line in lines])

    def _answer(self, request: Request) -> Answer:
        manners = self._camera.manners
        session = ("Session", f"{self._id};timeout={manners.timeout:g}")
        if request.verb == "OPTIONS":
            return Answer(headers=[("Public", ", ".join(manners.methods))])
        if request.verb == "DESCRIBE":
            return self._describe(request)
        if request.verb == "SETUP":
            return self._set_up(request, session)
        if request.headers.get("session", "").partition(";")[0] != self._id:
            return Answer("454 Session Not Found")
        if request.verb == "PLAY":
            place = f"url={request.url};seq={FIRST_SEQUENCE};rtptime={FIRST_STAMP}"
            return Answer(headers=[session, ("Range", "npt=0.000-"), ("RTP-Info", place)])
        return Answer(headers=[session])

    def _find(self, url: str) -> bool:
        """Returns True if the URL names a film: /NAME or /NAME/FPS, optionally with a track below it."""
        path = url.partition("://")[2].partition("/")[2].partition("?")[0]
        name, *rest = [part for part in path.split("/") if part and part != TRACK]
        rate = rest[0] if rest else f"{self._camera.fps:g}"
        if name not in self._camera.films or not rate.replace(".", "", 1).isdigit():
            return False
        self._film, self._fps = self._camera.films[name], float(rate)
        return True

    def _describe(self, request: Request) -> Answer:
        manners = self._camera.manners
        if manners.location is not None:
            return Answer("302 Moved Temporarily", [("Location", manners.location)])
        if not self._find(request.url):
            return Answer("404 Not Found")
        assert self._film is not None
        headers = [("Content-Type", "application/sdp")]
        if manners.content_base:
            headers.append(("Content-Base", request.url.rstrip("/") + "/"))
        return Answer(headers=headers, body=description(self._film, manners))

    def _set_up(self, request: Request, session: tuple[str, str]) -> Answer:
        camera = self._camera
        asked = request.headers.get("transport", "")
        interleaved = "RTP/AVP/TCP" in asked
        if not self._find(request.url):
            return Answer("404 Not Found")
        if not (camera.manners.tcp if interleaved else camera.manners.udp):
            return Answer("461 Unsupported Transport")
        if self._sender is not None:
            return Answer("455 Method Not Valid in This State")
        if self._transport is not None:
            self._transport.close()
        if interleaved:
            self._transport = Interleaved(self._connection, self._lock, asked, camera.lies)
        else:
            try:
                self._transport = Udp(asked, camera.manners)
            except ValueError:
                return Answer("461 Unsupported Transport")
        return Answer(headers=[session, ("Transport", self._transport.described)])

    def _play(self) -> None:
        if self._sender is not None or self._film is None or self._transport is None:
            return
        self._sender = Sender(self._camera, self._client, self._film, self._fps, self._transport)
        self._camera.run_beside(self._run_sender, self._sender)

    def _run_sender(self, sender: Sender) -> None:
        sender.run(self._camera.ended)
        if not sender.pace.over.is_set():  # the network closed the connection
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def _wait_for_media(self, pictures: int) -> None:
        assert self._sender is not None
        deadline = time.monotonic() + EARLY_LIMIT
        while self._sender.pace.reached < pictures and time.monotonic() < deadline:
            if self._camera.ended.wait(0.01):
                return


def description(film: Film, manners: Manners) -> str:
    """Returns the SDP (RFC 8866) of a film."""
    units = film.parameter_sets.items() if manners.describes_sets else ()
    told = {
        name: unit[:1] + bytes(range(len(unit) - 1)) if manners.wrong_sets else unit for name, unit in units
    }
    named = {name: base64.b64encode(unit).decode() for name, unit in told.items()}
    if film.codec == "h264":
        parameters = ["packetization-mode=1"]
        parameters += [f"sprop-parameter-sets={named['sps']},{named['pps']}"] if named else []
    else:  # VP8 and JPEG do not have one
        parameters = [f"sprop-{name}={named[name]}" for name in ("vps", "sps", "pps") if named]
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=truth",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        f"a=rtpmap:{PAYLOAD_TYPE} {'JPEG' if film.codec == 'mjpeg' else film.codec.upper()}/{CLOCK}",
        *([f"a=fmtp:{PAYLOAD_TYPE} {';'.join(parameters)}"] if parameters else []),
        *([f"a=rtcp-fb:{PAYLOAD_TYPE} nack pli"] if manners.takes_pli else []),
        f"a=control:{TRACK}",
        *(
            ["m=audio 0 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=control:audio"]
            if manners.describes_audio
            else []
        ),
    ]
    return "\r\n".join(lines) + "\r\n"
