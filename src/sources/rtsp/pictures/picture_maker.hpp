// Makes pictures of a stream's packets: whole ones as soon as their last packet has come.
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

// Counts the pictures without any packet, by the times of the pictures that came.

/// Where packets are lost, pictures are missing if the times of the pictures around leave room for them, and
/// at most as many as packets. The interval between pictures is learned where nothing is lost; without losses
/// a pause of the camera counts as none. Pictures may come in the order of decoding (B pictures): then the
/// room is looked at in the order of their times. One thread, no I/O.
class MissingPictures {
 public:
  /// `interval`: ticks between two pictures; 0 means not known.
  explicit MissingPictures(std::int64_t interval) : declared_(interval) {}

  /// A picture with this time in ticks has come. `lost`: packets since the one before. Returns how many
  /// pictures are found missing now.
  [[nodiscard]] std::uint64_t add(std::int64_t time, std::uint64_t lost);

 private:
  [[nodiscard]] std::uint64_t settle(std::int64_t time);
  [[nodiscard]] std::int64_t interval() const;

  const std::int64_t declared_;
  std::deque<std::int64_t> intervals_;  // the newest
  std::vector<std::int64_t> waiting_;   // times, sorted: an earlier one may still come
  std::size_t depth_ = 0;               // how many wait at most
  std::uint64_t lost_ = 0;              // packets, of pictures that are not counted yet
  std::size_t since_loss_ = 0;          // pictures
  bool began_ = false;
  std::int64_t last_ = 0;  // the time of the last picture that no longer waits
};

struct Picture {
  AvPacketPtr packet;   // its pts is in ticks of RTP, and never wraps; none if the timestamps are no times
  TimePoint arrived{};  // arrival of its first packet
  TimePoint ended{};    // arrival of its last packet
  bool key = false;     // decoding can begin with it
  std::optional<CameraClock::Report> report{};  // report of the sender's clock, since the picture before
  PictureNotes notes{};
  std::uint64_t missing = 0;  // pictures before it without any packet
  std::uint64_t dropped = 0;  // pictures before it that have come and were dropped
  bool by_marker = false;     // RTP's markers are believed
};

/// One thread, no I/O.
class PictureMaker {
 public:
  using OnPicture = std::function<void(Picture picture)>;

  struct Stream {
    Codec codec = Codec::H264;
    int clock = 90000;  // ticks per second
    PictureEnds::Trust trust = PictureEnds::Trust::Learned;
    bool has_order_numbers = false;   // as for PacketPlaces
    std::optional<double> rate = {};  // pictures per second, if the server has declared it
  };

  /// `on_picture` is called in add().
  PictureMaker(const Stream& stream, Depacketiser& depacketiser, OnPicture on_picture);

  /// The next packet in order. `lost`: packets before it that have not come.
  void add(const RtpPacket& packet, std::uint64_t lost, TimePoint arrived);
  void note_report(const SenderReport& report);

  /// Pictures with packets since the last given one. Before the first given picture none counts.
  [[nodiscard]] std::uint64_t unfinished_count() const noexcept;

  [[nodiscard]] const PictureEnds& ends() const noexcept { return ends_; }
  /// Pictures that were larger than a picture can be.
  [[nodiscard]] std::uint64_t oversized_count() const noexcept { return oversized_; }

  /// The limit for a picture whose end does not come (go2rtc#675).
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
  std::optional<SenderReport> first_report_;   // before the first picture
  std::optional<CameraClock::Report> report_;  // since the last picture that was given
  PictureTimes times_;
  PacketPlaces places_;
  int layers_ = 0;  // the highest temporal layer that has come

  // The open picture.
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint8_t> next_units_;  // parameter sets and messages of the picture after it
  UnitFacts facts_;
  UnitFacts next_facts_;  // of next_units_
  bool open_ = false;
  bool too_large_ = false;
  bool usable_ = false;      // it has a unit of a slice from its beginning on
  bool unit_open_ = false;   // the beginning of the unit has come to which the next packet may belong
  bool unit_ended_ = false;  // whether the unit has begun and ended
  bool unit_coded_ = false;  // the newest unit has a slice
  bool torn_ = false;        // a part of it is lost
  bool after_loss_ = false;  // pictures before it may be lost
  std::size_t taken_ = 0;    // bytes of its packets
  TimePoint arrived_{};
  TimePoint ended_{};
  std::uint32_t timestamp_ = 0;

  PictureTimes::Time time_;  // of the last picture
  std::uint64_t lost_ = 0;   // packets since the last picture that was given
  std::uint64_t oversized_ = 0;
  std::uint64_t discarded_ = 0;  // pictures since the last given one
  bool gave_ = false;            // any picture
  bool gap_ = false;             // before the next packet that the depacketiser gets
};

}  // namespace freshframe::media::rtsp
