// Reads request heads and sends responses.
// SPDX-License-Identifier: Apache-2.0
#include "serve/http/http_connection.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <variant>

#include "core/unit_text.hpp"
#include "platform/socket.hpp"
#include "serve/desk/feed_desk.hpp"
#include "serve/desk/snapshot_desk.hpp"
#include "serve/page/connections.hpp"
#include "serve/page/host.hpp"
#include "serve/page/picture_stream.hpp"
#include "serve/page/video_watcher.hpp"
#include "serve/page/viewer.hpp"
#include "serve/request/gate.hpp"
#include "serve/request/request_rules.hpp"
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

namespace freshframe::serve {
namespace {

namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxHead = 8192;                  // maximum size of request line and headers in bytes
constexpr std::size_t kMaxBuffer = 2 * kMaxHead;        // bytes, including what follows the head
constexpr auto kPictureTime = std::chrono::seconds(2);  // timeout for the first image
constexpr auto kNextTime = std::chrono::seconds(10);    // timeout for an image newer than the client's
constexpr auto kLingerTime = std::chrono::seconds(1);   // timeout for the peer to read the last response

std::string_view to_view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

RequestHead make_request_head(const http::request<http::empty_body>& request) {
  RequestHead head;
  head.method = to_view(request.method_string());
  head.target = to_view(request.target());
  head.host = to_view(request[http::field::host]);
  head.referer = to_view(request[http::field::referer]);
  if (request.count(http::field::origin) > 0) head.origin = to_view(request[http::field::origin]);
  head.authorization = to_view(request[http::field::authorization]);
  head.cookie = to_view(request[http::field::cookie]);
  head.if_none_match = to_view(request[http::field::if_none_match]);
  return head;
}

/// The address of one end of a connection; unspecified if it is not an IP socket, such as a Unix socket.
net::ip::address address_of(const Socket::endpoint_type& end) {
  net::ip::tcp::endpoint place;
  const int family = end.protocol().family();
  if (family != AF_INET && family != AF_INET6) return {};
  std::memcpy(place.data(), end.data(), std::min(end.size(), place.capacity()));
  return place.address();
}

std::string describe_client(const Socket& socket) {
  ErrorCode error;
  const auto peer = socket.remote_endpoint(error);
  const auto address = error ? net::ip::address() : address_of(peer);
  return address.is_unspecified() ? "a client" : address.to_string();
}

/// The address that the client connected to, in the form of a Host header.
std::string describe_own_host(const Socket& socket) {
  ErrorCode error;
  const auto own = socket.local_endpoint(error);
  const auto address = error ? net::ip::address() : address_of(own);
  return address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
}

}  // namespace

HttpConnection::HttpConnection(Host& host, Socket socket)
    : host_(host), socket_(std::move(socket)), buffer_(kMaxBuffer) {
  host_.connections().enter(*this);
}

HttpConnection::~HttpConnection() {
  end_wait();
  host_.connections().leave(*this);
}

void HttpConnection::start() {
  deadline_ = Clock::now() + to_duration(Seconds(host_.limits().head));
  read();
}

void HttpConnection::cut() {
  const auto self = std::move(waiting_self_);
  give_question_up();
  ErrorCode ignored;
  (void)socket_.close(ignored);
}

void HttpConnection::check(Time now) {
  if (question_ && platform::has_hung_up(socket_.native_handle())) return cut();
  if (now < deadline_) return;
  if (question_) {
    give_question_up();
    return show_look(
        plain(503, "the images were not decoded within " + core::seconds_text(host_.limits().look)));
  }
  if (waited_port_) {
    end_wait();
    if (!after_) return send_no_picture();
    return send({.status = 204, .headers = std::move(picture_headers_)}, keeps_alive());
  }
  cut();
}

void HttpConnection::read() {
  parser_.emplace();
  parser_->header_limit(kMaxHead);
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // a body is refused, not read
  http::async_read_header(
      socket_, buffer_, *parser_,
      [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) { self->on_head(error); });
}

void HttpConnection::on_head(const ErrorCode& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    send(parser_->get().target().empty() ? plain(414, "the URL is too long")
                                         : plain(431, "the request's headers are too large"),
         false);
  } else if (error == http::error::bad_version) {
    send(plain(505, "this server supports only HTTP/1.1 and HTTP/1.0"), false);
  } else if (error.category() == make_error_code(http::error::bad_method).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    send(plain(400, "this is not an HTTP request"), false);
  } else if (error) {
    cut();
  } else {
    on_request();
  }
}

void HttpConnection::on_request() {
  const auto& request = parser_->get();
  auto head = make_request_head(request);
  const auto local = describe_own_host(socket_);
  const bool is_coded = request.count(http::field::transfer_encoding) > 0;
  auto refused = apply_rules(
      head, {.version = request.version(),
             .hosts = request.count(http::field::host),
             .origins = request.count(http::field::origin),
             .has_body = parser_->chunked() || parser_->content_length_remaining().value_or(0) > 0,
             .has_other_coding = is_coded && !parser_->chunked(),
             .own_host = local});
  // The rest of a refused request's body could be parsed as another request, so the connection is closed.
  if (refused) {
    const bool goes_on = refused->status == 204 && keeps_alive();
    return send(*std::move(refused), goes_on);
  }
  answer(head);
}

void HttpConnection::answer(const RequestHead& head) {
  auto routed = route(head, host_.gate(), host_.state());
  if (routed.permitted && !known_) {
    known_ = host_.connections().make_known(*this);
    if (!known_) return send(plain(503, "too many connections; close some, or try again later"), false);
  }
  switch (routed.to) {
    case Routed::To::Reply:
      return send(std::move(routed.reply), keeps_alive());
    case Routed::To::Live:
      return become_viewer();
    case Routed::To::Video:
      return become_watcher(routed.permitted);
    case Routed::To::Camera:
      return become_sender();
    case Routed::To::Picture:
      return wait_for_picture(std::move(routed));
    case Routed::To::Stream:
      return become_stream(routed);
    case Routed::To::Look:
      return wait_for_look(std::move(routed.look));
  }
}

/// Only HTTP/1.1 keeps the connection open by default.
bool HttpConnection::keeps_alive() const {
  return parser_->get().keep_alive() && parser_->get().version() == 11;
}

bool HttpConnection::is_head() const {
  return parser_ && parser_->is_header_done() && parser_->get().method() == http::verb::head;
}

void HttpConnection::become_viewer() {
  if (!boost::beast::websocket::is_upgrade(parser_->get()) || buffer_.size() > 0) {
    return send(plain(400, "/api/live accepts only WebSocket connections"), false);
  }
  std::make_shared<Viewer>(host_, std::move(socket_))->start(parser_->release());
}

void HttpConnection::become_watcher(bool is_known) {
  if (!boost::beast::websocket::is_upgrade(parser_->get()) || buffer_.size() > 0) {
    return send(plain(400, "/api/video accepts only WebSocket connections"), false);
  }
  std::make_shared<VideoWatcher>(host_, std::move(socket_), is_known)->start(parser_->release());
}

void HttpConnection::become_sender() {
  if (!boost::beast::websocket::is_upgrade(parser_->get()) || buffer_.size() > 0) {
    return send(plain(400, "/api/camera accepts only WebSocket connections"), false);
  }
  FeedDesk::welcome(host_, std::move(socket_), parser_->release());
}

void HttpConnection::become_stream(const Routed& routed) {
  if (host_.connections().streams() >= PictureStream::kMost) {
    return send(plain(503, "too many streams of images; close some, or request single images (.jpg)"), false);
  }
  Reply reply{.type = kStreamType, .headers = routed.reply.headers, .sized = false};
  if (is_head()) return send(std::move(reply), false);
  const auto port = host_.hub().find(routed.port).value_or(0);  // route() has checked that it exists
  std::make_shared<PictureStream>(host_, std::move(socket_), port, routed.wishes)
      ->start(format_head(reply, false));
}

void HttpConnection::wait_for_picture(Routed routed) {
  waited_port_ = host_.hub().find(routed.port);
  picture_headers_ = std::move(routed.reply.headers);
  after_ = routed.wish.after;
  deadline_ = Clock::now() + (after_ ? kNextTime : kPictureTime);
  host_.hub().join(*this);
  const auto self = shared_from_this();
  waiting_self_ = self;
  watch_peer();
  (void)host_.state().sample_now();  // the pipeline may have ended since the last sample
  host_.hub().serve(*this);
  if (waited_port_ && !after_ && host_.hub().is_over() && !host_.hub().is_encoding(*waited_port_))
    return send_no_picture();
  host_.pump();
}

void HttpConnection::send_no_picture() {
  end_wait();
  auto reply = no_picture(host_.state().sample_now().snapshot());
  reply.headers = std::move(picture_headers_);
  send(std::move(reply), keeps_alive());
}

void HttpConnection::watch_peer() {
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    if (error || (!self->waited_port_ && !self->question_)) return;
    std::array<char, 1> next{};
    ErrorCode failed;
    (void)self->socket_.receive(net::buffer(next), Socket::message_peek, failed);
    if (failed == net::error::would_block) return self->watch_peer();
    // otherwise the client has sent its next request early, which stays in the buffer
    if (failed) self->cut();
  });
}

void HttpConnection::end_wait() {
  if (!waited_port_) return;
  waited_port_.reset();
  ErrorCode ignored;
  (void)socket_.cancel(ignored);  // ends the wait of watch_peer()
  host_.hub().leave(*this);
  host_.pump_soon();
}

void HttpConnection::wait_for_look(LookWish wish) {
  deadline_ = Clock::now() + to_duration(Seconds(host_.limits().look));
  const auto self = shared_from_this();
  waiting_self_ = self;
  auto asked = host_.looks().ask(std::move(wish), describe_client(socket_), [self](Reply reply) {
    self->question_.reset();
    self->show_look(std::move(reply));
  });
  if (auto* refused = std::get_if<Reply>(&asked)) return show_look(std::move(*refused));
  question_ = std::get<std::uint64_t>(asked);
  watch_peer();
}

void HttpConnection::give_question_up() {
  if (question_) host_.looks().give_up(*std::exchange(question_, std::nullopt));
}

void HttpConnection::show_look(Reply reply) {
  ErrorCode ignored;
  (void)socket_.cancel(ignored);  // ends the wait of watch_peer()
  send(std::move(reply), keeps_alive());
}

void HttpConnection::show(std::size_t /*port*/, const LivePictureRef& picture) {
  if (after_ == picture->seq) return;
  end_wait();
  const auto now = host_.clock().now();
  picture_headers_ += "X-Seq: " + std::to_string(picture->seq) +
                      "\r\nX-Timestamp: " + capture_text(*picture, now) +
                      "\r\nX-Age: " + age_text(*picture, now) + "\r\n";
  Reply reply{.type = "image/jpeg", .fixed = picture->jpeg, .headers = picture_headers_, .keep = picture};
  send(std::move(reply), keeps_alive());
}

void HttpConnection::send(Reply reply, bool keep_alive) {
  const auto self = std::move(waiting_self_);
  reply_ = std::move(reply);
  head_ = format_head(reply_, keep_alive);
  deadline_ = Clock::now() + to_duration(Seconds(host_.limits().write));
  const std::string_view body = reply_.fixed.empty() ? std::string_view(reply_.body) : reply_.fixed;
  const std::array<net::const_buffer, 2> buffers = {net::buffer(head_),
                                                    net::buffer(body.data(), is_head() ? 0 : body.size())};
  net::async_write(socket_, buffers,
                   [self = shared_from_this(), keep_alive](const ErrorCode& error, std::size_t /*bytes*/) {
                     if (error) return self->cut();
                     self->reply_ = {};
                     if (!keep_alive) return self->finish();
                     const auto& limits = self->host_.limits();
                     self->deadline_ =
                         Clock::now() + to_duration(Seconds(self->known_ ? limits.idle : limits.head));
                     self->read();
                   });
}

// Closing with unread bytes would reset the connection, and the peer might lose the response. So it reads for
// a while first.
void HttpConnection::finish() {
  ErrorCode ignored;
  (void)socket_.shutdown(Socket::shutdown_send, ignored);
  deadline_ = std::min(deadline_, Clock::now() + kLingerTime);
  drain();
}

void HttpConnection::drain() {
  buffer_.clear();
  socket_.async_read_some(buffer_.prepare(kMaxHead),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                            if (error) return self->cut();
                            self->drain();
                          });
}

}  // namespace freshframe::serve
