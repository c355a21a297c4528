// All ports that pages may watch, and the way in of what other threads hand over.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/http/net.hpp"
#include "serve/video/video_mail.hpp"
#include "serve/video/video_port.hpp"

namespace freshframe::serve {

/// The network's thread.
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
  /// Begins to serve what comes.
  void start() {
    bell_->answer_by([this] { net::post(io_, [this] { take(); }); });
  }
  /// Ends that: no thread posts from now on.
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
    if (!is_open_) return;  // posted before close(), after which clients may be cut
    bell_->quiet();         // first: what comes meanwhile rings again, even if a port fails
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
  std::deque<VideoPort> ports_;  // addresses stay
  bool is_open_ = true;
};

}  // namespace freshframe::serve
