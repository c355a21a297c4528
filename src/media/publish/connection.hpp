// One connection to a media server: FFmpeg's muxer, with deadlines, and a small buffer in the kernel.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/packet.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "media/ffmpeg/interrupt.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/write/packet_filter.hpp"
#include "media/packets/packet_ticks.hpp"
#include "media/publish/target.hpp"

namespace freshframe::media {

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
  [[nodiscard]] bool is_to_server(int descriptor) const noexcept;
  void add_stream();
  [[noreturn]] void fail(const std::string& doing, int result) const;

  const PublishTarget target_;
  Interrupt interrupt_;
  std::set<int> others_;  // descriptors of connections to this port that are not this one's
  int socket_ = -1;
  std::shared_ptr<const PacketStream> stream_;
  OutputPtr output_;
  bool begun_ = false;   // the header was written
  bool failed_ = false;  // in the middle of a packet
  std::optional<PacketFilter> filter_;
  std::optional<PacketTicks> ticks_;
};

}  // namespace freshframe::media
