// Feeds received RTP packets to FFmpeg's depacketisers, through its SDP demuxer.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "sources/rtsp/pictures/depacketiser.hpp"
#include "sources/rtsp/protocol/message.hpp"

namespace freshframe::media::rtsp {
namespace {

constexpr int kPacketBuffer = 1 << 17;  // in bytes; larger than any packet

#if LIBAVFORMAT_VERSION_MAJOR >= 61
using Written = const std::uint8_t*;
#else
using Written = std::uint8_t*;
#endif

/// The input of FFmpeg's demuxer: first the SDP, then one packet per call of add().
class Input {
 public:
  // Opened for reading, although FFmpeg writes receiver reports to it: reads from a writable context would
  // always have the size of the whole buffer. `direct` writes immediately, because a read buffer never has
  // room.
  explicit Input(std::string text)
      : text_(std::move(text)), io_(make_reading_io(kPacketBuffer, this, &Input::read, &Input::write)) {
    io_->direct = 1;
    io_->max_packet_size = kPacketBuffer;  // otherwise packets are joined
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input() = default;

  [[nodiscard]] AVIOContext* io() noexcept { return io_.get(); }
  /// Called when FFmpeg has read the SDP.
  void begin_input() {
    described_ = true;
    io_->buf_ptr = io_->buf_end = io_->buffer;
    wake();
  }
  void give(std::span<const std::uint8_t> packet) {
    packet_ = packet;
    wake();
  }

 private:
  static int read(void* opaque, std::uint8_t* to, int size) {
    auto& self = *static_cast<Input*>(opaque);
    auto& source = self.packet_;
    if (!self.described_)
      source = {reinterpret_cast<const std::uint8_t*>(self.text_.data()), self.text_.size()};
    if (source.empty()) return self.described_ ? AVERROR(EAGAIN) : AVERROR_EOF;
    const auto count = std::min(source.size(), static_cast<std::size_t>(size));
    std::memcpy(to, source.data(), count);
    if (!self.described_) self.text_.erase(0, count);
    source = {};
    return static_cast<int>(count);
  }
  static int write(void* /*opaque*/, Written /*bytes*/, int size) { return size; }

  /// Clears the end and errors that FFmpeg remembers.
  void wake() {
    io_->eof_reached = 0;
    io_->error = 0;
  }

  std::string text_;
  bool described_ = false;
  std::span<const std::uint8_t> packet_;
  const OwnIoPtr io_;
};

class FfmpegDepacketiser final : public Depacketiser {
 public:
  explicit FfmpegDepacketiser(const Media& media) : input_(make_sdp(media)), packet_(make_av_packet()) {
    const FfmpegErrorCapture errors(FfmpegErrorCapture::Purpose::Opening);
    AVFormatContext* format = avformat_alloc_context();
    if (format == nullptr) throw std::bad_alloc();
    format->pb = input_.io();
    // No parsers: they would hold a frame back until the next one begins.
    format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN | AVFMT_FLAG_NOBUFFER;
    Dictionary options({{"sdp_flags", "custom_io"}, {"reorder_queue_size", "0"}, {"max_delay", "0"}});
    const int opened = avformat_open_input(&format, "", av_find_input_format("sdp"), options.out());
    format_.reset(format);  // null after a failure, because FFmpeg has freed it
    if (opened < 0)
      throw Fault(Trouble::Dialogue, "FFmpeg cannot read its RTP payload: " + ffmpeg_text(opened));
    if (format_->nb_streams != 1 || format_->streams[0]->codecpar->codec_id == AV_CODEC_ID_NONE) {
      throw Fault(Trouble::Dialogue, "FFmpeg does not support its RTP payload format " + media.encoding);
    }
    input_.begin_input();
    const auto codec = format_->streams[0]->codecpar->codec_id;
    joins_ = codec == AV_CODEC_ID_MJPEG || codec == AV_CODEC_ID_VP8 || codec == AV_CODEC_ID_VP9;
  }

  void add(const RtpPacket& packet, bool after_gap, std::vector<std::uint8_t>& picture) override {
    if (!joins_) return give(packet, after_gap, picture);
    give_held(false, picture);
    held_bytes_.assign(packet.payload.begin(), packet.payload.end());
    held_ = Held{packet, after_gap};
  }

  void end(std::vector<std::uint8_t>& picture) override {
    if (!joins_) return;
    give_held(true, picture);
    ++pictures_;
  }

  [[nodiscard]] const AVCodecParameters& parameters() const noexcept override {
    return *format_->streams[0]->codecpar;
  }

 private:
  struct Held {
    RtpPacket packet;
    bool after_gap = false;
  };

  /// Writes the frame's own number as timestamp and sets the marker, since those of the sender do not
  /// reliably show the last packet of a frame.
  void give_held(bool last, std::vector<std::uint8_t>& picture) {
    if (!held_) return;
    auto packet = held_->packet;
    packet.timestamp = pictures_;
    packet.marker = last;
    packet.payload = held_bytes_;
    give(packet, held_->after_gap, picture);
    held_.reset();
  }

  void give(const RtpPacket& packet, bool after_gap, std::vector<std::uint8_t>& picture) {
    const FfmpegErrorCapture errors;
    sequence_ = static_cast<std::uint16_t>(sequence_ + (after_gap ? 2 : 1));
    write_plain_rtp(packet, sequence_, plain_);
    input_.give(plain_);
    while (av_read_frame(format_.get(), packet_.get()) >= 0) {
      picture.insert(picture.end(), packet_->data, packet_->data + packet_->size);
      av_packet_unref(packet_.get());
    }
    input_.give({});
  }

  Input input_;  // outlives format_, which reads it
  InputPtr format_;
  AvPacketPtr packet_;
  bool joins_ = false;        // FFmpeg buffers the packets of a frame until the marker
  std::optional<Held> held_;  // the newest packet, which may be the last of its frame
  std::vector<std::uint8_t> held_bytes_;
  std::uint32_t pictures_ = 0;
  std::uint16_t sequence_ = 0;
  std::vector<std::uint8_t> plain_;  // the packet that FFmpeg reads
};

}  // namespace

std::unique_ptr<Depacketiser> ffmpeg_depacketiser(const Media& media) {
  return std::make_unique<FfmpegDepacketiser>(media);
}

}  // namespace freshframe::media::rtsp
