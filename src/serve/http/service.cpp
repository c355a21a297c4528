// The server's timer ticks and accept loop.
// SPDX-License-Identifier: Apache-2.0
#include "serve/http/service.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/statistics.hpp"
#include "platform/socket.hpp"
#include "serve/http/http_connection.hpp"
#include "serve/state/state_json.hpp"

namespace freshframe::serve {

Service::Service(std::shared_ptr<core::PipelineCore> core, ServeOptions options, Gate gate)
    : core_(std::move(core)),
      options_(std::move(options)),
      gate_(std::move(gate)),
      sampler_(core_, options_.away_after),
      hub_(core_,
           [this](std::function<void()> work) {
             net::post(io_, [this, work = std::move(work)] {
               work();
               pump();
             });
           }),
      video_(core_, io_),
      feeds_(core_, io_),
      looks_(core_, options_.look, options_.looks_per_minute,
             [this](std::function<void()> work) { net::post(io_, std::move(work)); }) {
  for (const auto& name : options_.view.value_or(std::vector<std::string>())) {
    if (!hub_.has(name)) open_view(name);
  }
}

Service::~Service() {
  try {
    ErrorCode ignored;
    (void)acceptor_.close(ignored);
    tick_timer_.cancel();
    pump_timer_.cancel();
    accept_timer_.cancel();
    looks_.close();
    video_.close();
    feeds_.close();
    connections_.cut_all();
    io_.restart();
    io_.poll();  // connections are owned by their pending operations, which are cancelled and run here
  } catch (const std::exception& error) {
    log(LogLevel::Warning, std::string("while the dashboard's server ended: ") + error.what());
  }
}

void Service::listen(net::ip::tcp::acceptor acceptor) {
  acceptor_ = std::move(acceptor);
  accept();
}

void Service::start() {
  open_views();
  hub_.start();
  video_.start();
  next_tick_ = Clock::now();
  tick();
}

void Service::accept() {
  acceptor_.async_accept([this](const ErrorCode& error, net::ip::tcp::socket socket) {
    if (error == net::error::operation_aborted || !acceptor_.is_open()) return;
    if (error) {  // most likely out of file descriptors: try again when connections have closed
      accept_timer_.expires_after(kTick);
      accept_timer_.async_wait([this](const ErrorCode& cancelled) {
        if (!cancelled) accept();
      });
      return;
    }
    ErrorCode ignored;
    (void)socket.set_option(net::ip::tcp::no_delay(true), ignored);
    accept();  // first, so that an exception of one connection does not stop the server
    welcome(Socket(std::move(socket)));
  });
}

void Service::welcome(Socket socket) {
  platform::keep_from_programs(socket.native_handle());
  const auto connection = std::make_shared<HttpConnection>(*this, std::move(socket));
  connections_.enter_unknown(*connection);
  connection->start();
}

void Service::look_now(Clock::time_point now) {
  sampler_.sample(now, options_.gil_findings ? options_.gil_findings() : GilFindings());
  auto& seen = sampler_.snapshot();
  seen.views = hub_.info();
  connections_.count_views(seen.views);
  seen.looks = looks_.info();
  seen.sender_tokens = feeds_.list_tokens();
  seen.viewers = connections_.viewers();
  hub_.set_over(seen.graph.phase >= core::LifePhase::Ended);
}

const Sampler& Service::sample_now() {
  look_now(Clock::now());
  return sampler_;
}

void Service::tick() {
  const auto now = Clock::now();
  next_tick_ = std::max(next_tick_ + kTick, now);
  tick_timer_.expires_at(next_tick_);
  // first, so that an exception in this tick does not stop the timer
  tick_timer_.async_wait([this](const ErrorCode& cancelled) {
    if (!cancelled) tick();
  });
  follow_names();
  open_views();
  feeds_.follow();
  look_now(now);
  if (connections_.viewers() > 0)
    connections_.tell(std::make_shared<const std::string>(state_json(sampler_, true)));
  video_.follow(sampler_.snapshot());
  // A video view may have switched to JPEG, and these are sent by pump().
  if (connections_.has_watchers()) pump();
  connections_.check(now);
}

// Nodes may be added until the pipeline starts. Unless `views` was given, every node that emits frames can be
// viewed.
void Service::open_views() {
  if (options_.view) return;
  const auto graph = core::graph_state(*core_);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!graph.nodes[i].sends_frames) continue;
    for (const auto& name : graph.nodes[i].views) {
      if (hub_.has(name)) continue;
      try {
        open_view(name);
      } catch (const StateError&) {  // viewed by another server
      }
    }
  }
}

/// A node may be replaced by another with the same name. The view then shows the new node.
void Service::follow_names() {
  for (const auto port : hub_.follow_names()) {
    if (auto* const video = video_.find(hub_.name(port))) video->set_tap(hub_.tap(port));
  }
}

void Service::open_view(const std::string& name) {
  hub_.add_port(name);
  video_.open(name, hub_.tap(hub_.find(name).value_or(0)));
}

void Service::pump() {
  const auto again = hub_.pump(Clock::now());
  if (again == Clock::time_point::max()) return;
  pump_timer_.expires_at(again);
  pump_timer_.async_wait([this](const ErrorCode& cancelled) {
    if (!cancelled) pump();
  });
}

void Service::pump_soon() {
  net::post(io_, [this] { pump(); });
}

void Service::serve(PictureClient& client) {
  hub_.serve(client);
  pump();
}

const freshframe::Clock& Service::clock() const noexcept {
  return *core_->clock();
}

}  // namespace freshframe::serve
