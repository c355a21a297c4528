"""A camera on loopback that tells the truth: RTSP, with a log of when each packet of a picture was sent.

Its pictures were encoded before, so no encoder's time lies between the log and the wire, and each carries its
number in its pixels. On request it lies as real cameras do, and its network loses, swaps and delays packets.

| file | idea |
|---|---|
| number | the number in the pixels: where its bits are, and how they are read |
| film, encode | encoded pictures in decoding order; how they are made (PyAV) |
| units, rtp | NAL units and their fragments; packets and sender reports |
| lies, network, manners | what the camera says wrongly, what the network does, how the session behaves |
| guard | Basic and Digest |
| wire, session, transport | requests and answers; one client's conversation; where its packets go |
| pace, sender, log | pictures at their times, for RTSP; when they were sent |
| server | the server of RTSP |
| ts, ts_server, hls_server | the same pictures as MPEG-TS over TCP and UDP, and as HLS |
| relay | a network that stands still, fills up or takes time, over TCP |
| process | a server in a process of its own (`python -m rigs.live.truth`) |
| watch | reads a stream with freshframe |
| judge | what a reader was shown of a network that loses packets, beside what was sent |
"""
# SPDX-License-Identifier: Apache-2.0
