// Reading heads, sending answers.
// SPDX-License-Identifier: Apache-2.0
#include "serve/http/http_connection.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>
#include <variant>

#include "core/unit_text.hpp"
#include "platform/socket.hpp"
#include "serve/http/picture_stream.hpp"
#include "serve/http/service.hpp"
#include "serve/http/video_watcher.hpp"
#include "serve/http/viewer.hpp"
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

namespace freshframe::serve {
namespace {

namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxHead = 8192;                  // bytes of a request's line and headers
constexpr std::size_t kMaxBuffer = 2 * kMaxHead;        // with the bytes after them
constexpr auto kPictureTime = std::chrono::seconds(2);  // for a picture to arrive
constexpr auto kNextTime = std::chrono::seconds(10);    // for another one than the client has
constexpr auto kLingerTime = std::chrono::seconds(1);   // for the peer to read the last answer

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

/// The client's address, as a text.
std::string describe_client(const Socket& socket) {
  ErrorCode error;
  const auto peer = socket.remote_endpoint(error);
  net::ip::tcp::endpoint client;
  const int family = peer.protocol().family();
  if (error || (family != AF_INET && family != AF_INET6)) return "a client";
  std::memcpy(client.data(), peer.data(), std::min(peer.size(), client.capacity()));
  return client.address().to_string();
}

}  // namespace

HttpConnection::HttpConnection(Service& service, Socket socket)
    : service_(service), socket_(std::move(socket)), buffer_(kMaxBuffer) {
  service_.enter(*this);
}

HttpConnection::~HttpConnection() {
  end_wait();
  service_.leave(*this);
}

void HttpConnection::start() {
  deadline_ = Clock::now() + to_duration(Seconds(service_.limits().head));
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
        plain(503, "the pictures were not decoded within " + core::seconds_text(service_.limits().look)));
  }
  if (waited_port_) {
    end_wait();
    if (!after_) return send_no_picture();
    return send({.status = 204, .headers = std::move(picture_headers_)}, parser_->get().keep_alive());
  }
  cut();
}

void HttpConnection::read() {
  parser_.emplace();
  parser_->header_limit(kMaxHead);
  parser_->body_limit(0);
  http::async_read_header(
      socket_, buffer_, *parser_,
      [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) { self->on_head(error); });
}

void HttpConnection::on_head(const ErrorCode& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    send(plain(431, "the request's headers are too large"), false);
  } else if (error == http::error::body_limit) {
    send(plain(413, "a request must not have a body"), false);
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
  if (request.count(http::field::host) != 1 || request.count(http::field::origin) > 1) {
    return send(plain(400, "a request must have one Host header, and at most one Origin"), false);
  }
  if (parser_->chunked() || parser_->content_length_remaining().value_or(0) > 0) {
    return send(plain(413, "a request must not have a body"), false);
  }
  auto routed = route(make_request_head(request), service_.gate(), service_);
  if (routed.permitted && !known_) {
    known_ = service_.make_known(*this);
    if (!known_) return send(plain(503, "too many connections; close some, or try again later"), false);
  }
  switch (routed.to) {
    case Routed::To::Reply:
      // Methods other than GET are refused, and an answer to HEAD has no body, so later bytes could be taken
      // for one. Only HTTP/1.1 keeps the connection open by default.
      return send(std::move(routed.reply),
                  request.keep_alive() && request.version() == 11 && request.method() == http::verb::get);
    case Routed::To::Live:
      return become_viewer();
    case Routed::To::Video:
      return become_watcher(routed.permitted);
    case Routed::To::Picture:
      return wait_for_picture(std::move(routed));
    case Routed::To::Stream:
      return become_stream(routed);
    case Routed::To::Look:
      return wait_for_look(std::move(routed.look));
  }
}

void HttpConnection::become_viewer() {
  if (!boost::beast::websocket::is_upgrade(parser_->get()) || buffer_.size() > 0) {
    return send(plain(400, "/api/live speaks WebSocket only"), false);
  }
  std::make_shared<Viewer>(service_, std::move(socket_))->start(parser_->release());
}

void HttpConnection::become_watcher(bool is_known) {
  if (!boost::beast::websocket::is_upgrade(parser_->get()) || buffer_.size() > 0) {
    return send(plain(400, "/api/video speaks WebSocket only"), false);
  }
  std::make_shared<VideoWatcher>(service_, std::move(socket_), is_known)->start(parser_->release());
}

void HttpConnection::become_stream(const Routed& routed) {
  if (service_.streams() >= PictureStream::kMost) {
    return send(plain(503, "too many streams of pictures; close some, or ask for single pictures (.jpg)"),
                false);
  }
  const auto port = service_.hub().find(routed.port).value_or(0);  // the route has found it
  std::make_shared<PictureStream>(service_, std::move(socket_), port, routed.wishes)
      ->start(format_stream_head(routed.reply));
}

void HttpConnection::wait_for_picture(Routed routed) {
  waited_port_ = service_.hub().find(routed.port);
  picture_headers_ = std::move(routed.reply.headers);
  after_ = routed.wish.after;
  deadline_ = Clock::now() + (after_ ? kNextTime : kPictureTime);
  service_.hub().join(*this);
  const auto self = shared_from_this();
  waiting_self_ = self;
  watch_peer();
  (void)service_.sample_now();  // the end of the pipeline may be newer than the last look
  service_.hub().serve(*this);
  if (waited_port_ && !after_ && service_.hub().is_over() && !service_.hub().is_encoding(*waited_port_))
    return send_no_picture();
  service_.pump();
}

void HttpConnection::send_no_picture() {
  end_wait();
  auto reply = no_picture(service_.sample_now().snapshot());
  reply.headers = std::move(picture_headers_);
  send(std::move(reply), parser_->get().keep_alive());
}

void HttpConnection::watch_peer() {
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    if (error || (!self->waited_port_ && !self->question_)) return;
    std::array<char, 1> next{};
    ErrorCode failed;
    (void)self->socket_.receive(net::buffer(next), Socket::message_peek, failed);
    if (failed == net::error::would_block) return self->watch_peer();
    if (failed) self->cut();  // otherwise it has sent its next request, which can wait
  });
}

void HttpConnection::end_wait() {
  if (!waited_port_) return;
  waited_port_.reset();
  ErrorCode ignored;
  (void)socket_.cancel(ignored);  // watch_peer()
  service_.hub().leave(*this);
  service_.pump_soon();
}

void HttpConnection::wait_for_look(LookWish wish) {
  deadline_ = Clock::now() + to_duration(Seconds(service_.limits().look));
  const auto self = shared_from_this();
  waiting_self_ = self;
  auto asked = service_.looks().ask(std::move(wish), describe_client(socket_), [self](Reply reply) {
    self->question_.reset();
    self->show_look(std::move(reply));
  });
  if (auto* refused = std::get_if<Reply>(&asked)) return show_look(std::move(*refused));
  question_ = std::get<std::uint64_t>(asked);
  watch_peer();
}

void HttpConnection::give_question_up() {
  if (question_) service_.looks().give_up(*std::exchange(question_, std::nullopt));
}

void HttpConnection::show_look(Reply reply) {
  ErrorCode ignored;
  (void)socket_.cancel(ignored);  // watch_peer()
  send(std::move(reply), parser_->get().keep_alive());
}

void HttpConnection::show(std::size_t /*port*/, const LivePictureRef& picture) {
  if (after_ == picture->seq) return;
  end_wait();
  const auto now = service_.core().clock()->now();
  picture_headers_ += "X-Seq: " + std::to_string(picture->seq) +
                      "\r\nX-Timestamp: " + capture_text(*picture, now) +
                      "\r\nX-Age: " + age_text(*picture, now) + "\r\n";
  Reply reply{.type = "image/jpeg", .fixed = picture->jpeg, .headers = picture_headers_, .keep = picture};
  send(std::move(reply), parser_->get().keep_alive());
}

void HttpConnection::send(Reply reply, bool keep_alive) {
  const auto self = std::move(waiting_self_);
  reply_ = std::move(reply);
  head_ = format_head(reply_, keep_alive);
  deadline_ = Clock::now() + to_duration(Seconds(service_.limits().write));
  const std::string_view body = reply_.fixed.empty() ? std::string_view(reply_.body) : reply_.fixed;
  const std::array<net::const_buffer, 2> buffers = {net::buffer(head_),
                                                    net::buffer(body.data(), body.size())};
  net::async_write(socket_, buffers,
                   [self = shared_from_this(), keep_alive](const ErrorCode& error, std::size_t /*bytes*/) {
                     if (error) return self->cut();
                     self->reply_ = {};
                     if (!keep_alive) return self->finish();
                     const auto& limits = self->service_.limits();
                     self->deadline_ =
                         Clock::now() + to_duration(Seconds(self->known_ ? limits.idle : limits.head));
                     self->read();
                   });
}

// Closing with unread bytes would reset the connection, and the peer would lose the answer. So it reads on
// for a while.
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
