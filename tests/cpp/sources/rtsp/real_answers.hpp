// Responses of other projects' RTSP servers on loopback, as recorded by bench/rtsp_servers.py --record of
// commit 606c0673, without the packets. Lines end with a line feed only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace freshframe::media::rtsp::test {

/// gst-rtsp-server 1.22, a camera.
inline constexpr std::string_view kGStreamer = R"(RTSP/1.0 200 OK
CSeq: 1
Public: OPTIONS, DESCRIBE, ANNOUNCE, GET_PARAMETER, PAUSE, PLAY, RECORD, SETUP, SET_PARAMETER, TEARDOWN
Server: GStreamer RTSP server
Date: Sun, 22 Nov 2026 20:18:30 GMT

RTSP/1.0 200 OK
CSeq: 2
Content-Type: application/sdp
Content-Base: rtsp://127.0.0.1:8554/camera/
Server: GStreamer RTSP server
Date: Sun, 22 Nov 2026 20:18:30 GMT
Content-Length: 457

v=0
o=- 12408022006235998693 1 IN IP4 127.0.0.1
s=Session streamed with GStreamer
i=rtsp-server
t=0 0
a=tool:GStreamer
a=type:broadcast
a=control:*
a=range:npt=now-
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
a=rtpmap:96 H264/90000
a=framerate:30
a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LADdoFB+hAAAADAEAAAA8jxQqo,aM4PyA==
a=control:stream=0
a=ts-refclk:local
a=mediaclk:sender
a=ssrc:1076973560 cname:user3442684425@host-8cc38b85
RTSP/1.0 200 OK
CSeq: 3
Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=40314FF8;mode="PLAY"
Server: GStreamer RTSP server
Session: 1LI9ifXi+oLOzFu5
Date: Sun, 22 Nov 2026 20:18:30 GMT

RTSP/1.0 200 OK
CSeq: 4
RTP-Info: url=rtsp://127.0.0.1:8554/camera/stream=0;seq=16701;rtptime=2261914721
Range: npt=now-
Server: GStreamer RTSP server
Session: 1LI9ifXi+oLOzFu5
Date: Sun, 22 Nov 2026 20:18:30 GMT

)";

/// gst-rtsp-server 1.22, audio before the video.
inline constexpr std::string_view kAudioFirst = R"(RTSP/1.0 200 OK
CSeq: 1
Public: OPTIONS, DESCRIBE, ANNOUNCE, GET_PARAMETER, PAUSE, PLAY, RECORD, SETUP, SET_PARAMETER, TEARDOWN
Server: GStreamer RTSP server
Date: Sun, 22 Nov 2026 20:18:44 GMT

RTSP/1.0 200 OK
CSeq: 2
Content-Type: application/sdp
Content-Base: rtsp://127.0.0.1:8554/audio_first/
Server: GStreamer RTSP server
Date: Sun, 22 Nov 2026 20:18:44 GMT
Content-Length: 639

v=0
o=- 18432909870801627100 1 IN IP4 127.0.0.1
s=Session streamed with GStreamer
i=rtsp-server
t=0 0
a=tool:GStreamer
a=type:broadcast
a=control:*
a=range:npt=now-
m=audio 0 RTP/AVP 0
c=IN IP4 0.0.0.0
b=AS:64
a=rtpmap:0 PCMU/8000
a=control:stream=0
a=ts-refclk:local
a=mediaclk:sender
a=ssrc:2570936113 cname:user4255316203@host-2096cb83
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
a=rtpmap:96 H264/90000
a=framerate:30
a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LADdoFB+hAAAADAEAAAA8jxQqo,aM4PyA==
a=control:stream=1
a=ts-refclk:local
a=mediaclk:sender
a=ssrc:2237188932 cname:user4255316203@host-2096cb83
RTSP/1.0 200 OK
CSeq: 3
Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=8558CB44;mode="PLAY"
Server: GStreamer RTSP server
Session: FV2w2ZYilApam66w
Date: Sun, 22 Nov 2026 20:18:44 GMT

RTSP/1.0 200 OK
CSeq: 4
RTP-Info: url=rtsp://127.0.0.1:8554/audio_first/stream=1;seq=15691;rtptime=2228584152
Range: npt=now-
Server: GStreamer RTSP server
Session: FV2w2ZYilApam66w
Date: Sun, 22 Nov 2026 20:18:44 GMT

)";

/// VLC 3.0.24, which refuses TCP.
inline constexpr std::string_view kVlc = R"(RTSP/1.0 200 OK
Server: VLC/3.0.24
Content-Length: 0
Cseq: 1
Public: DESCRIBE,SETUP,TEARDOWN,PLAY,PAUSE,GET_PARAMETER

RTSP/1.0 200 OK
Server: VLC/3.0.24
Date: Sun, 22 Nov 2026 20:19:05 GMT
Content-Type: application/sdp
Content-Base: rtsp://127.0.0.1:48273/live
Content-Length: 429
Cache-Control: no-cache
Cseq: 2

v=0
o=- 17198627648447710874 17198627648447710874 IN IP4 pc
s=Unnamed
i=N/A
c=IN IP4 0.0.0.0
t=0 0
a=tool:vlc 3.0.24
a=recvonly
a=type:broadcast
a=charset:UTF-8
a=control:rtsp://127.0.0.1:48273/live
m=video 0 RTP/AVP 96
b=RR:0
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=42c00d;sprop-parameter-sets=Z0LADdoFB+hAAAADAEAAAA8jxQqo,aM4PyA==;
a=control:rtsp://127.0.0.1:48273/live/trackID=0
RTSP/1.0 461 Unsupported transport
Server: VLC/3.0.24
Date: Sun, 22 Nov 2026 20:19:05 GMT
Content-Length: 0
Cache-Control: no-cache
Cseq: 3

RTSP/1.0 200 OK
Server: VLC/3.0.24
Date: Sun, 22 Nov 2026 20:19:05 GMT
Transport: RTP/AVP/UDP;unicast;client_port=49324-49325;server_port=52514-52515;ssrc=8862D17A;mode=play
Session: c5a060aa3739da08;timeout=60
Content-Length: 0
Cache-Control: no-cache
Cseq: 4

RTSP/1.0 200 OK
Server: VLC/3.0.24
Date: Sun, 22 Nov 2026 20:19:05 GMT
RTP-Info: url=rtsp://127.0.0.1:48273/live/trackID=0;seq=27642;rtptime=1791855775
Range: npt=4.116416-
Session: c5a060aa3739da08;timeout=60
Content-Length: 0
Cache-Control: no-cache
Cseq: 5

)";

/// live555 2026.06.24, a file.
inline constexpr std::string_view kLive555 = R"(RTSP/1.0 200 OK
CSeq: 1
Date: Sun, Nov 22 2026 20:19:10 GMT
Public: OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER

RTSP/1.0 200 OK
CSeq: 2
Date: Sun, Nov 22 2026 20:19:10 GMT
Content-Base: rtsp://127.0.0.1/live.264/
Content-Type: application/sdp
Content-Length: 511

v=0
o=- 1795378750535355 1 IN IP4 127.0.0.1
s=H.264 Video, streamed by the LIVE555 Media Server
i=live.264
t=0 0
a=tool:LIVE555 Streaming Media v2026.06.24
a=type:broadcast
a=control:*
a=range:npt=now-
a=x-qt-text-nam:H.264 Video, streamed by the LIVE555 Media Server
a=x-qt-text-inf:live.264
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
b=AS:500
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=42C00D;sprop-parameter-sets=Z0LADdoFB+hAAAADAEAAAA8jxQqo,aM4PyA==
a=control:track1
RTSP/1.0 200 OK
CSeq: 3
Date: Sun, Nov 22 2026 20:19:10 GMT
Transport: RTP/AVP/TCP;unicast;destination=127.0.0.1;source=127.0.0.1;interleaved=0-1
Session: F9A29994;timeout=65

RTSP/1.0 200 OK
CSeq: 4
Date: Sun, Nov 22 2026 20:19:10 GMT
Range: npt=0.000-
Session: F9A29994
RTP-Info: url=rtsp://127.0.0.1/live.264/track1;seq=64048;rtptime=2436361205

)";

/// live555ProxyServer 2026.06.24, just after its back end was disconnected.
inline constexpr std::string_view kLive555Proxy = R"(RTSP/1.0 200 OK
CSeq: 1
Date: Sun, Nov 22 2026 20:19:16 GMT
Public: OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER

RTSP/1.0 200 OK
CSeq: 2
Date: Sun, Nov 22 2026 20:19:16 GMT
Content-Base: rtsp://127.0.0.1:43727/proxyStream/
Content-Type: application/sdp
Content-Length: 537

v=0
o=- 1795378752111634 1 IN IP4 127.0.0.1
s=LIVE555 Streaming Media v2026.06.24
i=LIVE555 Streaming Media v2026.06.24
t=0 0
a=tool:LIVE555 Streaming Media v2026.06.24
a=type:broadcast
a=control:*
a=range:npt=now-
a=x-qt-text-nam:LIVE555 Streaming Media v2026.06.24
a=x-qt-text-inf:LIVE555 Streaming Media v2026.06.24
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
b=AS:500
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=42C00D;sprop-parameter-sets=Z0LADdoFB+hAAAADAEAAAA8jxQqo,aM4PyA==
a=control:track1
RTSP/1.0 200 OK
CSeq: 3
Date: Sun, Nov 22 2026 20:19:16 GMT
Transport: RTP/AVP/TCP;unicast;destination=127.0.0.1;source=127.0.0.1;interleaved=0-1
Session: 86851477;timeout=65

RTSP/1.0 454 Session Not Found
CSeq: 4
Date: Sun, Nov 22 2026 20:19:16 GMT

)";

/// MediaMTX of 2026-08-22, which requires credentials.
inline constexpr std::string_view kMediaMtx = R"(RTSP/1.0 200 OK
CSeq: 1
Public: DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, PAUSE, GET_PARAMETER, TEARDOWN
Server: gortsplib

RTSP/1.0 401 Unauthorized
CSeq: 2
Server: gortsplib
WWW-Authenticate: Digest realm="ipcam", nonce="19cb56d7322c883de3449c24caaeaa77", algorithm="MD5"

RTSP/1.0 200 OK
CSeq: 3
Content-Base: rtsp://127.0.0.1:8554/guarded/
Content-Length: 251
Content-Type: application/sdp
Server: gortsplib

v=0
o=- 0 0 IN IP4 127.0.0.1
s=No Name
c=IN IP4 0.0.0.0
t=0 0
m=video 0 RTP/AVP 96
a=control:trackID=0
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1; profile-level-id=42C00D; sprop-parameter-sets=Z0LADdoFB+hAAAADAEAAAA8jxQqo,aM4PyA==
RTSP/1.0 200 OK
CSeq: 4
Server: gortsplib
Session: 3965c2aac4a3473a97935265b1290d16;timeout=55
Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=E3B35547

RTSP/1.0 200 OK
CSeq: 5
RTP-Info: url=rtsp://127.0.0.1:8554/guarded/trackID=0;seq=1419;rtptime=3901041013
Server: gortsplib
Session: 3965c2aac4a3473a97935265b1290d16;timeout=55

)";

}  // namespace freshframe::media::rtsp::test
