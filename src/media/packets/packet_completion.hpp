// Completes the packets of a live stream, so that every consumer gets what a container needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/packet.hpp"
#include "freshframe/utc.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "media/packets/parameters.hpp"
#include "media/stream/live_timeline.hpp"

namespace freshframe::media {

// The times at which packets are decoded, where a stream has only those at which pictures are shown.

/// A picture that is shown after `depth` others that are decoded later must be decoded `depth` pictures before it is
/// shown. So the decoding times are the presentation times in rising order, `depth` packets late. The first ones are
/// those before the first picture, one step apart. One thread.
class DecodeTimes {
 public:
  /// `depth`: pictures that a decoder holds back. `step`: seconds between two pictures, used for the first ones.
  explicit DecodeTimes(int depth, double step = 1.0 / 25)
      : depth_(static_cast<std::size_t>(depth)), step_(step) {}

  /// The decoding time of the next packet: above those before it by at least a microsecond, and at most `pts`
  /// where that is possible.
  [[nodiscard]] double next(double pts) {
    constexpr double kLeast = 1e-6;
    if (count_ == 0) first_ = pts;
    window_.insert(std::ranges::upper_bound(window_, pts), pts);
    double dts = first_ + (static_cast<double>(count_) - static_cast<double>(depth_)) * step_;
    if (window_.size() > depth_) {
      dts = window_.front();
      window_.erase(window_.begin());
    }
    ++count_;
    dts = std::max(std::min(dts, pts), last_ + kLeast);
    last_ = dts;
    return dts;
  }

 private:
  std::size_t depth_;
  double step_;
  std::size_t count_ = 0;
  double first_ = 0;
  double last_ = -std::numeric_limits<double>::infinity();
  std::vector<double> window_;  // sorted
};

/// Note [What a camera does not say]
/// A stream over RTSP has neither size nor decoding times, often no time on its first packet, and its parameter
/// sets in the description, in the key packets, or in both. Muxers take none of that. So the source completes
/// each packet once: the parameters come from the newest key packet, the decoding times are the sorted
/// presentation times (DecodeTimes). The number of pictures that are reordered is written in the H.264 sequence
/// parameter set. Where it does not, it is read off the first 16 pictures, which wait for that once.
///
/// One thread.
class PacketCompletion {
 public:
  struct Completed {
    Packet packet;
    TimePoint captured{};
    Utc utc = {};
    float pace = 1;  // see Stamp
  };
  /// The facts about a packet apart from its bytes.
  struct About {
    bool key = false;                 // decoding can begin with it
    std::optional<double> time = {};  // seconds of the stream at which it is shown
    TimePoint captured{};
    bool damaged = false;  // see Packet
    Utc utc = {};
    float pace = 1;  // see Stamp
  };

  /// A new connection: its stream may be another one, and packets begin at a keyframe. `turn` makes them upright.
  void connect(const AVCodecParameters& known, Turn turn = {});
  /// Returns the packets that are complete now, in the order of decoding.
  [[nodiscard]] std::vector<Completed> add(const AVPacket& packet, const About& about);
  /// No more packets of this connection: the rest.
  [[nodiscard]] std::vector<Completed> complete_waiting();
  [[nodiscard]] const LiveTimeline& timeline() const noexcept { return timeline_; }
  void follow(const LiveTimeline& frames) noexcept { timeline_.follow(frames); }
  /// The stream of the newest key packet; null if there was none yet.
  [[nodiscard]] const std::shared_ptr<const PacketStream>& stream() const noexcept { return stream_; }

 private:
  struct Waiting {
    AvPacketPtr packet;
    About about;
  };

  void begin_times();
  [[nodiscard]] int count_waiting() const;
  void guess_first_time();
  [[nodiscard]] Completed complete(Waiting& waiting);

  std::optional<ParametersReader> reader_;
  std::shared_ptr<const PacketStream> stream_;
  std::optional<DecodeTimes> times_;  // nullopt means the depth is not known yet
  LiveTimeline timeline_;
  std::deque<Waiting> waiting_;
  bool begun_ = false;  // whether this connection has begun
  double last_pts_ = 0;
};

}  // namespace freshframe::media
