"""A camera on loopback that logs when it sent the packets of each image.

The images are encoded in advance, so that encoding does not add to the measured latency, and each carries its
number in its pixels. On request, the camera sends false metadata as real cameras do, and its network loses,
reorders and delays packets.

| file | idea |
|---|---|
| pictures/ number | the number in the pixels: where its bits are, and how they are read |
| pictures/ film, encode | encoded images in decoding order; encoding them with PyAV |
| pictures/ units | NAL units and their fragments |
| pace, log | images at their times; when they were sent |
| network | loss, reordering and delay of packets |
| relay | a TCP network that stops, fills up or is slow |
| process | a server in a separate process (`python -m rigs.live.truth`) |
| rtsp/ rtp | packets and sender reports |
| rtsp/ lies, manners, guard | false metadata; how the session behaves; Basic and Digest |
| rtsp/ wire, session, transport | requests and responses; one client's session; where its packets go |
| rtsp/ sender, server | one client's images; the server |
| streams/ showing | one film for all clients: the common part of the servers below |
| streams/ ts, ts_server, hls_server, mjpeg_server | MPEG-TS over TCP and UDP, HLS, MJPEG over HTTP |
| reading/ watch | reads a stream with freshframe |
| reading/ judge | compares a reader's images with the sent ones after losses |
"""
# SPDX-License-Identifier: Apache-2.0
