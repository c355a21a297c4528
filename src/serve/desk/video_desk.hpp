// All ports that pages can watch, and the queue through which other threads reach the network thread.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/desk/net.hpp"
#include "serve/video/video_mail.hpp"
#include "serve/video/video_port.hpp"

namespace freshframe::serve {

/// Used on the network thread.
class VideoDesk {
 public:
  VideoDesk(std::shared_ptr<core::PipelineCore> core, net::io_context& io)
      : core_(std::move(core)), io_(io) {}
  VideoDesk(const VideoDesk&) = delete;
  VideoDesk& operator=(const VideoDesk&) = delete;
  ~VideoDesk() { close(); }

  void open(const std::string& name, std::shared_ptr<core::PictureTap> tap) {
    ports_.emplace_back(core_, name, std::move(tap), bell_);
  }
  [[nodiscard]] VideoPort* find(std::string_view name) {
    const auto found = std::ranges::find(ports_, name, &VideoPort::name);
    return found == ports_.end() ? nullptr : &*found;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& port : ports_) {
      if (port.is_there()) names.push_back(port.name());
    }
    return names;
  }
  /// Starts to process results and packets.
  void start() {
    bell_->answer_by([this] { net::post(io_, [this] { take(); }); });
  }
  /// Stops processing: other threads post no more work.
  void close() {
    bell_->answer_by({});
    is_open_ = false;
  }
  void follow(const Snapshot& seen) {
    for (auto& port : ports_) {
      if (port.follow(seen)) pump(port);
    }
  }

 private:
  void take() {
    if (!is_open_) return;  // posted before close(); clients may be gone
    bell_->quiet();  // first, so that anything that arrives from now on rings again, even if a port throws
    for (auto& port : ports_) {
      if (!port.clients().empty() && port.take()) pump(port);
    }
  }
  static void pump(const VideoPort& port) {
    for (auto* client : port.clients()) client->pump();
  }

  const std::shared_ptr<core::PipelineCore> core_;
  const std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  net::io_context& io_;
  std::deque<VideoPort> ports_;  // a deque, because addresses must not change
  bool is_open_ = true;
};

}  // namespace freshframe::serve
