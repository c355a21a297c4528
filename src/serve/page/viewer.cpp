// Sends the history, then the newest state each time the page acknowledges the previous one.
// SPDX-License-Identifier: Apache-2.0
#include "serve/page/viewer.hpp"

#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

#include "serve/page/connections.hpp"
#include "serve/page/host.hpp"
#include "serve/request/routes.hpp"
#include "serve/state/state_json.hpp"
#include "serve/state/strict_json.hpp"

namespace freshframe::serve {
namespace {

namespace websocket = boost::beast::websocket;
using Clock = std::chrono::steady_clock;

constexpr auto kHandshakeTime = std::chrono::seconds(5);
constexpr auto kCloseTime = std::chrono::seconds(2);
constexpr int kMaxMessages = 200;          // maximum per second from one viewer
constexpr std::size_t kMaxMessage = 8192;  // bytes

/// The only message that a page may send here.
bool is_acknowledgement(std::string_view text) {
  const auto message = strict_json(text);
  return message.is_object() && message.size() == 1 && message.contains("ack") && message["ack"] == "state";
}

}  // namespace

Viewer::Viewer(Host& host, Socket socket)
    : host_(host), socket_(std::move(socket)), buffer_(kMaxMessage), rate_(kMaxMessages) {
  host_.connections().enter(static_cast<Connection&>(*this));
}

Viewer::~Viewer() {
  if (accepted_) host_.connections().leave(static_cast<StateViewer&>(*this));
  host_.connections().leave(static_cast<Connection&>(*this));
}

void Viewer::start(Request request) {
  request_ = std::move(request);
  deadline_ = Clock::now() + kHandshakeTime;
  prepare_page(socket_, kMaxMessage, rate_, [this] { cut(); });
  socket_.async_accept(*request_, [self = shared_from_this()](const ErrorCode& error) {
    if (error) return self->cut();
    self->on_accepted();
  });
}

void Viewer::on_accepted() {
  request_.reset();
  accepted_ = true;
  host_.connections().enter(static_cast<StateViewer&>(*this));
  const auto history =
      std::make_shared<const std::string>(history_json(host_.state().sample_now().history()));
  push(history);
  tell(std::make_shared<const std::string>(state_json(host_.state().sample_now(), true)));
  read();
}

void Viewer::cut() {
  ErrorCode ignored;
  (void)socket_.next_layer().close(ignored);
}

void Viewer::check(Time now) {
  if (!accepted_ || closing_) {
    if (now >= deadline_) cut();
    return;
  }
  const auto patience = to_duration(Seconds(host_.limits().acknowledge));
  if (state_sent_ && now - *state_sent_ > patience) cut();
}

void Viewer::read() {
  socket_.async_read(buffer_, [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
    if (error) return self->cut();
    self->on_message();
  });
}

void Viewer::on_message() {
  if (rate_.count()) return refuse("too many messages");
  const auto data = buffer_.data();
  const bool acknowledges =
      socket_.got_text() && is_acknowledgement({static_cast<const char*>(data.data()), data.size()});
  buffer_.clear();
  if (!acknowledges) return refuse("this is not a message of the page");
  state_sent_.reset();
  read();
}

void Viewer::refuse(const char* reason) {
  closing_ = true;
  deadline_ = Clock::now() + kCloseTime;
  socket_.async_close({websocket::close_code::policy_error, reason},
                      [self = shared_from_this()](const ErrorCode& /*error*/) { self->cut(); });
}

void Viewer::tell(const std::shared_ptr<const std::string>& state) {
  if (state_sent_ || closing_) return;
  state_sent_ = Clock::now();
  push(state);
}

void Viewer::push(std::shared_ptr<const std::string> message) {
  outgoing_.push_back(std::move(message));
  if (outgoing_.size() == 1) write_next();
}

void Viewer::write_next() {
  socket_.text(true);
  socket_.async_write(net::buffer(*outgoing_.front()),
                      [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                        if (error) return self->cut();
                        self->outgoing_.pop_front();
                        if (!self->outgoing_.empty()) self->write_next();
                      });
}

}  // namespace freshframe::serve
