// One connection to a media server.
// SPDX-License-Identifier: Apache-2.0
#include "media/publish/connection.hpp"

#include "freshframe/error.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>
#include <utility>

#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/packets/parameters.hpp"
#include <netinet/in.h>
#include <sys/socket.h>

namespace freshframe::media {
namespace {

constexpr double kPublishSignOff = 0.1;  // seconds
constexpr int kSmallestBuffer = 32768;   // bytes

/// The open descriptors of this process.
std::set<int> open_descriptors() {
  std::set<int> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const auto name = entry.path().filename().string();
    int number = -1;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number >= 0) found.insert(number);
  }
  return found;
}

Dictionary muxer_options(const PublishTarget& target) {
  Dictionary options;
  const std::string_view format = target.format();
  if (format == "rtsp") options.set("rtsp_transport", "tcp");
  if (format == "flv") options.set("flvflags", "no_duration_filesize");
  if (format == "mpegts") {
    // Without the length of a picture readers wait for the next one's packet.
    options.set("omit_video_pes_length", "0");
    options.set("muxdelay", "0");
    options.set("muxpreload", "0");
  }
  return options;
}

}  // namespace

PublishConnection::PublishConnection(PublishTarget target, std::stop_token stop)
    : target_(std::move(target)), interrupt_(std::move(stop)) {}

PublishConnection::~PublishConnection() {
  if (!output_) return;
  const FfmpegErrorCapture errors;
  interrupt_.arm_closing(kPublishSignOff);
  if (begun_ && !failed_) av_write_trailer(output_.get());
  if ((output_->oformat->flags & AVFMT_NOFILE) == 0) avio_closep(&output_->pb);
}

int PublishConnection::poll(void* opaque) noexcept {
  auto& self = *static_cast<PublishConnection*>(opaque);
  if (self.socket_ < 0) self.look_for_socket();
  const auto ends = self.interrupt_.callback();
  return ends.callback(ends.opaque);
}

bool PublishConnection::is_to_server(int descriptor) const noexcept {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  in_port_t port = 0;
  if (peer.ss_family == AF_INET) port = reinterpret_cast<const sockaddr_in&>(peer).sin_port;
  if (peer.ss_family == AF_INET6) port = reinterpret_cast<const sockaddr_in6&>(peer).sin6_port;
  return port != 0 && ntohs(port) == target_.port();
}

/// A connection of another thread to the same server may be taken for this one's, where both connect at the
/// same moment. Both want small buffers then.
void PublishConnection::look_for_socket() noexcept {
  try {
    for (const int descriptor : open_descriptors()) {
      if (others_.contains(descriptor) || !is_to_server(descriptor)) continue;
      socket_ = descriptor;
      set_buffer(kSmallestBuffer);
      return;
    }
  } catch (const std::exception&) {
    return;  // at the next poll
  }
}

void PublishConnection::set_buffer(int bytes) noexcept {
  const int wanted = std::max(bytes, kSmallestBuffer);
  if (socket_ >= 0) static_cast<void>(::setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted));
}

void PublishConnection::add_stream() {
  auto* const stream = avformat_new_stream(output_.get(), nullptr);
  if (stream == nullptr) throw std::bad_alloc();
  if (avcodec_parameters_copy(stream->codecpar, parameters_of(*stream_).codec.get()) < 0)
    throw std::bad_alloc();
  stream->codecpar->codec_tag = 0;
  stream->time_base = PacketTicks::kTimeBase;
}

void PublishConnection::open(std::shared_ptr<const PacketStream> stream, TimePoint deadline) {
  const FfmpegErrorCapture errors(FfmpegErrorCapture::Purpose::Opening);
  stream_ = std::move(stream);
  for (const int descriptor : open_descriptors()) {
    if (is_to_server(descriptor)) others_.insert(descriptor);
  }
  interrupt_.arm_at(deadline);
  AVFormatContext* raw = nullptr;
  const auto& url = target_.url().text;
  int result = avformat_alloc_output_context2(&raw, nullptr, target_.format(), url.c_str());
  output_.reset(raw);
  if (result < 0) fail("publish to", result);
  output_->interrupt_callback = {&PublishConnection::poll, this};
  output_->flags |= AVFMT_FLAG_FLUSH_PACKETS;
  add_stream();
  auto options = muxer_options(target_);
  if ((output_->oformat->flags & AVFMT_NOFILE) == 0) {
    Dictionary protocol;
    if (target_.url().scheme == "udp")
      protocol.set("pkt_size", "1316");  // seven packets of a transport stream
    result =
        avio_open2(&output_->pb, url.c_str(), AVIO_FLAG_WRITE, &output_->interrupt_callback, protocol.out());
  }
  if (result >= 0) result = avformat_write_header(output_.get(), options.out());
  if (result < 0) {
    failed_ = true;
    throw Error(
        "cannot publish to '" + target_.masked() + "': " +
        (interrupt_.timed_out() ? std::string("the server did not answer in time") : ffmpeg_text(result)) +
        errors.in_brackets());
  }
  begun_ = true;
  if (socket_ < 0) look_for_socket();
  filter_.emplace(*output_->oformat, *parameters_of(*stream_).codec);
}

void PublishConnection::write(const Packet& packet, double timeout) {
  const FfmpegErrorCapture errors;
  if (!ticks_) ticks_.emplace(std::min(packet.pts, packet.dts));
  const auto own = ticks_->next(packet);
  filter_->apply(*own);
  own->stream_index = 0;
  av_packet_rescale_ts(own.get(), PacketTicks::kTimeBase, output_->streams[0]->time_base);
  interrupt_.arm(timeout);
  int result = av_write_frame(output_.get(), own.get());
  if (result >= 0 && output_->pb != nullptr) {
    avio_flush(output_->pb);
    result = output_->pb->error;
  }
  if (result < 0) {
    failed_ = true;
    fail("go on publishing to", result);
  }
  // FFmpeg's packetiser of JPEG logs what RTP cannot carry, such as other Huffman tables, and sends nothing.
  const bool is_jpeg = parameters_of(*stream_).codec->codec_id == AV_CODEC_ID_MJPEG;
  if (is_jpeg && !errors.cause().empty()) {
    failed_ = true;
    throw Error("cannot publish the pictures to '" + target_.masked() + "': " + errors.cause() +
                "; publish frames, which are encoded");
  }
}

void PublishConnection::fail(const std::string& doing, int result) const {
  throw Error(
      "cannot " + doing + " '" + target_.masked() + "': " +
      (interrupt_.timed_out() ? std::string("the server does not take it in time") : ffmpeg_text(result)));
}

}  // namespace freshframe::media
