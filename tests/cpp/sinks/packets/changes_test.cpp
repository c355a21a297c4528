// A camera changes its video in mid-stream: the header of each file describes its packets, and no frame is
// lost.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"
#include "freshframe/packet_nodes.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/media/packets/packet_rig.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include "media/packets/containers.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr int kEach = 24;

/// The video that a camera sends before or after a change.
struct SentVideo {
  std::string codec = "h264";
  std::map<std::string, std::string> options = {};
  int width = kWidth;
  int height = kHeight;
  AVRational aspect{1, 1};  // pixel aspect ratio
  std::string via = ".ts";  // .mkv: lengths instead of start codes, and parameter sets outside of the packets
};

struct CameraChange {
  const char* name;
  SentVideo first;
  SentVideo second;
  bool reconnects = false;
  int files = 2;
};

std::map<std::string, std::string> x264_options(const std::string& x264, const std::string& frames = "0") {
  return {{"g", "12"}, {"bf", frames}, {"b_strategy", "0"}, {"x264-params", x264 + "scenecut=0"}};
}

std::map<std::string, std::string> x265_options(const std::string& x265) {
  return {{"x265-params", x265 + "keyint=12:min-keyint=12:scenecut=0:log-level=none"}};
}

const std::map<std::string, std::string> kOutOfBand{{"g", "12"}, {"bf", "0"}, {"flags", "+global_header"}};
constexpr int kWide = 320;
constexpr int kHigh = 240;

// Most changes include the size, so that a header with the parameters of the first video is detected.
const std::vector<CameraChange>& changes() {
  static const std::vector<CameraChange> all{
      {"size", {.options = x264_options("")}, {.options = x264_options(""), .width = kWide, .height = kHigh}},
      {"smaller",
       {.options = x264_options(""), .width = kWide, .height = kHigh},
       {.options = x264_options("")}},
      {"size_with_lengths",
       {.options = x264_options(""), .via = ".mkv"},
       {.options = x264_options(""), .width = kWide, .height = kHigh, .via = ".mkv"}},
      {"size_h265",
       {.codec = "h265", .options = x265_options("bframes=0:")},
       {.codec = "h265", .options = x265_options("bframes=0:"), .width = kWide, .height = kHigh}},
      {"size_h265_with_lengths",
       {.codec = "h265", .options = x265_options("bframes=2:"), .via = ".mkv"},
       {.codec = "h265",
        .options = x265_options("bframes=2:"),
        .width = kWide,
        .height = kHigh,
        .via = ".mkv"}},
      {"size_mpeg4",
       {.codec = "mpeg4", .options = {{"g", "12"}}},
       {.codec = "mpeg4", .options = {{"g", "12"}}, .width = kWide, .height = kHigh}},
      {"size_mjpeg",
       {.codec = "mjpeg", .via = ".mkv"},
       {.codec = "mjpeg", .width = kWide, .height = kHigh, .via = ".mkv"}},
      {"size_vp9",
       {.codec = "vp9", .options = {{"g", "12"}}, .via = ".mkv"},
       {.codec = "vp9", .options = {{"g", "12"}}, .width = kWide, .height = kHigh, .via = ".mkv"}},
      {"profile",
       {.options = {{"g", "12"}, {"bf", "0"}, {"profile", "baseline"}}},
       {.options = {{"g", "12"}, {"bf", "0"}, {"profile", "high"}}}},
      {"wide_pixels", {.options = x264_options("")}, {.options = x264_options("sar=4/3:"), .aspect = {4, 3}}},
      {"square_pixels",
       {.options = x264_options("sar=7/5:"), .aspect = {7, 5}},
       {.options = x264_options("")}},
      {"pixels_of_h265",
       {.codec = "h265", .options = x265_options("sar=2:"), .aspect = {12, 11}},
       {.codec = "h265", .options = x265_options("")}},
      {"frames_are_reordered", {.options = x264_options("")}, {.options = x264_options("", "3")}},
      {"frames_are_not_reordered", {.options = x264_options("", "3")}, {.options = x264_options("")}},
      {"key_pictures_come_more_often",
       {.options = {{"g", "24"}, {"bf", "0"}}},
       {.options = {{"g", "6"}, {"bf", "0"}}},
       false,
       1},
      {"parameter_sets_at_the_start_only",
       {.options = {{"g", "12"}, {"bf", "0"}}},
       {.options = kOutOfBand, .width = kWide, .height = kHigh}},
      {"parameter_sets_with_each_key",
       {.options = kOutOfBand},
       {.options = {{"g", "12"}, {"bf", "0"}}, .width = kWide, .height = kHigh}},
      {"codec", {.options = x264_options("")}, {.codec = "h265", .options = x265_options("")}, true},
      {"codec_and_size",
       {.codec = "mpeg4", .options = {{"g", "12"}}},
       {.options = x264_options("", "2"), .width = kWide, .height = kHigh},
       true},
      {"the_same_camera_again", {.options = x264_options("")}, {.options = x264_options("")}, true, 1},
  };
  return all;
}

std::string encoded_part(const Folder& folder, const std::string& name, const SentVideo& sending, int from) {
  const auto path = folder.file(name + sending.via);
  Hand hand;
  VideoFile file(path, {.codec = sending.codec, .options = sending.options});
  file.open(hand.context());
  for (int n = 0; n < kEach; ++n)
    write_frame(file, hand, numbered_frame(from + n, sending.width, sending.height), n / 25.0);
  file.close();
  return path;
}

/// A camera that sends the packets of two files in succession, over one or two connections.
class ChangingCamera {
 public:
  void send(const std::string& path, bool connects, double from) {
    const auto input = open_input(path);
    const auto& stream = *input->streams[0];
    if (connects) {
      take(completion_.complete_waiting());
      completion_.connect(*stream.codecpar);
    }
    bool first = !connects;
    const auto packet = make_av_packet();
    while (av_read_frame(input.get(), packet.get()) >= 0) {
      if (std::exchange(first, false) && path.ends_with(".mkv")) attach_sets(*packet, *stream.codecpar);
      const double time = from + static_cast<double>(packet->pts) * av_q2d(stream.time_base);
      take(completion_.add(*packet, {.key = (packet->flags & AV_PKT_FLAG_KEY) != 0, .time = time}));
      av_packet_unref(packet.get());
    }
  }
  std::vector<AnySample> packets() {
    take(completion_.complete_waiting());
    return std::move(samples_);
  }

 private:
  /// Attaches the parameter sets to a packet as side data, as FFmpeg does for RTMP.
  static void attach_sets(AVPacket& packet, const AVCodecParameters& parameters) {
    if (parameters.extradata_size <= 0) return;
    const auto size = static_cast<std::size_t>(parameters.extradata_size);
    auto* const sets = av_packet_new_side_data(&packet, AV_PKT_DATA_NEW_EXTRADATA, size);
    std::memcpy(sets, parameters.extradata, size);
  }
  void take(std::vector<PacketCompletion::Completed> some) {
    for (auto& each : some) samples_.push_back(packet_sample(std::move(each.packet)));
  }

  PacketCompletion completion_;
  std::vector<AnySample> samples_;
};

/// What a container's header says about the video, before any packet is read.
struct ContainerHeader {
  int width = 0;
  int height = 0;
  AVRational aspect{1, 1};
};

/// Reads the size from the sample entry, because FFmpeg ignores it for MPEG-4 in an .mp4.
std::pair<int, int> size_in_entry(const std::string& path) {
  const auto bytes = read_bytes(path);
  const std::string_view all(bytes.data(), bytes.size());
  const auto entry = all.find("mp4v", all.find("stsd"));
  const auto number = [&](std::size_t at) {
    return static_cast<unsigned char>(all.at(entry + at)) << 8 |
           static_cast<unsigned char>(all.at(entry + at + 1));
  };
  return {number(28), number(30)};
}

ContainerHeader header_of(const std::string& path) {
  const auto input = open_input(path, false);
  const auto& stream = *input->streams[0];
  const auto& parameters = *stream.codecpar;
  ContainerHeader header{.width = parameters.width, .height = parameters.height};
  if (stream.sample_aspect_ratio.num > 0) header.aspect = stream.sample_aspect_ratio;
  if (parameters.codec_id == AV_CODEC_ID_MPEG4 && !path.ends_with(".mkv"))
    std::tie(header.width, header.height) = size_in_entry(path);
  return header;
}

bool can_hold(const std::string& container, const SentVideo& sending) {
  if (media::find_video_encoder(sending.codec) == nullptr) return false;
  if (sending.codec == "mjpeg") return container != "ts";
  if (sending.codec == "vp9") return container == "mkv" || container == "mp4";
  return true;
}

class CameraChanges : public testing::TestWithParam<std::tuple<std::size_t, const char*>> {};

TEST_P(CameraChanges, StartAFileWithACorrectHeader) {
  const auto& change = changes()[std::get<0>(GetParam())];
  const std::string container = std::get<1>(GetParam());
  if (!can_hold(container, change.first) || !can_hold(container, change.second)) GTEST_SKIP();
  const Folder folder;
  ChangingCamera camera;
  camera.send(encoded_part(folder, "first", change.first, 0), true, 0);
  camera.send(encoded_part(folder, "second", change.second, kEach), change.reconnects, kEach / 25.0);
  Hand hand;
  const auto path = folder.file("copy." + container);
  VideoFile file(path);
  file.set_input(get_type<Packet>());
  file.open(hand.context());
  const auto packets = camera.packets();
  EXPECT_EQ(packets.size(), 2U * kEach);
  for (const auto& each : packets) static_cast<void>(file.process(Sample<Packet>(each), hand.context()));
  file.close();
  const auto second = folder.file("copy_2." + container);
  ASSERT_EQ(std::filesystem::exists(second), change.files == 2);
  std::vector<int> numbers;
  for (int n = 0; n < change.files; ++n) {
    const auto& name = n == 0 ? path : second;
    const auto& sent = n == 0 ? change.first : change.second;
    const auto played = play(name);
    EXPECT_EQ(played.damaged, 0U);
    numbers.insert(numbers.end(), played.numbers.begin(), played.numbers.end());
    if (container == "ts") continue;  // has no header
    const auto header = header_of(name);
    EXPECT_EQ(std::pair(header.width, header.height), std::pair(sent.width, sent.height)) << name;
    EXPECT_EQ(av_cmp_q(header.aspect, sent.aspect), 0)
        << name << header.aspect.num << ":" << header.aspect.den;
  }
  EXPECT_EQ(numbers, counting(2 * kEach));
  const auto& stream = *packets.back().value.as<Packet>()->stream;
  EXPECT_EQ(std::pair(stream.width, stream.height), std::pair(change.second.width, change.second.height));
}

INSTANTIATE_TEST_SUITE_P(Family, CameraChanges,
                         testing::Combine(testing::Range<std::size_t>(0, changes().size()),
                                          testing::Values("mp4", "mkv", "mov", "ts")),
                         [](const auto& row) {
                           return std::string(changes()[std::get<0>(row.param)].name) + "_" +
                                  std::get<1>(row.param);
                         });

}  // namespace
}  // namespace freshframe::test
