// Bytes from a stranger against the dashboard's server: HTTP requests, the WebSocket's frames, the page's
// messages.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/pipeline.hpp"
#include "freshframe/serve.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/packets/packet_camera.hpp"
#include "media/packets/parameters.hpp"
#include "serve/http/service.hpp"
#include "serve/video/camera_message.hpp"
#include "serve/video/video_message.hpp"
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace freshframe;  // NOLINT(google-build-using-namespace)

constexpr std::string_view kToken = "0123456789abcdef";
constexpr std::string_view kLive = "/api/live";
constexpr std::string_view kVideo = "/api/video";
constexpr std::string_view kUpgrade =
    " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

class Silent final : public Source<int> {
 public:
  [[nodiscard]] bool live() const noexcept override { return true; }
  std::optional<SourceItem<int>> read(const Context& /*context*/) override { return std::nullopt; }
};

// A camera whose packets come when they are sent: VP9, whose muxer reads the first bytes only.
class Camera final : public Source<Frame>, public media::PacketCamera {
 public:
  [[nodiscard]] NodeAbilities abilities() noexcept override { return {.packets = this}; }
  Camera() {
    known_.reset(avcodec_parameters_alloc());
    known_->codec_type = AVMEDIA_TYPE_VIDEO;
    known_->codec_id = AV_CODEC_ID_VP9;
    known_->format = AV_PIX_FMT_YUV420P;
    known_->width = kWidth;
    known_->height = kHeight;
    known_->profile = 0;
    stream_ = media::ParametersReader(*known_).read(*packet(true));
  }
  [[nodiscard]] bool live() const noexcept override { return true; }
  std::optional<SourceItem<Frame>> read(const Context& /*context*/) override { return std::nullopt; }
  [[nodiscard]] std::unique_ptr<Source<Packet>> packets() override { return nullptr; }
  void keep_packets(std::shared_ptr<media::KeptPackets> kept) override { kept_ = std::move(kept); }
  void take_frames(bool /*wanted*/) override {}
  void take_frames_while(media::FrameDemand::Taken /*taken*/) override {}
  void wake(std::optional<double> /*seconds*/, std::optional<double> /*until*/) override {}

  void send(std::size_t count) {
    for (; count > 0 && kept_; --count, ++number_) {
      const bool key = number_ % 8 == 0;
      const double pts = static_cast<double>(number_) / 10;
      const std::shared_ptr<AVPacket> owner(packet(key));
      kept_->put({.data = {owner->data, static_cast<std::size_t>(owner->size)},
                  .pts = pts,
                  .dts = pts,
                  .duration = 0.1,
                  .is_keyframe = key,
                  .stream = stream_,
                  .owner = owner},
                 Clock::real()->now());
    }
  }

 private:
  static constexpr int kWidth = 160;
  static constexpr int kHeight = 120;

  /// A header of VP9's (section 6.2 of its specification), and nothing after it that a muxer reads.
  static media::AvPacketPtr packet(bool key) {
    auto made = media::make_av_packet();
    if (av_new_packet(made.get(), 64) != 0) __builtin_trap();
    std::fill_n(made->data, 64, std::uint8_t{0});
    constexpr std::array<std::uint8_t, 10> kKey{0x82, 0x49, 0x83, 0x42, 0, 0x09, 0xF0, 0x07, 0x70, 0};
    if (key) std::ranges::copy(kKey, made->data);
    if (!key) made->data[0] = 0x86;
    if (key) made->flags |= AV_PKT_FLAG_KEY;
    return made;
  }

  media::CodecParametersPtr known_;
  std::shared_ptr<const PacketStream> stream_;
  std::shared_ptr<media::KeptPackets> kept_;
  std::size_t number_ = 0;
};

// A server without threads: its work is done between the bytes.
class Target {
 public:
  explicit Target(bool token)
      : service_(core(), {.view = {{"door"}}},
                 serve::Gate(token ? std::string(kToken) : std::string(), true, "box", 80)) {}

  void meet() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) != 0) __builtin_trap();
    client_ = ends[1];
    service_.welcome(
        serve::Socket(service_.io(), boost::asio::generic::stream_protocol(AF_UNIX, 0), ends[0]));
    work();
  }
  void say(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      work();
    }
  }
  std::string hear() {
    std::string all;
    std::array<char, 65536> some{};
    while (true) {
      const auto got = ::recv(client_, some.data(), some.size(), 0);
      if (got <= 0) return all;
      all.append(some.data(), static_cast<std::size_t>(got));
      work();
    }
  }
  void leave() {
    ::close(client_);
    work();
  }
  void film(std::size_t pictures) {
    camera_->send(pictures);
    work();
  }

 private:
  std::shared_ptr<core::PipelineCore> core() {
    pipeline_.add(std::make_unique<Silent>(), {.name = "<script>"});
    auto camera = std::make_unique<Camera>();
    camera_ = camera.get();
    pipeline_.add(std::move(camera), {.name = "door"});
    return core::PipelineAccess::core(pipeline_);
  }
  void work() {
    service_.io().restart();
    service_.io().poll();
  }

  Pipeline pipeline_;
  Camera* camera_ = nullptr;  // camera of pipeline_
  serve::Service service_;
  int client_ = -1;
};

void check_request(Target& target, std::string_view bytes, bool token) {
  target.meet();
  target.say(bytes);
  const auto answer = target.hear();
  if (!answer.empty() && !answer.starts_with("HTTP/1.1 ")) __builtin_trap();
  // Live video has the token in its first message, and the files of the element are for everybody.
  const auto names = [bytes](std::string_view text) { return bytes.find(text) != std::string_view::npos; };
  const bool told = names(kToken) || names(kVideo) || names("/view") || names("/dom.js");
  if (token && !told &&
      (answer.find("HTTP/1.1 200") != std::string::npos || answer.starts_with("HTTP/1.1 1"))) {
    __builtin_trap();  // in without the token
  }
  target.leave();
}

// One frame with a mask of zeros, so that the payload is there unchanged.
std::string frame_of(std::string_view payload) {
  std::string frame = "\x81";
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else {
    frame += '\xFE';
    frame += static_cast<char>(payload.size() >> 8);
    frame += static_cast<char>(payload.size() & 0xFF);
  }
  return frame + std::string(4, '\0') + std::string(payload);
}

void check_socket(Target& target, std::string_view path, std::string_view bytes, bool framed) {
  target.meet();
  target.say("GET " + std::string(path) + std::string(kUpgrade));
  if (!target.hear().starts_with("HTTP/1.1 101")) __builtin_trap();
  while (framed && !bytes.empty()) {
    const auto end = std::min(bytes.find('\n'), std::min<std::size_t>(bytes.size(), 60000));
    target.say(frame_of(bytes.substr(0, end)));
    target.film(end % 4);
    (void)target.hear();
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  target.say(bytes);
  (void)target.hear();
  target.leave();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* const open = new Target(false);
  static auto* const closed = new Target(true);
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 7) {
    case 0:
      check_request(*open, bytes, false);
      break;
    case 1:
      check_request(*closed, bytes, true);
      break;
    case 2:
      check_socket(*open, kLive, bytes, false);
      break;
    case 3:
      check_socket(*open, kLive, bytes, true);
      break;
    case 4:
      check_socket(*open, kVideo, bytes, true);
      break;
    case 5:
      check_socket(*closed, kVideo, bytes, true);
      break;
    default:
      (void)serve::parse_video_request(bytes);
      (void)serve::parse_camera_request(bytes);
      (void)serve::parse_camera_frame(bytes);
  }
  return 0;
}
