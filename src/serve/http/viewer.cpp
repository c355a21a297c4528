// The WebSocket's two directions.
// SPDX-License-Identifier: Apache-2.0
#include "serve/http/viewer.hpp"

#include <array>
#include <chrono>
#include <utility>

#include "serve/http/service.hpp"
#include "serve/state/json.hpp"
#include "serve/state/state_json.hpp"

namespace freshframe::serve {
namespace {

namespace websocket = boost::beast::websocket;
using Clock = std::chrono::steady_clock;

constexpr auto kHandshakeTime = std::chrono::seconds(5);
constexpr auto kCloseTime = std::chrono::seconds(2);
constexpr int kMaxMessages = 200;  // per second from one viewer

}  // namespace

Viewer::Viewer(Service& service, Socket socket)
    : service_(service), socket_(std::move(socket)), buffer_(kMaxPageMessage) {
  service_.enter(static_cast<Connection&>(*this));
}

Viewer::~Viewer() {
  if (accepted_) service_.leave(*this);
  service_.leave(static_cast<Connection&>(*this));
}

void Viewer::start(Request request) {
  request_ = std::move(request);
  deadline_ = Clock::now() + kHandshakeTime;
  socket_.read_message_max(kMaxPageMessage);
  socket_.auto_fragment(false);
  socket_.control_callback([this](websocket::frame_type kind, boost::beast::string_view /*text*/) {
    if (kind != websocket::frame_type::close && is_flooding()) cut();  // each ping is answered
  });
  socket_.async_accept(*request_, [self = shared_from_this()](const ErrorCode& error) {
    if (error) return self->cut();
    self->on_accepted();
  });
}

void Viewer::on_accepted() {
  request_.reset();
  accepted_ = true;
  service_.enter(*this);
  const auto history = std::make_shared<const std::string>(history_json(service_.look().history()));
  push({.body = *history, .keep = history});
  tell(std::make_shared<const std::string>(state_json(service_.look(), true)));
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
  const auto patience = to_duration(Seconds(service_.limits().acknowledge));
  const auto overdue = [&](const std::optional<Time>& sent) { return sent && now - *sent > patience; };
  if (overdue(state_sent_) || overdue(picture_sent_)) cut();
}

void Viewer::read() {
  socket_.async_read(buffer_, [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
    if (error) return self->cut();
    self->on_message();
  });
}

bool Viewer::is_flooding() {
  const auto now = Clock::now();
  if (now - counted_since_ > std::chrono::seconds(1)) {
    counted_since_ = now;
    counted_ = 0;
  }
  return ++counted_ > kMaxMessages;
}

void Viewer::on_message() {
  if (is_flooding()) return refuse("too many messages");
  const auto data = buffer_.data();
  auto message = socket_.got_text() ? parse_page_message({static_cast<const char*>(data.data()), data.size()})
                                    : std::nullopt;
  buffer_.clear();
  if (!message) return refuse("not a message of the page");
  switch (message->kind) {
    case PageMessage::Kind::AckState:
      state_sent_.reset();
      break;
    case PageMessage::Kind::AckPicture:
      picture_sent_.reset();
      break;
    case PageMessage::Kind::View:
      ports_.clear();
      for (const auto& name : message->view) {
        if (const auto port = service_.hub().find(name)) ports_.insert(*port);
      }
      if (message->width > 0) width_ = message->width;
      break;
  }
  if (message->kind != PageMessage::Kind::AckState) {
    service_.hub().serve(*this);
    service_.pump();
  }
  read();
}

void Viewer::refuse(const char* reason) {
  closing_ = true;
  ports_.clear();
  deadline_ = Clock::now() + kCloseTime;
  socket_.async_close({websocket::close_code::policy_error, reason},
                      [self = shared_from_this()](const ErrorCode& /*error*/) { self->cut(); });
}

void Viewer::tell(const std::shared_ptr<const std::string>& state) {
  if (state_sent_ || closing_) return;
  state_sent_ = Clock::now();
  push({.body = *state, .keep = state});
}

std::uint64_t Viewer::last(std::size_t port) const {
  const auto known = last_.find(port);
  return known != last_.end() ? known->second : 0;
}

void Viewer::show(std::size_t port, const LivePictureRef& picture) {
  if (closing_) return;
  picture_sent_ = Clock::now();
  last_[port] = picture->number;
  last_port_ = port;
  JsonWriter json;
  json.begin_object()
      .member("port", std::string_view(picture->port))
      .member("seq", picture->seq)
      .member("age", Seconds(service_.core().clock()->now() - picture->captured).count())
      .member("width", picture->width)
      .member("height", picture->height)
      .end_object();
  const auto about = std::move(json).take();
  std::string head;
  for (int shift = 24; shift >= 0; shift -= 8) head += static_cast<char>((about.size() >> shift) & 0xFFU);
  push({.binary = true, .head = head + about, .body = picture->jpeg, .keep = picture});
}

void Viewer::push(Outgoing message) {
  outgoing_.push_back(std::move(message));
  if (outgoing_.size() == 1) write_next();
}

void Viewer::write_next() {
  const auto& message = outgoing_.front();
  socket_.binary(message.binary);
  const std::array<net::const_buffer, 2> buffers = {net::buffer(message.head),
                                                    net::buffer(message.body.data(), message.body.size())};
  socket_.async_write(buffers, [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
    if (error) return self->cut();
    self->outgoing_.pop_front();
    if (!self->outgoing_.empty()) self->write_next();
  });
}

}  // namespace freshframe::serve
