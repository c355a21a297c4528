// One client that receives a port's images as a multipart response (MJPEG), such as an <img>, VLC or Home
// Assistant.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "serve/desk/net.hpp"
#include "serve/desk/picture_hub.hpp"
#include "serve/page/connection.hpp"
#include "serve/request/routes.hpp"

namespace freshframe::serve {

class Host;

/// Owned by its pending read. Used on the network thread. Sends one image at a time: when the socket has
/// accepted it, the newest one follows. The socket's buffer is small, so that it cannot hold seconds of
/// images for a slow client.
class PictureStream final : public Connection,
                            private PictureClient,
                            public std::enable_shared_from_this<PictureStream> {
 public:
  static constexpr std::size_t kMost = 32;  // streams per server

  /// `port`: its index in the hub.
  PictureStream(Host& host, Socket socket, std::size_t port, StreamWishes wishes);
  ~PictureStream() override;
  /// `head`: the response head.
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
  std::array<char, 512> ignored_{};  // input from the client, discarded
  std::string head_;                 // head of the part being written
  LivePictureRef picture_;           // image of this part
  std::size_t written_ = 0;          // bytes of this part written so far
  bool writing_ = false;
  bool ready_ = false;  // for another image
  bool ended_ = false;  // the last image was sent; waits for the client to close
  Time due_{};          // earliest time of the next image
  Time progress_{};     // when the client last accepted a byte
  std::uint64_t last_ = 0;
  LivePictureRef newest_;  // the newest image that was sent
};

}  // namespace freshframe::serve
