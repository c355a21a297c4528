// Writes the parts of a multipart/x-mixed-replace stream at the requested rate.
// SPDX-License-Identifier: Apache-2.0
#include "serve/page/picture_stream.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "serve/page/connections.hpp"
#include "serve/page/host.hpp"

namespace freshframe::serve {

static_assert(StreamWishes::kMostSide <= PictureHub::kMaxWidth);

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSocketBuffer = 64 << 10;             // bytes; the kernel allocates twice as many
constexpr auto kSilence = std::chrono::seconds(5);  // proxies close connections that are silent for longer

// A browser shows a part once it has read the boundary after it, so each part is sent with the next boundary.
constexpr std::string_view kEnd = "\r\n--freshframe\r\n";

std::string part_head(const LivePicture& picture, TimePoint now) {
  return "Content-Type: image/jpeg\r\nContent-Length: " + std::to_string(picture.jpeg.size()) +
         "\r\nX-Timestamp: " + capture_text(picture, now) + "\r\n\r\n";
}

}  // namespace

PictureStream::PictureStream(Host& host, Socket socket, std::size_t port, StreamWishes wishes)
    : host_(host),
      socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      port_(port),
      wishes_(wishes),
      progress_(Clock::now()) {
  host_.connections().enter(*this);
  host_.connections().count_stream(1);
  host_.hub().join(*this);
}

PictureStream::~PictureStream() {
  host_.connections().count_stream(-1);
  host_.hub().leave(*this);
  host_.connections().leave(*this);
  host_.pump_soon();
}

void PictureStream::start(std::string head) {
  ErrorCode ignored;
  (void)socket_.set_option(net::socket_base::send_buffer_size(kSocketBuffer), ignored);
  head_ = std::move(head) + "--freshframe\r\n";
  read();
  write_some();
}

// Ignores what the client sends, but detects when it disconnects.
void PictureStream::read() {
  socket_.async_read_some(net::buffer(ignored_),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                            if (error) return self->cut();
                            self->read();
                          });
}

void PictureStream::cut() {
  ready_ = false;
  timer_.cancel();
  ErrorCode ignored;
  (void)socket_.close(ignored);
}

// Lets the client read the rest. The client then closes the connection, or check() does after a timeout.
void PictureStream::end_stream() {
  ready_ = false;
  ended_ = true;
  progress_ = Clock::now();
  ErrorCode ignored;
  (void)socket_.shutdown(Socket::shutdown_send, ignored);
}

void PictureStream::check(Time now) {
  if (writing_ || ended_) {
    if (now - progress_ > to_duration(Seconds(host_.limits().write))) cut();
  } else if (host_.hub().is_over()) {
    host_.hub().serve(*this);  // sends the last image if the client does not have it yet
    if (ready_ && !host_.hub().is_encoding(port_)) end_stream();
  } else if (ready_ && newest_ && now - progress_ > kSilence) {
    send(newest_);
  }
}

void PictureStream::show(std::size_t /*port*/, const LivePictureRef& picture) {
  last_ = picture->number;
  newest_ = picture;
  send(picture);
}

void PictureStream::send(const LivePictureRef& picture) {
  const auto interval = std::chrono::duration_cast<Clock::duration>(Seconds(1.0 / wishes_.fps));
  due_ = std::max(due_, Clock::now() - interval / 2) + interval;
  ready_ = false;
  picture_ = picture;
  head_ = part_head(*picture, host_.clock().now());
  write_some();
}

void PictureStream::write_some() {
  if (!std::exchange(writing_, true)) {
    written_ = 0;
    progress_ = Clock::now();
  }
  const std::string_view body = picture_ ? std::string_view(picture_->jpeg) : std::string_view();
  const std::array<std::string_view, 3> parts = {head_, body, picture_ ? kEnd : std::string_view()};
  std::array<net::const_buffer, 3> buffers;
  std::size_t skip = written_;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto part = parts[i].substr(std::min(skip, parts[i].size()));
    skip -= std::min(skip, parts[i].size());
    buffers[i] = net::buffer(part.data(), part.size());
  }
  if (net::buffer_size(buffers) == 0) return on_written();
  socket_.async_write_some(buffers, [self = shared_from_this()](const ErrorCode& error, std::size_t bytes) {
    if (error) return self->cut();
    self->written_ += bytes;
    self->progress_ = Clock::now();
    self->write_some();
  });
}

void PictureStream::on_written() {
  writing_ = false;
  picture_.reset();
  if (Clock::now() >= due_) return become_ready();
  timer_.expires_at(due_);
  timer_.async_wait([weak = weak_from_this()](const ErrorCode& cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self) self->become_ready();
  });
}

void PictureStream::become_ready() {
  ready_ = socket_.is_open();
  host_.serve(*this);
}

}  // namespace freshframe::serve
