// Makes pictures of a stream's packets: whole ones as soon as their last packet has come.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "media/rtsp/packets/payload.hpp"
#include "media/rtsp/packets/rtcp.hpp"
#include "media/rtsp/pictures/depacketiser.hpp"
#include "media/rtsp/pictures/picture_ends.hpp"

namespace freshframe::media::rtsp {

struct Picture {
  AvPacketPtr packet;                 // its pts is in ticks of RTP, and never wraps
  TimePoint arrived{};                // of its first packet
  bool key = false;                   // decoding can begin with it
  std::optional<double> wall_time{};  // Unix time by the sender's clock
};

/// One thread, no I/O.
class PictureMaker {
 public:
  using OnPicture = std::function<void(Picture picture)>;

  /// `believes_markers`: as for PictureEnds. `clock`: ticks per second. `on_picture` is called in add().
  PictureMaker(Codec codec, int clock, bool believes_markers, Depacketiser& depacketiser,
               OnPicture on_picture);

  /// The next packet in order. `after_gap`: packets before it are lost.
  void add(const RtpPacket& packet, bool after_gap, TimePoint arrived);
  void note_report(const SenderReport& report) { report_ = report; }

  [[nodiscard]] const PictureEnds& ends() const noexcept { return ends_; }
  /// Pictures that were larger than a picture can be.
  [[nodiscard]] std::uint64_t oversized() const noexcept { return oversized_; }

  static constexpr std::size_t kMostBytes = 8U << 20U;  // of a picture whose end does not come (go2rtc#675)
  static constexpr int kMostUnits = 1024;
  static constexpr std::size_t kMostSetBytes = 64U << 10U;

 private:
  void note_time(const RtpPacket& packet, TimePoint arrived);
  void finish();

  const Codec codec_;
  const int clock_;
  PictureEnds ends_;
  Depacketiser& depacketiser_;
  const OnPicture on_picture_;
  std::optional<SenderReport> report_;

  // The open picture.
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint8_t> next_sets_;  // parameter sets of the picture after it
  PayloadFacts facts_;
  bool open_ = false;
  bool too_large_ = false;
  std::size_t taken_ = 0;  // bytes of its packets
  TimePoint arrived_{};
  std::uint32_t timestamp_ = 0;

  std::optional<std::uint32_t> last_timestamp_;  // of RTP
  std::int64_t ticks_ = 0;                       // the same without wraps
  std::uint64_t oversized_ = 0;
};

}  // namespace freshframe::media::rtsp
