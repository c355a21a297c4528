// The clips of a recorder: the last packets of a stream, and the files that are cut from them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/recording/clips/clip.hpp"
#include "media/recording/clips/clip_orders.hpp"
#include "media/recording/clips/packet_ring.hpp"

namespace freshframe::media {

/// Packets of one stream, of an encoder or a camera. A clip that cannot be written affects no other: its failure is
/// kept for throw_failure(). The node's thread, except orders().
class Clips {
 public:
  /// Throws OptionError.
  explicit Clips(const ClipOptions& options);

  [[nodiscard]] ClipOrders& orders() noexcept { return orders_; }
  [[nodiscard]] const ClipOrders& orders() const noexcept { return orders_; }

  /// Packets of this stream follow.
  void begin(ClipStream stream);
  [[nodiscard]] bool has_stream() const noexcept { return stream_.has_value(); }
  /// Something has come.
  void note_arrival(TimePoint now) { arrived_ = now; }
  /// A picture of the stream has come, whose packet may follow later.
  void note(double pts) { newest_ = std::max(newest_, pts); }
  /// The largest pts so far.
  [[nodiscard]] double newest() const noexcept { return newest_; }
  /// Why no clip can be longer than this: a pause that MP4 has no room for. Empty: there was none.
  [[nodiscard]] std::string why_over(double pts) const;
  /// Keeps a packet of the stream, with times in its time base, and writes it to the open clips.
  void add(const AVPacket& packet);
  /// Begins and extends the clips that were asked for.
  void take_orders();
  /// Keeps the memory below max_bytes, also of a camera that sends no second key picture. Clips that have begun go on,
  /// others begin at the next key picture. Returns how many packets it has dropped that no clip has.
  [[nodiscard]] std::uint64_t limit();
  /// All clips end: no packet of this stream follows.
  void end_stream();

  /// Notes that no frame comes for a while. A live source may be away: its clips end at their time.
  /// `before_pause` is called once then.
  void idle(const Clock& clock, const std::function<void()>& before_pause);
  [[nodiscard]] std::optional<TimePoint> idle_at() const;
  /// Whether the stream goes on behind such a pause. Once.
  [[nodiscard]] bool was_paused() noexcept { return std::exchange(paused_, false); }

  /// No more packets, and no more orders.
  void finish();
  /// Keeps the first failure of `deed` for throw_failure(), and logs the others.
  void keep_failure(const std::function<void()>& deed);
  void throw_failure();

 private:
  struct Writing {
    ClipFile file;
    std::unique_ptr<Clip> clip;
  };

  [[nodiscard]] bool go_on(Clip& clip);
  [[nodiscard]] bool made_longer(Clip& clip);
  void extend(Clip& clip, const ClipOrder& order) const;
  void each_clip(const std::function<bool(Clip&)>& keeps);
  void end_clip(Clip& clip) const;
  void tell_empty(const Clip& clip) const;
  [[nodiscard]] std::string why_empty(const Clip& clip) const;
  void obey(ClipOrder& order);
  [[nodiscard]] std::int64_t tick(double pts) const;
  [[nodiscard]] double seconds(std::int64_t ticks) const;
  [[nodiscard]] double pts_of(std::int64_t tick) const;

  double before_;
  double after_;
  std::size_t max_bytes_;
  std::optional<ClipStream> stream_;
  PacketRing ring_;
  std::vector<Writing> clips_;
  double newest_ = 0;
  std::optional<TimePoint> arrived_;
  TimePoint woke_{};  // the last idle()
  bool paused_ = false;
  bool short_told_ = false;
  bool endless_told_ = false;
  std::exception_ptr failure_;
  ClipOrders orders_;
};

}  // namespace freshframe::media
