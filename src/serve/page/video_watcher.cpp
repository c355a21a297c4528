// Reads and writes the WebSocket of a page that watches video.
// SPDX-License-Identifier: Apache-2.0
#include "serve/page/video_watcher.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "serve/desk/feed_desk.hpp"
#include "serve/desk/video_desk.hpp"
#include "serve/page/connections.hpp"
#include "serve/page/host.hpp"
#include "serve/request/gate.hpp"
#include "serve/request/routes.hpp"
#include "serve/state/json.hpp"
#include "serve/state/sampler.hpp"

namespace freshframe::serve {
namespace {

namespace websocket = boost::beast::websocket;
using Clock = std::chrono::steady_clock;

// limit for completing the handshake and sending the token
constexpr auto kAcceptTime = std::chrono::seconds(5);
constexpr auto kEndTime = std::chrono::seconds(2);  // time limit for the page to answer the close frame
constexpr int kMaxRequests = 1000;                  // maximum per second from one page
constexpr std::size_t kMaxTexts = 8;

}  // namespace

VideoWatcher::VideoWatcher(Host& host, Socket socket, bool is_known)
    : host_(host),
      socket_(std::move(socket)),
      buffer_(kMaxVideoRequest),
      is_known_(is_known),
      rate_(kMaxRequests) {
  host_.connections().enter(static_cast<Connection&>(*this));
  host_.connections().enter(static_cast<VideoViewer&>(*this));
  host_.hub().join(*this);
  if (!is_known) host_.connections().enter_unknown(*this);
}

VideoWatcher::~VideoWatcher() {
  for (auto& view : views_) {
    if (view.port() != nullptr) view.port()->leave(*this);
  }
  host_.connections().leave(static_cast<VideoViewer&>(*this));
  host_.hub().leave(*this);
  host_.connections().leave(static_cast<Connection&>(*this));
  host_.pump_soon();
}

void VideoWatcher::start(Request request) {
  request_ = std::move(request);
  deadline_ = Clock::now() + kAcceptTime;
  prepare_page(socket_, kMaxVideoRequest, rate_, [this] { cut(); });
  limit_silence(socket_, std::chrono::seconds(30));
  socket_.async_accept(*request_, [self = shared_from_this()](const ErrorCode& error) {
    if (error) return self->cut();
    self->on_accepted();
  });
}

void VideoWatcher::on_accepted() {
  request_.reset();
  accepted_ = Clock::now();
  if (is_known_) welcome();
  read();
}

void VideoWatcher::welcome() {
  JsonWriter json;
  json.begin_object()
      .member("type", "welcome")
      .member("version", 1)
      .member("most", VideoRing::kMost)
      .key("ports")
      .begin_array();
  for (const auto& name : host_.video().names()) json.value(std::string_view(name));
  json.end_array().member("now", unix_now()).end_object();
  texts_.push_back(std::move(json).take());
  pump();
}

void VideoWatcher::cut() {
  ErrorCode ignored;
  (void)socket_.next_layer().close(ignored);
}

void VideoWatcher::check(Time now) {
  if (!accepted_ || closing_) {
    if (now >= deadline_) cut();
    return;
  }
  if (!is_known_ && now >= deadline_) return refuse(kWrongToken, "the token did not arrive");
  const auto patience = to_duration(Seconds(host_.limits().acknowledge));
  const bool is_silent = std::ranges::any_of(
      views_, [&](const auto& view) { return view.waits_since() && now - *view.waits_since() > patience; });
  if (is_silent) cut();
}

void VideoWatcher::read() {
  socket_.async_read(buffer_, [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
    if (error) return self->cut();
    self->on_message();
  });
}

void VideoWatcher::on_message() {
  // a page sends its first message as soon as it is connected
  if (!round_trip_) round_trip_ = Clock::now() - *accepted_;
  if (rate_.count()) return refuse(websocket::close_code::policy_error, "too many messages");
  const auto data = buffer_.data();
  auto request = socket_.got_text()
                     ? parse_video_request({static_cast<const char*>(data.data()), data.size()})
                     : std::nullopt;
  buffer_.clear();
  if (!request) return refuse(websocket::close_code::policy_error, "this is not a message of a page");
  switch (request->kind) {
    case VideoRequest::Kind::Token:
      on_token(request->token);
      break;
    case VideoRequest::Kind::Watch:
    case VideoRequest::Kind::Ack:
      if (!is_known_) return refuse(kWrongToken, "the token must be the first message");
      if (request->kind == VideoRequest::Kind::Watch) {
        on_watch(std::move(request->watch));
      } else {
        on_acks(*request);
      }
      break;
  }
  if (closing_) return;
  pump();
  read();
}

void VideoWatcher::on_token(const std::string& token) {
  if (is_known_) return;
  const auto& gate = host_.gate();
  const bool is_of_camera = host_.feeds().tokens().find(token).has_value();
  if (!gate.is_token(token) && !gate.is_picture_token(token) && !is_of_camera)
    return refuse(kWrongToken, "the token is invalid");
  if (!host_.connections().make_known(*this))
    return refuse(websocket::close_code::try_again_later, "too many connections");
  is_known_ = true;
  welcome();
}

void VideoWatcher::on_watch(std::vector<WatchWish> wishes) {
  std::list<VideoView> before = std::exchange(views_, {});
  for (auto& wish : wishes) {
    const auto same =
        std::ranges::find_if(before, [&](const auto& view) { return view.wish().is_same_view(wish); });
    if (same != before.end()) {
      same->set_width(wish.width);
      views_.splice(views_.end(), before, same);
      continue;
    }
    auto* const port = host_.video().find(wish.port);
    const auto index = host_.hub().find(wish.port).value_or(0);
    if (port != nullptr) port->join(*this);
    views_.emplace_back(std::move(wish), port, index, *round_trip_);
  }
  for (auto& view : before) {
    if (view.port() != nullptr) view.port()->leave(*this);
  }
  host_.serve(*this);
}

void VideoWatcher::on_acks(const VideoRequest& request) {
  const auto now = Clock::now();
  bool has_jpeg = false;
  for (auto& view : views_) {
    const auto found = request.acks.find(view.wish().id);
    if (found == request.acks.end()) continue;
    view.acknowledge(found->second, now);
    has_jpeg = has_jpeg || view.is_jpeg();
  }
  if (request.time && texts_.size() < kMaxTexts) texts_.push_back(answer_time(*request.time));
  if (!has_jpeg) return;
  host_.serve(*this);
}

void VideoWatcher::refuse(unsigned code, const char* reason) {
  closing_ = true;
  deadline_ = Clock::now() + kEndTime;
  websocket::close_reason why(reason);
  why.code = static_cast<std::uint16_t>(code);
  socket_.async_close(why, [self = shared_from_this()](const ErrorCode& /*error*/) { self->cut(); });
}

/// Round robin over the views.
void VideoWatcher::pump() {
  if (writes_ || closing_ || !accepted_ || !is_known_) return;
  if (!texts_.empty()) {
    const auto text = std::make_shared<const std::string>(std::move(texts_.front()));
    texts_.pop_front();
    return write({}, *text, text, false);
  }
  const auto now = Clock::now();
  for (std::size_t i = 0; i < views_.size(); ++i) {
    views_.splice(views_.end(), views_, views_.begin());
    auto& view = views_.back();
    const auto names = view.port() == nullptr ? host_.video().names() : std::vector<std::string>();
    if (auto message = view.next(now, names))
      return write(std::move(message->head), message->body, std::move(message->keep), true);
  }
}

void VideoWatcher::write(std::string head, std::string_view body, std::shared_ptr<const void> keep,
                         bool binary) {
  writes_ = true;
  head_ = std::move(head);
  body_ = std::move(keep);
  socket_.binary(binary);
  const std::array<net::const_buffer, 2> buffers = {net::buffer(head_),
                                                    net::buffer(body.data(), body.size())};
  socket_.async_write(buffers, [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
    if (error) return self->cut();
    self->writes_ = false;
    self->body_.reset();
    self->pump();
  });
}

void VideoWatcher::count_views(std::vector<ViewInfo>& views) const {
  for (const auto& view : views_) {
    const auto found = std::ranges::find(views, view.wish().port, &ViewInfo::port);
    if (found == views.end()) continue;
    found->watchers.push_back({view.is_jpeg(), view.left_out()});
  }
}

bool VideoWatcher::wants(std::size_t port) const {
  return std::ranges::any_of(views_,
                             [&](const auto& view) { return view.index() == port && view.wants_jpeg(); });
}

bool VideoWatcher::looks_at(std::size_t port) const {
  return std::ranges::any_of(views_,
                             [&](const auto& view) { return view.index() == port && view.is_jpeg(); });
}

int VideoWatcher::width() const {
  int width = 0;
  for (const auto& view : views_) {
    if (view.is_jpeg()) width = std::max(width, view.wish().width);
  }
  return width;
}

std::uint64_t VideoWatcher::last(std::size_t port) const {
  std::optional<std::uint64_t> last;
  for (const auto& view : views_) {
    if (view.index() == port && view.wants_jpeg())
      last = std::min(last.value_or(view.last_jpeg()), view.last_jpeg());
  }
  return last.value_or(0);
}

void VideoWatcher::show(std::size_t port, const LivePictureRef& picture) {
  for (auto& view : views_) {
    if (view.index() == port && view.wants_jpeg() && view.last_jpeg() < picture->number) view.show(picture);
  }
  pump();
}

}  // namespace freshframe::serve
