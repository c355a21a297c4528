// The thread that connects to a media server and sends packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/node.hpp"
#include "freshframe/packet.hpp"
#include "freshframe/publish.hpp"

#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "media/ffmpeg/interrupt.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/write/packet_filter.hpp"
#include "media/packets/packet_ticks.hpp"
#include "media/stream/detached_call.hpp"
#include "media/stream/reconnect.hpp"
#include "media/url/open_secrets.hpp"
#include "platform/socket.hpp"
#include "sinks/publish/publish_queue.hpp"
#include "sinks/publish/publish_target.hpp"

namespace freshframe::media {

// One connection to a media server: an FFmpeg muxer with deadlines and a small socket buffer.

/// Note [The kernel's buffer] Linux buffers megabytes for a TCP connection, which is 14 s of a stream on a
/// link with half its rate. No write blocks then, so no deadline fires, and viewers see old frames. FFmpeg's
/// muxers have no option for the buffer size, so it is set on the socket itself: while FFmpeg polls during
/// the connection, on the new descriptor whose peer has the server's port. Not thread-safe. All methods throw
/// Error.
class PublishConnection {
 public:
  PublishConnection(PublishTarget target, std::stop_token stop);
  PublishConnection(const PublishConnection&) = delete;
  PublishConnection& operator=(const PublishConnection&) = delete;
  /// Sends the end of the stream, within 0.1 s.
  ~PublishConnection();

  /// Blocks until the server accepts the stream, at most until `deadline`; a DNS lookup may take longer.
  void open(std::shared_ptr<const PacketStream> stream, TimePoint deadline);
  /// Blocks for at most `timeout` seconds. The connection cannot be used after an error.
  void write(const Packet& packet, double timeout);
  /// Limits how many bytes the kernel may buffer.
  void set_buffer(int bytes) noexcept;
  [[nodiscard]] const PacketStream& stream() const noexcept { return *stream_; }

 private:
  static int poll(void* opaque) noexcept;
  void look_for_socket() noexcept;
  void add_stream();
  [[noreturn]] void fail(const std::string& doing, int result) const;

  const PublishTarget target_;
  const OpenSecrets secrets_;
  Interrupt interrupt_;
  std::set<platform::SocketNumber> others_;  // connections of other objects to this port
  platform::SocketNumber socket_ = -1;
  std::shared_ptr<const PacketStream> stream_;
  OutputPtr output_;
  bool begun_ = false;   // the header was sent
  bool failed_ = false;  // the connection broke in the middle of a packet
  std::optional<PacketFilter> filter_;
  std::optional<PacketTicks> ticks_;
};

/// Between start() and stop(), its thread takes packets from queue(), connects and reconnects. A DNS lookup
/// that blocks in FFmpeg is abandoned at a stop. Not thread-safe, except stats().
class PublishSender {
 public:
  /// Throws OptionError.
  PublishSender(const std::string& url, const PublishOptions& options);
  PublishSender(const PublishSender&) = delete;
  PublishSender& operator=(const PublishSender&) = delete;
  ~PublishSender() { stop(); }

  [[nodiscard]] const PublishTarget& target() const noexcept { return target_; }
  void start(const Context& context);
  /// null before start()
  [[nodiscard]] PublishQueue* queue() noexcept { return queue_.get(); }
  /// Counts packets that were not sent since the previous call as lost.
  void count_drops(NodeCounters& counters);
  /// Waits at most until the end of the stream has been sent.
  void stop();
  /// Thread-safe.
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
  std::shared_ptr<PublishQueue> queue_;  // set by start() under mutex_
  std::uint64_t slow_before_ = 0;        // slow drops before this connection
  std::uint64_t counted_ = 0;            // drops already added to the node's counters
  BackOff back_off_;
  std::optional<DetachedCall> aside_;  // the thread that runs connect()
  bool told_ = false;                  // a warning that the server is unreachable was logged
  bool told_slow_ = false;             // a warning that this connection is slow was logged
  double rate_from_ = 0;               // pts from which bytes are counted
  std::size_t rate_bytes_ = 0;

  mutable Mutex mutex_;
  PublishStats stats_ FRESHFRAME_GUARDED_BY(mutex_);
  std::jthread thread_;  // must be the last member, so that it stops before the others are destroyed
};

}  // namespace freshframe::media
