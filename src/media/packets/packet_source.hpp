// The node that emits the packets of a source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"
#include "freshframe/packet.hpp"

#include <memory>
#include <string>
#include <utility>

#include "media/packets/packet_tap.hpp"

namespace freshframe::media {

/// Note [A second output]
/// A source's thread reads, completes and hands over packets, and decodes frames. Packets are a stream of their
/// own: they come in the order of decoding, and a packet may give no frame, or two. So they have a node of their
/// own, with its own numbers, edges and counters. The two streams share `pts` and `captured`.
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
      context.counters.drop(NodeDropCause::Lost, dropped);
    if (!item) return std::nullopt;
    const double pts = item->packet.pts;
    return SourceItem<Packet>{.value = std::move(item->packet), .pts = pts, .captured = item->captured};
  }

  void close() override { tap_->leave(); }

 private:
  std::shared_ptr<PacketTap> tap_;
  bool live_;
};

}  // namespace freshframe::media
