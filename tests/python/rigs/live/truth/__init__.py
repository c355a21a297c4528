"""A camera on loopback with a log of when it sent each packet of a picture.

The pictures were encoded before, so no encoder's time lies between the log and the wire, and each carries its
number in its pixels. On request it lies as real cameras do, and its network loses, swaps and delays packets.

| file | idea |
|---|---|
| pictures/ number | the number in the pixels: where its bits are, and how they are read |
| pictures/ film, encode | encoded pictures in decoding order; how they are made (PyAV) |
| pictures/ units | NAL units and their fragments |
| pace, log | pictures at their times; when they were sent |
| network | packets that the network loses, swaps and delays |
| relay | a network that stands still, fills up or takes time, over TCP |
| process | a server in a separate process (`python -m rigs.live.truth`) |
| rtsp/ rtp | packets and sender reports |
| rtsp/ lies, manners, guard | false words of the camera; how the session behaves; Basic and Digest |
| rtsp/ wire, session, transport | requests and answers; one client's conversation; where its packets go |
| rtsp/ sender, server | one client's pictures; the server |
| streams/ showing | one film for all clients: the common part of the servers below |
| streams/ ts, ts_server, hls_server, mjpeg_server | MPEG-TS over TCP and UDP, HLS, MJPEG over HTTP |
| reading/ watch | reads a stream with freshframe |
| reading/ judge | compares a reader's pictures with the sent ones after losses |
"""
# SPDX-License-Identifier: Apache-2.0
