// The network thread: accepts connections, samples the pipeline, and sends its state to the viewers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/serve.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "serve/desk/feed_desk.hpp"
#include "serve/desk/net.hpp"
#include "serve/desk/picture_hub.hpp"
#include "serve/desk/snapshot_desk.hpp"
#include "serve/desk/video_desk.hpp"
#include "serve/page/connections.hpp"
#include "serve/page/host.hpp"
#include "serve/request/gate.hpp"
#include "serve/request/routes.hpp"
#include "serve/state/sampler.hpp"

namespace freshframe::serve {

/// Used on the thread that runs `io()`. The constructor and destructor must be called while that thread is
/// not running.
class Service final : public StateSource, public Host {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto kTick = std::chrono::milliseconds(250);

  /// Does not listen. Connections are passed to welcome().
  Service(std::shared_ptr<core::PipelineCore> core, ServeOptions options, Gate gate);
  ~Service() override;

  void listen(net::ip::tcp::acceptor acceptor);
  /// Starts to sample the pipeline and to encode requested images.
  void start();
  /// Takes over an accepted connection.
  void welcome(Socket socket);

  [[nodiscard]] net::io_context& io() noexcept { return io_; }

  // ---- for connections
  [[nodiscard]] const Gate& gate() const noexcept override { return gate_; }
  [[nodiscard]] const ServeLimits& limits() const noexcept override { return options_.limits; }
  [[nodiscard]] Connections& connections() noexcept override { return connections_; }
  [[nodiscard]] PictureHub& hub() noexcept override { return hub_; }
  [[nodiscard]] SnapshotDesk& looks() noexcept override { return looks_; }
  [[nodiscard]] VideoDesk& video() noexcept override { return video_; }
  [[nodiscard]] FeedDesk& feeds() noexcept override { return feeds_; }
  [[nodiscard]] StateSource& state() noexcept override { return *this; }
  [[nodiscard]] const freshframe::Clock& clock() const noexcept override;
  void pump() override;
  void pump_soon() override;
  void serve(PictureClient& client) override;

  // ---- for handlers
  [[nodiscard]] const Sampler& sample_now() override;
  [[nodiscard]] bool has_port(std::string_view name) const override { return hub_.is_there(name); }
  [[nodiscard]] std::optional<std::string> explain_missing_look(std::string_view name) const override {
    return looks_.has(name) ? std::nullopt : std::optional(looks_.names());
  }
  [[nodiscard]] std::shared_ptr<const Document> document(std::string_view path) const override {
    return options_.documents ? options_.documents->find(path) : nullptr;
  }

 private:
  void accept();
  void tick();
  void look_now(Clock::time_point now);
  void open_views();
  void open_view(const std::string& name);
  void follow_names();

  net::io_context io_{1};
  std::shared_ptr<core::PipelineCore> core_;
  ServeOptions options_;
  Gate gate_;
  Sampler sampler_;
  PictureHub hub_;
  VideoDesk video_;
  FeedDesk feeds_;
  SnapshotDesk looks_;
  Connections connections_{options_.limits};
  Clock::time_point next_tick_{};
  net::ip::tcp::acceptor acceptor_{io_};
  net::steady_timer tick_timer_{io_};
  net::steady_timer pump_timer_{io_};
  net::steady_timer accept_timer_{io_};
};

}  // namespace freshframe::serve
