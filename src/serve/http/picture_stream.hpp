// One client that gets a port's pictures as parts of one answer (MJPEG), such as an <img>, VLC or Home
// Assistant.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "serve/http/connection.hpp"
#include "serve/http/net.hpp"
#include "serve/http/picture_hub.hpp"
#include "serve/http/routes.hpp"

namespace freshframe::serve {

class Host;

/// Kept alive by its pending read. On the network's thread. One picture is in flight: the next one is taken
/// when the socket has accepted it, and is then the newest. The socket's buffer is small, so that a slow
/// client does not have seconds of pictures in it.
class PictureStream final : public Connection,
                            private PictureClient,
                            public std::enable_shared_from_this<PictureStream> {
 public:
  static constexpr std::size_t kMost = 32;  // streams of one server

  /// `port`: its index in the hub.
  PictureStream(Host& host, Socket socket, std::size_t port, StreamWishes wishes);
  ~PictureStream() override;
  /// `head`: of the answer.
  void start(std::string head);
  void check(Time now) override;
  void cut() override;

 private:
  [[nodiscard]] bool wants(std::size_t port) const override { return ready_ && port == port_; }
  [[nodiscard]] bool looks_at(std::size_t port) const override { return port == port_; }
  [[nodiscard]] int width() const override { return 0; }
  [[nodiscard]] int max_side() const override { return wishes_.max_side; }
  [[nodiscard]] std::uint64_t last(std::size_t /*port*/) const override { return last_; }
  void show(std::size_t port, const LivePictureRef& picture) override;

  void send(const LivePictureRef& picture);
  void write_some();
  void on_written();
  void become_ready();
  void end_stream();
  void read();

  Host& host_;
  Socket socket_;
  net::steady_timer timer_;
  const std::size_t port_;
  const StreamWishes wishes_;
  std::array<char, 512> ignored_{};  // bytes of the client, which nobody reads
  std::string head_;                 // head of the part that is being written
  LivePictureRef picture_;           // picture of this part
  std::size_t written_ = 0;          // bytes of this part
  bool writing_ = false;
  bool ready_ = false;  // for another picture
  bool ended_ = false;  // the client has not closed it yet
  Time due_{};          // time of the next picture
  Time progress_{};     // the client has accepted a byte
  std::uint64_t last_ = 0;
  LivePictureRef newest_;  // the newest picture that was sent
};

}  // namespace freshframe::serve
