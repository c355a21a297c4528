// A connection to a browser that sends its camera, through the feed that the server fills.
// SPDX-License-Identifier: Apache-2.0
#include "sources/browser/browser_connection.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "core/unit_text.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/ffmpeg/read/upright.hpp"
#include "media/stream/reconnect.hpp"
#include "media/stream/stream_errors.hpp"

namespace freshframe::media::browser {
namespace {

constexpr std::string_view kBrowserScheme = "browser:";
constexpr AVRational kTicks{1, 1'000'000};
constexpr Seconds kBetweenAsks{0.5};

TimePoint now() {  // packets are timestamped by the real clock, even if the pipeline's clock is simulated
  return std::chrono::steady_clock::now();
}

/// Throws OptionError for sizes that the server would refuse.
void check_size(const SourceUrl& url, const OpenOptions& options) {
  constexpr int kBlock = 16;  // in pixels; encoders round up to whole blocks
  if (!options.width || !options.height) return;
  const int width = *options.width;
  const int height = *options.height;
  const auto is_side = [](int side) { return side >= core::kLeastFeedSide && side <= core::kMostFeedSide; };
  const auto rounded = [](int side) { return (side + kBlock - 1) / kBlock * kBlock; };
  if (is_side(width) && is_side(height) && rounded(width) * rounded(height) <= core::kMostFeedPixels) return;
  throw OptionError("'" + url.masked +
                    "': size= must be 16 to 1920 pixels a side and at most 1920x1088 in total, got (" +
                    std::to_string(width) + ", " + std::to_string(height) +
                    "): choose a size in this range, such as size=(1280, 720)");
}

AVCodecID codec_id(core::FeedCodec codec) {
  switch (codec) {
    case core::FeedCodec::H264:
      return AV_CODEC_ID_H264;
    case core::FeedCodec::Vp8:
      return AV_CODEC_ID_VP8;
    case core::FeedCodec::Vp9:
      return AV_CODEC_ID_VP9;
    case core::FeedCodec::Mjpeg:
      return AV_CODEC_ID_MJPEG;
  }
  return AV_CODEC_ID_NONE;
}

void fill_packet(AVPacket& packet, const core::FeedPacket& from, bool key) {
  av_packet_unref(&packet);
  if (av_new_packet(&packet, static_cast<int>(from.bytes.size())) < 0) throw std::bad_alloc();
  std::memcpy(packet.data, from.bytes.data(), from.bytes.size());
  packet.pts = packet.dts = std::llround(from.pts * kTicks.den);
  if (key) packet.flags |= AV_PKT_FLAG_KEY;
}

}  // namespace

std::shared_ptr<core::CameraFeed> make_feed(const SourceUrl& url, const OpenOptions& options) {
  constexpr std::size_t kLongest = 64;  // bytes
  if (url.kind != UrlKind::Browser) return nullptr;
  auto name = url.given.substr(kBrowserScheme.size());
  const bool valid = name.size() <= kLongest && std::ranges::all_of(name, [](unsigned char c) {
                       return (c < 0x80 && std::isalnum(c) != 0) || c == '-' || c == '_' || c == '.';
                     });
  if (!valid) {
    throw OptionError("'" + url.masked +
                      "': the name after \"browser:\" must be at most 64 letters, digits, '-', '_' or '.'; "
                      "the camera's size and frame rate are options, as in open(\"browser:front\", "
                      "size=(1280, 720), fps=30)");
  }
  check_size(url, options);
  core::FeedWants wants{.width = options.width, .height = options.height, .fps = options.fps};
  if (Turn{.quarters = wanted_quarters(options)}.lies()) std::swap(wants.width, wants.height);
  return std::make_shared<core::CameraFeed>(std::move(name), wants);
}

BrowserConnection::BrowserConnection(std::shared_ptr<core::CameraFeed> feed, std::string url,
                                     const OpenOptions& options, const Context& context, KeptDecoder& kept)
    : feed_(std::move(feed)), url_(std::move(url)), options_(options) {
  const auto stream = feed_->stream();
  if (!stream) fail(feed_->explain());
  stream_ = *stream;
  wait_for_key(context);
  interval_.begin_stream(first_->taken.packet.arrived);
  make_decoder(kept);
  opened_ = true;
}

void BrowserConnection::wait_for_key(const Context& context) {
  const auto deadline = now() + to_duration(Seconds(options_.read_timeout));
  while (!first_ || !first_->image.key) {
    if (first_) ask_key();
    auto next = take(context);
    if (!next) throw_stopped(url_);
    if (first_) {  // the earlier frame is not decoded, but losses and skipped frames before it count
      next->taken.missing += first_->taken.missing;
      next->taken.skipped += first_->taken.skipped;
    }
    first_ = std::move(next);
    if (now() >= deadline) fail("the browser sends no keyframe");
  }
  const auto& camera = first_->taken.camera;
  info_.codec = avcodec_get_name(codec_id(camera.codec));
  info_.width = camera.width;
  info_.height = camera.height;
  info_.fps = camera.fps;
  info_.container = "browser";
}

void BrowserConnection::make_decoder(KeptDecoder& kept) {
  const CodecParametersPtr parameters(avcodec_parameters_alloc());
  if (!parameters) throw std::bad_alloc();
  parameters->codec_type = AVMEDIA_TYPE_VIDEO;
  parameters->codec_id = codec_id(stream_.codec);
  Dictionary options(options_.options);
  if (!options_.options.contains("max_pixels"))
    options.set("max_pixels", std::to_string(core::kMostFeedPixels));
  decoder_ = kept.take_or_make({*parameters, kTicks, "browser"}, url_, options_, options);
}

std::optional<PacketNotes> BrowserConnection::next(AVPacket& packet, const Context& context) {
  auto checked = std::exchange(first_, std::nullopt);
  if (!checked) checked = take(context);
  if (!checked) return std::nullopt;
  const auto& [taken, image] = *checked;
  context.counters.drop(NodeDropCause::Sender, taken.skipped);
  context.counters.source().flow();
  interval_.note(taken.packet.arrived);
  fill_packet(packet, taken.packet, image.key);
  auto picture = image.notes;
  picture.after_loss = taken.missing > 0;
  return PacketNotes{
      .arrived = taken.packet.arrived,
      .can_begin = image.key,
      .stated = StatedTime{.captured = taken.packet.captured, .error = taken.packet.error},
      .picture = picture,
      .missing = taken.missing,
      .dropped = taken.skipped,
  };
}

/// Returns nullopt after a stop.
std::optional<BrowserConnection::Checked> BrowserConnection::take(const Context& context) {
  const auto began = now();
  const auto quiet = began + to_duration(Seconds(quiet_limit(interval_.seconds(), options_.read_timeout)));
  const auto deadline = began + to_duration(Seconds(options_.read_timeout));
  for (;;) {
    if (context.stop.stop_requested()) return std::nullopt;
    if (auto taken = feed_->take(stream_, now())) return check(*std::move(taken));
    check_sender();
    const bool is_quiet = now() >= quiet;
    if (is_quiet) context.counters.source().stall();
    if (now() >= deadline)
      fail("the browser has sent no frame for " + core::seconds_text(options_.read_timeout));
    static_cast<void>(feed_->wait_packet(is_quiet ? deadline : quiet, context.stop));
  }
}

/// Throws SourceError if this browser will send no more packets of this stream.
void BrowserConnection::check_sender() const {
  if (const auto waiting = feed_->stream(); waiting && *waiting != stream_) {
    if (waiting->sender != stream_.sender) fail("another browser sends it now");
    if (waiting->codec == stream_.codec) fail("the camera was rotated");
    fail("the browser sends " + std::string(core::to_string(waiting->codec)) + " now");
  }
  if (!feed_->is_sending(stream_.sender)) fail(feed_->explain());
}

BrowserConnection::Checked BrowserConnection::check(core::CameraFeed::Taken taken) {
  const auto image = look_at_image(taken.camera.codec, taken.packet.bytes);
  if (!image) {
    refuse("it sent a frame that is not " + std::string(core::to_string(taken.camera.codec)));
  }
  if (image->width > 0 && image->width * image->height > core::kMostFeedPixels) {
    refuse("it sent an image of " + std::to_string(image->width) + "x" + std::to_string(image->height) +
           ", which has more than " + std::to_string(core::kMostFeedPixels) + " pixels");
  }
  return {.taken = std::move(taken), .image = *image};
}

Turn BrowserConnection::turn() const noexcept {
  constexpr int kQuarter = 90;  // degrees
  return {.flip = false, .quarters = stream_.turn / kQuarter % 4};
}

std::optional<double> BrowserConnection::seconds(std::int64_t ticks) const {
  if (ticks == AV_NOPTS_VALUE) return std::nullopt;
  return static_cast<double>(ticks) / kTicks.den;
}

Unread BrowserConnection::end_packets() {
  return {.lost = feed_->take_dropped(), .dropped = 0};
}

void BrowserConnection::ask_key() {
  const auto at = now();
  if (asked_ && at - *asked_ < kBetweenAsks) return;
  asked_ = at;
  feed_->ask_key(stream_.sender);
}

void BrowserConnection::refuse(const std::string& why) {
  feed_->refuse(stream_.sender, why);
  fail("the browser was refused: " + why);
}

void BrowserConnection::fail(const std::string& why) const {
  throw SourceError((opened_ ? "lost '" : "cannot open '") + url_ + "': " + why, url_, ECONNRESET);
}

}  // namespace freshframe::media::browser
