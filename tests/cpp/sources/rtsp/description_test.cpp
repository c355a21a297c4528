// URLs, descriptions and transports, as in the standards and as cameras write them.
// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include "sources/rtsp/protocol/address.hpp"
#include "sources/rtsp/protocol/sdp.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

TEST(RtspAddress, SeparatesCredentialsHostAndPort) {
  const auto address = parse_address("RTSP://joe:p%40ss%3A@cam1:8554/a?b=c");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "cam1");
  EXPECT_EQ(address->port, 8554);
  EXPECT_EQ(address->url, "rtsp://cam1:8554/a?b=c");
  ASSERT_TRUE(address->credentials);
  EXPECT_EQ(address->credentials->user, "joe");
  EXPECT_EQ(address->credentials->password, "p@ss:");
  EXPECT_EQ(parse_address("rtsp://[::1]/a")->host, "::1");
  EXPECT_EQ(parse_address("rtsp://[::1]:99/a")->port, 99);
  EXPECT_EQ(parse_address("rtsp://cam1")->port, 554);
  EXPECT_EQ(parse_address("rtsp://cam1:/a")->port, 554);
  EXPECT_FALSE(parse_address("rtsp://cam1/a")->credentials);
  EXPECT_EQ(parse_address("rtsp://joe@cam1/")->credentials->password, "");
}

TEST(RtspAddress, RefusesWhatCannotBeAsked) {
  for (const auto* url :
       {"http://cam1/", "rtsp://", "rtsp:///a", "rtsp://cam1:0/", "rtsp://cam1:65536/", "rtsp://cam1:5x4/",
        "rtsp://a%0d%0ab:c@cam1/", "rtsp://a:b%0a@cam1/", "rtsp://cam1/\r\n"}) {
    EXPECT_FALSE(parse_address(url)) << url;
  }
}

TEST(RtspAddress, FindsTheBaseOfTheDescription) {
  const auto base = [](std::string_view content_base, std::string_view location = {}) {
    return base_url("rtsp://cam1:8554/a?b", content_base, location);
  };
  EXPECT_EQ(base(""), "rtsp://cam1:8554/a?b");
  EXPECT_EQ(base("rtsp://10.0.0.1/x/"), "rtsp://10.0.0.1/x/");
  EXPECT_EQ(base("rtsp://joe:pw@10.0.0.1/x/"), "rtsp://10.0.0.1/x/") << "credentials are not sent back";
  EXPECT_EQ(base("/x/"), "rtsp://cam1:8554/x/");
  EXPECT_EQ(base("cam1:8554/x/"), "rtsp://cam1:8554/x/");
  EXPECT_EQ(base("*", "rtsp://cam1/y"), "rtsp://cam1/y");
  EXPECT_EQ(base("nonsense"), "rtsp://cam1:8554/a?b");
}

TEST(RtspAddress, FindsTheUrlOfAMedium) {
  EXPECT_EQ(control_url("rtsp://h/a/", "track1"), "rtsp://h/a/track1");
  EXPECT_EQ(control_url("rtsp://h/a", "track1"), "rtsp://h/a/track1");
  EXPECT_EQ(control_url("rtsp://h/a/", "/track1"), "rtsp://h/a/track1");
  EXPECT_EQ(control_url("rtsp://h/a?channel=1", "trackID=0"), "rtsp://h/a?channel=1/trackID=0");
  EXPECT_EQ(control_url("rtsp://h/a", "?ctype=video"), "rtsp://h/a?ctype=video");
  EXPECT_EQ(control_url("rtsp://h/a", "RTSP://h2/b"), "rtsp://h2/b");
  EXPECT_EQ(control_url("rtsp://h/a", " * "), "rtsp://h/a");
  EXPECT_EQ(control_url("rtsp://h/a", ""), "rtsp://h/a");
}

TEST(RtspSdp, ReadsTheMediaOfACamera) {
  const auto found = parse_sdp(
      "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\na=control:rtsp://h/a\r\n"
      "m=audio 0 RTP/AVP 0\r\na=control:audio\r\n"
      "m=video 0 RTP/AVP 96\r\na=control:video\r\na=rtpmap:96 h264/90000\r\n"
      "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0I=,aM4=\r\na=framerate:12.5\r\n");
  EXPECT_EQ(found.control, "rtsp://h/a");
  ASSERT_EQ(found.media.size(), 2);
  EXPECT_EQ(found.media[0].kind, "audio");
  const auto& video = found.media[1];
  EXPECT_EQ(video.kind, "video");
  EXPECT_EQ(video.payload_type, 96);
  EXPECT_EQ(video.encoding, "H264");
  EXPECT_EQ(video.clock, 90000);
  EXPECT_EQ(video.format, "packetization-mode=1;sprop-parameter-sets=Z0I=,aM4=");
  EXPECT_EQ(video.control, "video");
  EXPECT_EQ(video.rate, 12.5);
  EXPECT_FALSE(video.encrypted);
}

TEST(RtspSdp, ReadsWhatCamerasWrite) {
  // No v= or o=, two s=, line ends without carriage returns, trailing spaces, the control first, and an rtpmap of
  // another payload type.
  const auto found = parse_sdp(
      "s=\ns=two\n\nnonsense\nm=video 0 RTP/AVP 35 97 \na=control:*  \na=rtpmap:97 VP8/90000\n"
      "a=rtpmap:35  H265/90000 \n"
      "a=fmtp:35  sprop-vps=QA== \na=crypto\nb=AS:0\n");
  ASSERT_EQ(found.media.size(), 1);
  EXPECT_EQ(found.media[0].encoding, "H265");
  EXPECT_EQ(found.media[0].control, "*");
  EXPECT_EQ(found.media[0].format, "sprop-vps=QA==");
  EXPECT_EQ(parse_sdp("m=video 0 RTP/AVP 26").media.at(0).encoding, "JPEG");
  EXPECT_TRUE(parse_sdp("m=video 0 RTP/SAVP 96\n").media.at(0).encrypted);
  EXPECT_TRUE(parse_sdp("m=video 0 RTP/AVP 96\na=crypto:1 AES\n").media.at(0).encrypted);
}

TEST(RtspSdp, KnowsWhereALossOfPicturesMayBeTold) {
  const auto takes = [](const std::string& line) {
    return parse_sdp("m=video 0 RTP/AVPF 96\na=rtpmap:96 H264/90000\n" + line + "\n").media.at(0).takes_pli;
  };
  EXPECT_TRUE(takes("a=rtcp-fb:96 nack pli"));
  EXPECT_TRUE(takes("a=rtcp-fb:*  nack  pli "));
  EXPECT_FALSE(takes("a=rtcp-fb:97 nack pli"));
  EXPECT_FALSE(takes("a=rtcp-fb:96 nack"));
  EXPECT_FALSE(takes("a=rtcp-fb:96 ccm fir"));
}

TEST(RtspSdp, LetsNoControlCharacterIntoAUrl) {
  const auto found = parse_sdp("m=video 0 RTP/AVP 96\ra=control:a\rX-Header: b\na=rtpmap:96 H264/90000\n");
  ASSERT_EQ(found.media.size(), 1);
  EXPECT_EQ(found.media[0].control, "a");
  EXPECT_EQ(found.media[0].encoding, "H264");
}

TEST(RtspSdp, GivesADescriptionOfAnyText) {
  EXPECT_TRUE(parse_sdp("").media.empty());
  EXPECT_TRUE(parse_sdp("<html>").media.empty());
  const auto odd =
      parse_sdp("m=\nm=video\nm=video 0 RTP/AVP 999\na=rtpmap:0 H264\na=framerate:nan\na=rtpmap:\na=:\n");
  ASSERT_EQ(odd.media.size(), 3);
  EXPECT_EQ(odd.media[2].payload_type, 0);
  EXPECT_EQ(odd.media[2].clock, 0);
  EXPECT_FALSE(odd.media[2].rate);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "m=video 0 RTP/AVP 96\n";
  EXPECT_EQ(parse_sdp(many).media.size(), 64);
}

TEST(RtspSdp, DescribesOneMediumForFfmpeg) {
  auto media =
      parse_sdp("m=video 5 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 a=b\na=control:x\n").media.at(0);
  EXPECT_EQ(
      make_sdp(media),
      "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
      "a=rtpmap:96 H264/90000\r\na=fmtp:96 a=b\r\n");
}

TEST(RtspTransport, ReadsTheServersChoice) {
  const auto tcp = parse_transport("RTP/AVP/TCP;unicast;interleaved=4-5;ssrc= 0a0b");
  EXPECT_TRUE(tcp.tcp);
  EXPECT_EQ(tcp.channel, 4);
  EXPECT_EQ(tcp.control_channel, 5);
  const auto udp = parse_transport(
      "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;source=10.0.0.9,RTP/AVP/TCP");
  EXPECT_FALSE(udp.tcp);
  EXPECT_EQ(udp.server_port, 6000);
  EXPECT_EQ(udp.server_control_port, 6001);
  EXPECT_EQ(udp.source, "10.0.0.9");
  EXPECT_FALSE(udp.channel);
}

TEST(RtspTransport, ReadsWhatServersLeaveOut) {
  EXPECT_TRUE(parse_transport("RTP/AVP/TCP").tcp);
  EXPECT_FALSE(parse_transport("RTP/AVP/TCP").channel);
  EXPECT_EQ(parse_transport("x;interleaved=255").control_channel, 0);
  EXPECT_FALSE(parse_transport("RTP/AVP/TCP;interleaved=256-257").channel);
  EXPECT_EQ(parse_transport("RTP/AVP;server_port=0-1").server_control_port, 0);
  EXPECT_EQ(parse_transport("RTP/AVP;server_port=99999").server_port, 0);
  EXPECT_TRUE(parse_transport("RTP/AVP;multicast;port=5000").multicast);
  EXPECT_FALSE(parse_transport(";;=;").tcp);
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
