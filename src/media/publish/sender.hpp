// The thread that keeps a media server supplied with a stream.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/node.hpp"
#include "freshframe/publish.hpp"

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "media/live/back_off.hpp"
#include "media/network/detached_call.hpp"
#include "media/publish/connection.hpp"
#include "media/publish/queue.hpp"
#include "media/publish/target.hpp"

namespace freshframe::media {

/// From start() to stop() a thread of its own takes packets from queue(), connects and reconnects. A call of FFmpeg that
/// waits for a name server is left behind at a stop. One thread, except stats().
class PublishSender {
 public:
  /// Throws OptionError.
  PublishSender(const std::string& url, const PublishOptions& options);
  PublishSender(const PublishSender&) = delete;
  PublishSender& operator=(const PublishSender&) = delete;
  ~PublishSender() { stop(); }

  [[nodiscard]] const PublishTarget& target() const noexcept { return target_; }
  void start(const Context& context);
  /// Returns null before start().
  [[nodiscard]] PublishQueue* queue() noexcept { return queue_.get(); }
  /// What was not sent since the last call is counted as lost.
  void count_drops(NodeCounters& counters);
  /// Waits for at most the time to sign off.
  void stop();
  /// Any thread.
  [[nodiscard]] PublishStats stats() const;

 private:
  void run(const std::stop_token& stop);
  [[nodiscard]] bool publish(const std::stop_token& stop);
  [[nodiscard]] std::shared_ptr<PublishConnection> connect(const std::stop_token& stop);
  [[nodiscard]] bool send(PublishConnection& connection, const std::stop_token& stop);
  void note_rate(PublishConnection& connection, const Packet& packet);
  void note_slow();
  void lose(const std::string& why);
  void enter(PublishState state);

  const PublishTarget target_;
  const PublishOptions options_;
  std::shared_ptr<PublishQueue> queue_;  // start() sets it under mutex_
  std::uint64_t slow_before_ = 0;        // this connection
  std::uint64_t counted_ = 0;            // drops that the node's counters have
  BackOff back_off_;
  std::optional<DetachedCall> aside_;  // of connect()
  bool told_ = false;                  // that the server is away
  bool told_slow_ = false;             // of this connection
  double rate_from_ = 0;               // pts since which bytes are counted
  std::size_t rate_bytes_ = 0;

  mutable Mutex mutex_;
  PublishStats stats_ FRESHFRAME_GUARDED_BY(mutex_);
  std::jthread thread_;  // last: ends first
};

}  // namespace freshframe::media
