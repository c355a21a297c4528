// The network's thread: listens, keeps the connections, samples the pipeline, and sends states to the viewers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/serve.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "serve/http/connection.hpp"
#include "serve/http/gate.hpp"
#include "serve/http/net.hpp"
#include "serve/http/picture_hub.hpp"
#include "serve/http/routes.hpp"
#include "serve/http/snapshot_desk.hpp"
#include "serve/http/video_desk.hpp"
#include "serve/state/sampler.hpp"

namespace freshframe::serve {

class PictureStream;
class VideoWatcher;
class Viewer;

/// Used on the thread that runs `io()`, except for the constructor and the destructor: the thread must not
/// run then.
class Service final : public StateSource {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto kTick = std::chrono::milliseconds(250);

  /// Does not listen: for connections from elsewhere.
  Service(std::shared_ptr<core::PipelineCore> core, ServeOptions options, Gate gate);
  ~Service() override;

  void listen(net::ip::tcp::acceptor acceptor);
  /// Begins to sample the pipeline and to encode requested pictures.
  void start();
  /// Takes a connection over.
  void welcome(Socket socket);

  [[nodiscard]] net::io_context& io() noexcept { return io_; }
  [[nodiscard]] const Gate& gate() const noexcept { return gate_; }
  [[nodiscard]] const ServeLimits& limits() const noexcept { return options_.limits; }
  [[nodiscard]] PictureHub& hub() noexcept { return hub_; }
  [[nodiscard]] SnapshotDesk& looks() noexcept { return looks_; }
  [[nodiscard]] VideoDesk& video() noexcept { return video_; }
  [[nodiscard]] core::PipelineCore& core() noexcept { return *core_; }
  [[nodiscard]] const Sampler& sample_now() override;
  [[nodiscard]] bool has_port(std::string_view name) const override { return hub_.is_there(name); }
  [[nodiscard]] std::optional<std::string> explain_missing_look(std::string_view name) const override {
    return looks_.has(name) ? std::nullopt : std::optional(looks_.names());
  }
  [[nodiscard]] std::shared_ptr<const Document> document(std::string_view path) const override {
    return options_.documents ? options_.documents->find(path) : nullptr;
  }
  /// The requested pictures of the clients have changed.
  void pump();
  /// Calls pump() after the current handler; a destructor uses it.
  void pump_soon();

  // ---- for connections
  void enter(Connection& connection) { connections_.insert(&connection); }
  void leave(Connection& connection);
  /// The connection has made a permitted request. False means there are too many.
  [[nodiscard]] bool make_known(Connection& connection);
  /// Returns how many streams of pictures there are.
  [[nodiscard]] std::size_t streams() const noexcept { return streams_; }
  void enter(PictureStream& stream);
  void leave(PictureStream& stream);
  void enter(Viewer& viewer) { viewers_.insert(&viewer); }
  void leave(Viewer& viewer) { viewers_.erase(&viewer); }
  /// `is_known`: it has the token, or needs no token.
  void enter(VideoWatcher& watcher, bool is_known);
  void leave(VideoWatcher& watcher);

 private:
  void accept();
  void tick();
  void look_now(Clock::time_point now);
  void open_views();
  void open_view(const std::string& name);
  void follow_names();
  void make_room_for_unknown();
  void check_connections(Clock::time_point now);

  net::io_context io_{1};
  std::shared_ptr<core::PipelineCore> core_;
  ServeOptions options_;
  Gate gate_;
  Sampler sampler_;
  PictureHub hub_;
  VideoDesk video_;
  SnapshotDesk looks_;
  std::unordered_set<Connection*> connections_;
  std::deque<Connection*> unknown_;  // connections without a permitted request, oldest first
  std::unordered_set<Viewer*> viewers_;
  std::unordered_set<VideoWatcher*> watchers_;
  std::size_t streams_ = 0;
  Clock::time_point next_tick_{};
  net::ip::tcp::acceptor acceptor_{io_};
  net::steady_timer tick_timer_{io_};
  net::steady_timer pump_timer_{io_};
  net::steady_timer accept_timer_{io_};
};

}  // namespace freshframe::serve
