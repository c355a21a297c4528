// The thread that keeps a media server supplied with a stream.
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

// One connection to a media server: FFmpeg's muxer, with deadlines, and a small buffer in the kernel.

/// Note [The kernel's buffer]
/// Linux keeps megabytes for a TCP connection, which is 14 s of a stream on a link of half its rate: no write waits,
/// so no deadline fires, and the server shows old pictures. FFmpeg's muxers have no option for the buffer's size. So
/// it is set on the new descriptor whose peer has the server's port, while FFmpeg polls during the connection.
///
/// One thread at a time. All throw Error.
class PublishConnection {
 public:
  PublishConnection(PublishTarget target, std::stop_token stop);
  PublishConnection(const PublishConnection&) = delete;
  PublishConnection& operator=(const PublishConnection&) = delete;
  /// Signs off, within 0.1 s.
  ~PublishConnection();

  /// Blocks until the server takes the stream, or `deadline`, except for a name server.
  void open(std::shared_ptr<const PacketStream> stream, TimePoint deadline);
  /// Blocks for at most `timeout` seconds. After an error the connection is over.
  void write(const Packet& packet, double timeout);
  /// So many bytes may wait in the kernel.
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
  std::set<platform::SocketNumber> others_;  // connections to this port that are not this one's
  platform::SocketNumber socket_ = -1;
  std::shared_ptr<const PacketStream> stream_;
  OutputPtr output_;
  bool begun_ = false;   // the header was written
  bool failed_ = false;  // in the middle of a packet
  std::optional<PacketFilter> filter_;
  std::optional<PacketTicks> ticks_;
};

/// From start() to stop() a separate thread takes packets from queue(), connects and reconnects. A call of FFmpeg
/// that waits for a name server is abandoned at a stop. One thread, except stats().
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
  /// Counts packets that were not sent since the last call as lost.
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
  std::optional<DetachedCall> aside_;  // the thread of connect()
  bool told_ = false;                  // whether it was reported that the server is away
  bool told_slow_ = false;             // the same of a slow connection, this one
  double rate_from_ = 0;               // pts since which bytes are counted
  std::size_t rate_bytes_ = 0;

  mutable Mutex mutex_;
  PublishStats stats_ FRESHFRAME_GUARDED_BY(mutex_);
  std::jthread thread_;  // last: ends first
};

}  // namespace freshframe::media
