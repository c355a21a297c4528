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

// Computes decoding timestamps for streams that have only presentation timestamps.

/// A frame that is shown after `depth` others that are decoded later must be decoded `depth` frames before it
/// is shown. So decoding timestamps are the sorted presentation timestamps, `depth` packets late. The first
/// ones precede the first frame, one step apart. Not thread-safe.
class DecodeTimes {
 public:
  /// `depth`: frames that a decoder holds back. `step`: seconds between frames, used for the first ones.
  explicit DecodeTimes(int depth, double step = 1.0 / 25)
      : depth_(static_cast<std::size_t>(depth)), step_(step) {}

  /// Returns the next packet's decoding timestamp: at least a microsecond after the previous one, and at most
  /// `pts` if possible.
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
/// An RTSP stream has neither a size nor decoding timestamps, often no timestamp on the first packet, and
/// parameter sets in the SDP, in keyframes, or in both. Muxers do not accept this. So the source completes
/// each packet once: parameters come from the newest keyframe, and decoding timestamps are the sorted
/// presentation timestamps (DecodeTimes). The reordering depth is read from the H.264 sequence parameter set,
/// or, if it is not there, derived from the first 16 frames, which wait for that once.
///
/// Not thread-safe.
class PacketCompletion {
 public:
  struct Completed {
    Packet packet;
    TimePoint captured{};
    Utc utc = {};
    float pace = 1;  // see Stamp
  };
  /// What is known of a packet, apart from its bytes.
  struct About {
    bool key = false;                 // a keyframe
    std::optional<double> time = {};  // presentation timestamp in seconds
    TimePoint captured{};
    bool damaged = false;  // see Packet
    Utc utc = {};
    float pace = 1;  // see Stamp
  };

  /// Call for a new connection: the stream may differ, and packets start at a keyframe.
  void connect(const AVCodecParameters& known, const Orientation& orientation = {});
  /// Returns the packets that are complete now, in decoding order.
  [[nodiscard]] std::vector<Completed> add(const AVPacket& packet, const About& about);
  /// Call at the end of a connection. Returns the remaining packets.
  [[nodiscard]] std::vector<Completed> complete_waiting();
  [[nodiscard]] const LiveTimeline& timeline() const noexcept { return timeline_; }
  void follow(const LiveTimeline& frames) noexcept { timeline_.follow(frames); }
  /// The stream of the newest keyframe; null before the first.
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
  std::optional<DecodeTimes> times_;  // nullopt while the depth is unknown
  LiveTimeline timeline_;
  std::deque<Waiting> waiting_;
  bool begun_ = false;  // a keyframe with all parameter sets has arrived on this connection
  double last_pts_ = 0;
};

}  // namespace freshframe::media
