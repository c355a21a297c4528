// Reads the WebSocket of a page that sends a camera. Each message is checked before it reaches the source.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/stats.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/utf8.hpp"
#include "core/watch/feed.hpp"
#include "serve/desk/feed_desk.hpp"
#include "serve/desk/net.hpp"
#include "serve/page/connection.hpp"
#include "serve/page/connections.hpp"
#include "serve/page/host.hpp"
#include "serve/page/page_socket.hpp"
#include "serve/request/gate.hpp"
#include "serve/state/json.hpp"
#include "serve/state/sampler.hpp"
#include "serve/video/camera_message.hpp"
#include <boost/beast/core/flat_buffer.hpp>

namespace freshframe::serve {
namespace {

namespace websocket = boost::beast::websocket;
using Clock = std::chrono::steady_clock;

constexpr auto kPartingTime = std::chrono::seconds(2);   // time limit for the page to answer the close frame
constexpr auto kMostSilence = std::chrono::seconds(10);  // without any message or answer to a ping
constexpr int kMaxCameraMessages = 200;                  // maximum per second from one page
// maximum number of messages that wait for a page that does not read them
constexpr std::size_t kMaxWaiting = 256;
constexpr std::size_t kMaxReason = 123;  // maximum size of a close frame's reason in bytes
constexpr unsigned kNoSuchCamera = 4404;

std::string describe_asked(const core::FeedWants& wants) {
  std::optional<double> bitrate;
  if (wants.width && wants.height && wants.fps)
    bitrate = std::round(most_bitrate(*wants.width, *wants.height, *wants.fps));
  JsonWriter json;
  json.begin_object()
      .member("type", "yours")
      .member("width", wants.width)
      .member("height", wants.height)
      .member("fps", wants.fps)
      .member("bitrate", bitrate)
      .end_object();
  return std::move(json).take();
}

std::string describe_close(unsigned code) {
  return code == websocket::close_code::normal || code == websocket::close_code::going_away
             ? "the browser closed the page"
             : "the browser closed the connection";
}

/// One page: its token, its claim on a camera, and the frames that it sends.
/// Owned by its pending operations. Used on the network thread.
class CameraSender final : public Connection,
                           public CameraPage,
                           public std::enable_shared_from_this<CameraSender> {
 public:
  using Request = FeedDesk::Request;

  CameraSender(Host& host, Socket socket);
  ~CameraSender() override;
  void start(Request request);
  void check(Time now) override;
  void cut() override;

  void on_ack(const core::FeedAck& ack) override;
  void on_taken() override;
  void on_free() override;
  void on_refused(const std::string& why) override;
  void on_ended(const std::string& why) override;
  void on_replaced() override;

 private:
  void on_accepted();
  void read();
  void on_read_error(const ErrorCode& error);
  void on_message();
  void on_frame(std::string_view message);
  void on_text(std::string_view text);
  void on_token(const std::string& token);
  void on_wish(const CameraWish& wish);
  void on_claimed(FeedDesk::Seat seat);
  void on_declaration(const CameraDeclaration& camera);
  void on_news(const CameraRequest& request);
  void report();
  /// `why` is shown to the user, unless the page has said why it sends nothing.
  void leave(const std::string& why);
  void refuse(unsigned code, std::string_view reason);
  /// Closes after the queued messages.
  void close_with(unsigned code, std::string_view reason);
  void tell(std::string text);
  void tell_type(std::string_view type);
  void pump();

  Host& host_;
  PageSocket socket_;
  std::optional<Request> request_;
  boost::beast::flat_buffer buffer_;
  bool accepted_ = false;
  bool is_known_ = false;                   // the page's token was valid
  std::optional<std::string> permitted_;    // the only camera that its token allows; nullopt for all
  std::shared_ptr<core::CameraFeed> feed_;  // null unless this page is the sender
  std::uint64_t number_ = 0;                // number of this page as the sender of `feed_`
  bool declared_ = false;  // this page has declared its camera since it became the sender of `feed_`
  SenderStats stats_;
  FrameAllowance allowance_;
  std::deque<std::string> texts_;  // the first one is being written if `writes_`
  bool writes_ = false;
  Time writing_since_{};
  // close code and reason, to be sent once `texts_` is empty
  std::optional<std::pair<unsigned, std::string>> close_;
  bool closing_ = false;
  Time deadline_{};  // of the handshake and token, or of closing
  MessageRate rate_{kMaxCameraMessages};
};

CameraSender::CameraSender(Host& host, Socket socket)
    : host_(host), socket_(std::move(socket)), buffer_(kMaxCameraFrame) {
  host_.connections().enter(static_cast<Connection&>(*this));
  host_.connections().enter_unknown(*this);
}

CameraSender::~CameraSender() {
  try {
    leave("the connection to the browser was lost");
  } catch (const std::exception&) {  // no memory
    host_.feeds().forget(*this);
  }
  host_.connections().leave(static_cast<Connection&>(*this));
}

void CameraSender::start(Request request) {
  request_ = std::move(request);
  deadline_ = Clock::now() + to_duration(Seconds(host_.limits().head));
  // limits that apply until the token is known
  prepare_page(socket_, kMaxCameraText, rate_, [this] { cut(); });
  limit_silence(socket_, kMostSilence);
  socket_.async_accept(*request_, [self = shared_from_this()](const ErrorCode& error) {
    if (error) return self->cut();
    self->on_accepted();
  });
}

void CameraSender::on_accepted() {
  request_.reset();
  accepted_ = true;
  read();
}

// Ends the pending operations, which own this object: so its destructor leaves the camera.
void CameraSender::cut() {
  ErrorCode ignored;
  (void)socket_.next_layer().close(ignored);
}

void CameraSender::check(Time now) {
  const auto patience = to_duration(Seconds(host_.limits().acknowledge));
  if (writes_ && now - writing_since_ > patience) return cut();
  if (!accepted_ || closing_) {
    if (now >= deadline_) cut();
  } else if (!is_known_ && now >= deadline_) {
    refuse(kWrongToken, "the token did not arrive");
  }
}

void CameraSender::read() {
  socket_.async_read(buffer_, [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
    if (error) return self->on_read_error(error);
    self->on_message();
  });
}

void CameraSender::on_read_error(const ErrorCode& error) {
  if (error == websocket::error::closed) {
    leave(describe_close(socket_.reason().code));
  } else if (error == websocket::error::message_too_big) {
    leave("the browser sent a frame of more than 2 MiB");
  }
  cut();
}

void CameraSender::on_message() {
  if (closing_) return;
  if (rate_.count()) return refuse(websocket::close_code::policy_error, "too many messages");
  const auto data = buffer_.data();
  const std::string_view message(static_cast<const char*>(data.data()), data.size());
  if (socket_.got_text()) {
    on_text(message);
  } else {
    on_frame(message);
  }
  buffer_.clear();
  if (!closing_) read();
}

void CameraSender::on_frame(std::string_view message) {
  if (!is_known_) return refuse(kWrongToken, "the token must be the first message");
  const auto arrived = Clock::now();
  if (feed_ && !declared_)
    return refuse(websocket::close_code::policy_error,
                  "a frame arrived before the description of its camera");
  if (!allowance_.count(message.size(), arrived))
    return refuse(websocket::close_code::policy_error,
                  "the page sent more frames or bytes than its camera can deliver");
  if (!feed_) return;  // was in flight when another page took over
  const auto parsed = parse_camera_frame(message);
  if (const auto* const fault = std::get_if<CameraFault>(&parsed))
    return refuse(websocket::close_code::policy_error, fault->reason);
  const auto& frame = std::get<CameraFrame>(parsed);
  const double now = unix_now();
  const auto age = to_duration(Seconds(now - clamp_capture(frame.captured, now)));
  const bool is_accepted = feed_->put(number_, {.bytes = {frame.body.begin(), frame.body.end()},
                                                .number = frame.number,
                                                .skipped = frame.skipped,
                                                .pts = frame.pts,
                                                .error = frame.error,
                                                .captured = arrived - age,
                                                .arrived = arrived});
  if (is_accepted) return;
  host_.feeds().take_news();  // the source may have refused this page, or ended
  if (feed_)
    refuse(websocket::close_code::policy_error,
           "the frame numbers do not increase, or too many frames are in flight");
}

void CameraSender::on_text(std::string_view text) {
  const auto parsed = parse_camera_request(text);
  if (const auto* const fault = std::get_if<CameraFault>(&parsed))
    return refuse(websocket::close_code::policy_error, fault->reason);
  const auto& request = std::get<CameraRequest>(parsed);
  if (request.token) return on_token(*request.token);
  if (!is_known_) return refuse(kWrongToken, "the token must be the first message");
  if (request.send) return on_wish(*request.send);
  if (request.camera) return on_declaration(*request.camera);
  on_news(request);
}

void CameraSender::on_token(const std::string& token) {
  if (is_known_) return;
  permitted_ = host_.feeds().tokens().find(token);
  const auto& gate = host_.gate();
  if (!permitted_ && !(gate.wants_token() && gate.is_token(token)))
    return refuse(kWrongToken, "the token is invalid");
  if (!host_.connections().make_known(*this))
    return refuse(websocket::close_code::try_again_later, "too many connections");
  is_known_ = true;
  socket_.read_message_max(kMaxCameraFrame);
}

void CameraSender::on_wish(const CameraWish& wish) {
  feed_.reset();
  auto claim = host_.feeds().claim(*this, wish, permitted_);
  if (closing_) return;  // the page was waiting for a source that has just been replaced
  if (auto* const seat = std::get_if<FeedDesk::Seat>(&claim)) return on_claimed(std::move(*seat));
  if (const auto* const ended = std::get_if<FeedDesk::Ended>(&claim)) return on_ended(ended->why);
  switch (std::get<FeedDesk::Refusal>(claim)) {
    case FeedDesk::Refusal::Busy:
      return tell_type("busy");
    case FeedDesk::Refusal::NotPermitted:
      return refuse(kWrongToken, "the token belongs to another camera");
    case FeedDesk::Refusal::NoSuchCamera:
      return refuse(kNoSuchCamera, wish.camera.empty() && !permitted_
                                       ? "no camera was named, and the program has none or several"
                                       : "the program has no camera of this name");
  }
}

void CameraSender::on_claimed(FeedDesk::Seat seat) {
  feed_ = std::move(seat.feed);
  number_ = seat.number;
  declared_ = false;  // the new sender must declare its camera itself
  stats_ = {};
  tell(describe_asked(feed_->wants()));
}

void CameraSender::on_declaration(const CameraDeclaration& camera) {
  if (!feed_) return;
  declared_ = true;
  allowance_.declare(camera.feed, feed_->wants().fps);
  feed_->declare(number_, camera.feed);
  stats_.camera = camera.label;
  stats_.stamped = camera.stamped;
  report();
}

void CameraSender::on_news(const CameraRequest& request) {
  if (request.time) tell(answer_time(*request.time));
  if (!feed_ || !(request.state || request.hidden || request.report)) return;
  if (request.report) {
    auto before = std::exchange(stats_, *request.report);
    stats_.camera = std::move(before.camera);
    stats_.stamped = std::move(before.stamped);
    stats_.state = std::move(before.state);
    stats_.message = std::move(before.message);
    stats_.hidden = before.hidden;
  }
  if (request.state) {
    stats_.state = request.state->state;
    stats_.message = request.state->message;
  }
  if (request.hidden) stats_.hidden = *request.hidden;
  report();
}

void CameraSender::report() {
  feed_->report(number_, stats_);
}

void CameraSender::leave(const std::string& why) {
  feed_.reset();
  host_.feeds().leave(*this, stats_.message.empty() ? why : stats_.message);
}

void CameraSender::on_ack(const core::FeedAck& ack) {
  JsonWriter json;
  json.begin_object()
      .member("type", "ack")
      .member("n", ack.number)
      .member("key", ack.key)
      .member("waited", std::llround(ack.waited * 1e6))
      .end_object();
  tell(std::move(json).take());
}

void CameraSender::on_taken() {
  feed_.reset();
  tell_type("taken");
}

void CameraSender::on_free() {
  tell_type("free");
}

void CameraSender::on_refused(const std::string& why) {
  feed_.reset();
  close_with(websocket::close_code::policy_error, why);
}

void CameraSender::on_ended(const std::string& why) {
  feed_.reset();
  JsonWriter json;
  json.begin_object().member("type", "ended").member("why", std::string_view(why)).end_object();
  tell(std::move(json).take());
  close_with(websocket::close_code::normal, "the source has ended");
}

void CameraSender::on_replaced() {
  feed_.reset();
  close_with(websocket::close_code::service_restart, "the source was replaced");
}

void CameraSender::refuse(unsigned code, std::string_view reason) {
  stats_.message.clear();
  leave("the browser was refused: " + std::string(reason));
  texts_.resize(std::min<std::size_t>(texts_.size(), writes_ ? 1 : 0));
  close_with(code, reason);
}

void CameraSender::close_with(unsigned code, std::string_view reason) {
  if (closing_) return;
  closing_ = true;
  deadline_ = Clock::now() + kPartingTime;
  close_ = {code, std::string(core::first_letters(reason, kMaxReason))};
  pump();
}

void CameraSender::tell_type(std::string_view type) {
  JsonWriter json;
  json.begin_object().member("type", type).end_object();
  tell(std::move(json).take());
}

void CameraSender::tell(std::string text) {
  if (closing_) return;
  if (texts_.size() >= kMaxWaiting) return cut();
  texts_.push_back(std::move(text));
  pump();
}

void CameraSender::pump() {
  if (writes_ || !accepted_) return;
  if (!texts_.empty()) {
    writes_ = true;
    writing_since_ = Clock::now();
    socket_.text(true);
    return socket_.async_write(net::buffer(texts_.front()),
                               [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                                 if (error) return self->cut();
                                 self->writes_ = false;
                                 self->texts_.pop_front();
                                 self->pump();
                               });
  }
  if (!close_) return;
  websocket::close_reason why(close_->second.c_str());
  why.code = static_cast<std::uint16_t>(close_->first);
  close_.reset();
  socket_.async_close(why, [self = shared_from_this()](const ErrorCode& /*error*/) { self->cut(); });
}

}  // namespace

void FeedDesk::welcome(Host& host, Socket socket, Request request) {
  std::make_shared<CameraSender>(host, std::move(socket))->start(std::move(request));
}

}  // namespace freshframe::serve
