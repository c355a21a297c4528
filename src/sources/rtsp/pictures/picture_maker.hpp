// Assembles frames from a stream's packets, as soon as the last packet of each has arrived.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "media/stream/camera_clock.hpp"
#include "media/units/damage.hpp"
#include "media/units/picture_ends.hpp"
#include "sources/rtsp/packets/payload.hpp"
#include "sources/rtsp/packets/rtcp.hpp"
#include "sources/rtsp/pictures/depacketiser.hpp"
#include "sources/rtsp/pictures/packet_places.hpp"
#include "sources/rtsp/pictures/picture_times.hpp"

namespace freshframe::media::rtsp {

// Counts frames of which no packet arrived, by the timestamps of the frames that did.

/// After packet loss, frames count as missing if there is room for them between the surrounding timestamps,
/// but at most as many as lost packets. The interval is learned while nothing is lost, so a pause of the
/// camera does not count. Frames may arrive in decoding order (B-frames), so timestamps are sorted first. Not
/// thread-safe, no I/O.
class MissingPictures {
 public:
  /// `interval`: ticks between frames; 0 if unknown.
  explicit MissingPictures(std::int64_t interval) : declared_(interval) {}

  /// Call for each frame. `time`: in ticks. `lost`: packets lost since the previous frame. Returns how many
  /// missing frames this reveals.
  [[nodiscard]] std::uint64_t add(std::int64_t time, std::uint64_t lost);

 private:
  [[nodiscard]] std::uint64_t settle(std::int64_t time);
  [[nodiscard]] std::int64_t interval() const;

  const std::int64_t declared_;
  std::deque<std::int64_t> intervals_;  // the newest, in ticks
  std::vector<std::int64_t> waiting_;   // sorted timestamps of frames before which another may still arrive
  std::size_t depth_ = 0;               // maximum size of waiting_
  std::uint64_t lost_ = 0;              // lost packets whose frames are not counted yet
  std::size_t since_loss_ = 0;          // frames since the last loss
  bool began_ = false;
  std::int64_t last_ = 0;  // timestamp of the last frame that no longer waits
};

struct Picture {
  AvPacketPtr packet;   // pts in RTP ticks without wraps; none if the timestamps are implausible
  TimePoint arrived{};  // arrival of its first packet
  TimePoint ended{};    // arrival of its last packet
  bool key = false;     // decoding can start at this frame
  std::optional<CameraClock::Report> report{};  // sender's clock report, received since the previous frame
  PictureNotes notes{};
  std::uint64_t missing = 0;  // earlier frames of which no packet arrived
  std::uint64_t dropped = 0;  // earlier frames that arrived but were dropped
  bool by_marker = false;     // RTP markers are reliable
};

/// Not thread-safe, no I/O.
class PictureMaker {
 public:
  using OnPicture = std::function<void(Picture picture)>;

  struct Stream {
    Codec codec = Codec::H264;
    int clock = 90000;  // ticks per second
    PictureEnds::Trust trust = PictureEnds::Trust::Learned;
    bool has_order_numbers = false;   // see PacketPlaces
    std::optional<double> rate = {};  // frames per second, if declared by the server
  };

  /// `on_picture` is called during add().
  PictureMaker(const Stream& stream, Depacketiser& depacketiser, OnPicture on_picture);

  /// Adds the next packet in order. `lost`: packets lost before it.
  void add(const RtpPacket& packet, std::uint64_t lost, TimePoint arrived);
  void note_report(const SenderReport& report);

  /// Number of frames lost since the last one returned, including an incomplete current one. 0 before the
  /// first one is returned.
  [[nodiscard]] std::uint64_t unfinished_count() const noexcept;

  [[nodiscard]] const PictureEnds& ends() const noexcept { return ends_; }
  /// Number of frames that exceeded the size limit.
  [[nodiscard]] std::uint64_t oversized_count() const noexcept { return oversized_; }

  /// Limit for a frame whose end never arrives (go2rtc#675).
  static constexpr std::size_t kMostBytes = 8U << 20U;
  static constexpr int kMostUnits = 1024;
  static constexpr std::size_t kMostSetBytes = 64U << 10U;

 private:
  [[nodiscard]] PictureEnds::Part make_part(const RtpPacket& packet, const UnitFacts& facts, bool after_loss);
  void add_part(const RtpPacket& packet, UnitFacts facts, std::uint64_t lost, TimePoint arrived);
  void append(const RtpPacket& packet, const UnitFacts& facts, std::uint64_t lost, TimePoint arrived);
  void note_time(const RtpPacket& packet, TimePoint arrived);
  void note_loss(const UnitFacts& facts, std::uint64_t lost);
  [[nodiscard]] bool lacks_beginning(const RtpPacket& packet, std::uint64_t lost);
  void finish();
  void discard();
  void begin_picture();
  [[nodiscard]] Picture take_picture();
  [[nodiscard]] PictureNotes take_notes();
  [[nodiscard]] double seconds(std::int64_t ticks) const noexcept {
    return static_cast<double>(ticks) / clock_;
  }

  const Codec codec_;
  const int clock_;
  PictureEnds ends_;
  MissingPictures missing_;
  Depacketiser& depacketiser_;
  const OnPicture on_picture_;
  std::optional<SenderReport> first_report_;   // received before the first frame
  std::optional<CameraClock::Report> report_;  // received since the last frame
  PictureTimes times_;
  PacketPlaces places_;
  int layers_ = 0;  // highest temporal layer so far

  // The current frame.
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint8_t> next_units_;  // parameter sets and SEI messages for the next frame
  UnitFacts facts_;
  UnitFacts next_facts_;  // of next_units_
  bool open_ = false;
  bool too_large_ = false;
  bool usable_ = false;      // has a slice whose start arrived
  bool unit_open_ = false;   // the next packet may continue a NAL unit whose start has arrived
  bool unit_ended_ = false;  // the last NAL unit was complete
  bool unit_coded_ = false;  // the newest unit has a slice
  bool torn_ = false;        // part of the frame was lost
  bool after_loss_ = false;  // earlier frames may be lost
  std::size_t taken_ = 0;    // bytes of its packets
  TimePoint arrived_{};
  TimePoint ended_{};
  std::uint32_t timestamp_ = 0;

  PictureTimes::Time time_;  // timestamp of the last frame
  std::uint64_t lost_ = 0;   // packets lost since the last frame
  std::uint64_t oversized_ = 0;
  std::uint64_t discarded_ = 0;  // dropped and missing frames since the last one returned
  bool gave_ = false;            // a frame has been returned
  bool gap_ = false;             // packets lost before the next one passed to the depacketiser
};

}  // namespace freshframe::media::rtsp
