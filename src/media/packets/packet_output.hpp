// The second output of a source: its packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/node.hpp"
#include "freshframe/packet.hpp"

#include <atomic>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/packets/kept_packets.hpp"
#include "media/packets/packet_completion.hpp"
#include "media/packets/packet_tap.hpp"

namespace freshframe::media {

// The node that emits the packets of a source.

/// Note [A second output]
/// A source's thread reads, completes and passes on packets, and decodes frames. Packets are a separate
/// stream: they are in decoding order, and a packet may yield no frame, or two. So they have their own node,
/// with its own sequence numbers, edges and counters. The two streams share `pts`, `captured` and `utc`.
class PacketSource final : public Source<Packet> {
 public:
  PacketSource(std::shared_ptr<PacketTap> tap, bool live) : tap_(std::move(tap)), live_(live) {}
  PacketSource(const PacketSource&) = delete;
  PacketSource& operator=(const PacketSource&) = delete;
  ~PacketSource() override { tap_->leave(); }

  [[nodiscard]] std::string default_name() const override { return "packets"; }
  [[nodiscard]] bool live() const noexcept override { return live_; }
  std::optional<SourceItem<Packet>> read(const Context& context) override {
    auto item = tap_->take(context.stop);
    if (const auto dropped = tap_->take_dropped(); dropped > 0)
      context.counters.drop(NodeDropCause::Device, dropped);
    if (!item) return std::nullopt;
    const double pts = item->packet.pts;
    return SourceItem<Packet>{.value = std::move(item->packet),
                              .pts = pts,
                              .captured = item->captured,
                              .utc = item->utc,
                              .pace = item->pace};
  }

  void close() override { tap_->leave(); }

 private:
  std::shared_ptr<PacketTap> tap_;
  bool live_;
};

/// Does nothing until node() or keep() is called. node() and keep() are thread-safe and may be called while
/// the source reads: packets then start at the next keyframe. All other methods are for the source's thread.
class PacketOutput {
 public:
  /// Returns a node that emits the packets. Throws GraphError if an earlier node is still open. `title`: the
  /// source's, for the message.
  [[nodiscard]] std::unique_ptr<Source<Packet>> node(const std::string& title, bool live) {
    const auto tap = std::make_shared<PacketTap>();
    bool is_over = false;
    {
      const Lock lock(mutex_);
      if (tap_ && !tap_->is_left()) throw GraphError("there is already a node for the packets of " + title);
      tap_ = tap;
      changed_ = true;
      awaits_key_ = true;
      is_over = over_;
      wanted_ = true;
    }
    if (is_over) tap->close();
    return std::make_unique<PacketSource>(tap, live);
  }

  /// Also passes all packets to `kept`, until `kept` is closed.
  void keep(std::shared_ptr<KeptPackets> kept) {
    const Lock lock(mutex_);
    kept_.push_back(std::move(kept));
    changed_ = true;
    awaits_key_ = true;
    wanted_ = true;
  }

  /// Call for a new connection. `decoder`: the context of the decoder of its packets.
  void connect(const AVCodecContext& decoder, const Orientation& orientation) {
    const CodecParametersPtr known(avcodec_parameters_alloc());
    if (!known || avcodec_parameters_from_context(known.get(), &decoder) < 0) throw std::bad_alloc();
    completion_.connect(*known, orientation);
  }
  /// Returns true if any consumer takes packets.
  [[nodiscard]] bool is_wanted() const noexcept { return wanted_; }
  /// Returns true while a new consumer waits for a keyframe that was not passed to add() yet.
  [[nodiscard]] bool awaits_key() const noexcept { return awaits_key_; }
  /// See PacketCompletion::add().
  void add(const AVPacket& packet, const PacketCompletion::About& about) {
    if (!wanted_) return;
    if (about.key) awaits_key_ = false;
    fetch();
    pass_on(completion_.add(packet, about));
  }
  /// Call when the connection has ended.
  void disconnect() {
    if (wanted_) pass_on(completion_.complete_waiting());
  }
  /// The timeline of the packets. follow() connects it with that of the source's frames.
  [[nodiscard]] const LiveTimeline& timeline() const noexcept { return completion_.timeline(); }
  void follow(const LiveTimeline& frames) noexcept { completion_.follow(frames); }
  /// Call when no more packets follow.
  void close() {
    std::shared_ptr<PacketTap> tap;
    {
      const Lock lock(mutex_);
      over_ = true;
      tap = tap_;
    }
    if (tap) tap->close();
  }
  /// The stream of the newest keyframe; null before the first.
  [[nodiscard]] const std::shared_ptr<const PacketStream>& stream() const noexcept {
    return completion_.stream();
  }

 private:
  void pass_on(std::vector<PacketCompletion::Completed> completed) {
    for (auto& each : completed) {
      for (const auto& kept : keeping_) {
        if (!kept->is_closed()) kept->put(each.packet, each.captured);
      }
      tap_begins_ = tap_begins_ && !each.packet.is_keyframe;
      if (served_ && !tap_begins_) served_->put(std::move(each));
    }
  }
  /// Updates the consumers of further packets. A node's packets start at a keyframe.
  void fetch() {
    const Lock lock(mutex_);
    if (!changed_) return;
    changed_ = false;
    std::erase_if(kept_, [](const auto& kept) { return kept->is_closed(); });
    keeping_ = kept_;
    if (served_ == tap_) return;
    served_ = tap_;
    tap_begins_ = true;
  }

  mutable Mutex mutex_;
  std::shared_ptr<PacketTap> tap_ FRESHFRAME_GUARDED_BY(mutex_);  // tap of the newest node
  std::vector<std::shared_ptr<KeptPackets>> kept_ FRESHFRAME_GUARDED_BY(mutex_);
  bool changed_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // tap_ or kept_ has changed
  bool over_ FRESHFRAME_GUARDED_BY(mutex_) = false;     // no more packets follow
  std::atomic<bool> wanted_{false};
  std::atomic<bool> awaits_key_{false};
  std::shared_ptr<PacketTap> served_;                  // copy of tap_ for the source's thread
  bool tap_begins_ = false;                            // served_ waits for a keyframe
  std::vector<std::shared_ptr<KeptPackets>> keeping_;  // copy of kept_ for the source's thread
  PacketCompletion completion_;
};

}  // namespace freshframe::media
