// The second output of a source: its packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"

#include <atomic>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/packets/packet_completion.hpp"
#include "media/packets/packet_source.hpp"
#include "media/packets/packet_tap.hpp"

namespace freshframe::media {

/// Without node() it does nothing. The source's thread, except node(), which may come while the source reads: packets
/// begin at the next key picture then.
class PacketOutput {
 public:
  /// The node that emits the packets, once. `title`: the source's, for messages. Throws GraphError.
  [[nodiscard]] std::unique_ptr<Source<Packet>> node(const std::string& title, bool live) {
    if (wanted_.exchange(true)) throw GraphError("the packets of " + title + " have a node already");
    return std::make_unique<PacketSource>(tap_, live);
  }

  /// A new connection, whose packets this decoder takes.
  void connect(const AVCodecContext& decoder) {
    const CodecParametersPtr known(avcodec_parameters_alloc());
    if (!known || avcodec_parameters_from_context(known.get(), &decoder) < 0) throw std::bad_alloc();
    completion_.connect(*known);
  }
  /// As PacketCompletion::add().
  void add(const AVPacket& packet, bool key, std::optional<double> time, TimePoint captured) {
    if (wanted_) pass_on(completion_.add(packet, key, time, captured));
  }
  /// The connection has ended.
  void disconnect() {
    if (wanted_) pass_on(completion_.complete_waiting());
  }
  /// Of the packets, and of the source's frames.
  [[nodiscard]] const LiveTimeline& timeline() const noexcept { return completion_.timeline(); }
  void follow(const LiveTimeline& frames) noexcept { completion_.follow(frames); }
  /// No more packets.
  void close() { tap_->close(); }
  /// Of the newest key packet; null: there was none yet.
  [[nodiscard]] const std::shared_ptr<const PacketStream>& stream() const noexcept {
    return completion_.stream();
  }

 private:
  void pass_on(std::vector<PacketCompletion::Completed> completed) {
    for (auto& each : completed) tap_->put(std::move(each));
  }

  const std::shared_ptr<PacketTap> tap_ = std::make_shared<PacketTap>();
  std::atomic<bool> wanted_{false};
  PacketCompletion completion_;
};

}  // namespace freshframe::media
