// Checks the messages of a page that sends a camera before anything else sees them, because anyone with the
// link can send anything.
// SPDX-License-Identifier: Apache-2.0
#include "serve/video/camera_message.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "core/utf8.hpp"
#include "serve/state/strict_json.hpp"

namespace freshframe::serve {
namespace {

using CameraJson = nlohmann::json;

constexpr std::size_t kFrameHead = 32;  // bytes
constexpr unsigned char kFrameKind = 16;
constexpr double kMostPts = 1e9;        // seconds
constexpr double kMostCaptured = 1e11;  // seconds
constexpr double kMostFps = 1000;
constexpr double kMostTime = 1e15;     // maximum time of a page's clock in milliseconds
constexpr double kMostCount = 1e15;    // exact as a double
constexpr double kMostMeasure = 1e12;  // limit of measurements, in bits per second or in seconds
constexpr std::size_t kMaxCodec = 64;  // bytes
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxSentence = 200;
constexpr std::size_t kMaxFailures = 8;

constexpr CameraFault kNotOurs{"this is not a message of a page that sends a camera"};

template <class T>
T read_little_endian(std::string_view bytes, std::size_t at) {
  T number = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    number |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[at + i])) << 8U * i);
  return number;
}

double read_double(std::string_view bytes, std::size_t at) {
  return std::bit_cast<double>(read_little_endian<std::uint64_t>(bytes, at));
}

// False for NaN as well.
bool is_within(double number, double most) {
  return number >= 0 && number <= most;
}

/// The string for logs and pages: at most `most` bytes, without control characters.
std::string clean(std::string_view text, std::size_t most) {
  std::string result(core::first_letters(text, most));
  // C1 control characters (U+0080 to U+009F), which some terminals act on, take two bytes in UTF-8.
  for (auto at = result.find('\xC2'); at != std::string::npos; at = result.find('\xC2', at + 1)) {
    if (at + 1 < result.size() && static_cast<unsigned char>(result[at + 1]) < 0xA0)
      result.replace(at, 2, 2, ' ');
  }
  std::ranges::replace_if(
      result, [](char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == '\x7F'; }, ' ');
  return result;
}

/// Reads a member that may be absent or null. Returns false if it is not a string.
bool read_text(const CameraJson& object, const char* name, std::size_t most, std::string& result) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return true;
  if (!found->is_string()) return false;
  result = clean(found->get_ref<const std::string&>(), most);
  return true;
}

bool read_flag(const CameraJson& object, const char* name, bool& result) {
  const auto found = object.find(name);
  if (found == object.end()) return true;
  if (!found->is_boolean()) return false;
  result = found->get<bool>();
  return true;
}

/// Reads a member that may be absent or null. Returns false if it is not a number from 0 to `most`.
bool read_measure(const CameraJson& object, const char* name, double most, double& result) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return true;
  if (!found->is_number() || !is_within(found->get<double>(), most)) return false;
  result = found->get<double>();
  return true;
}

bool read_count(const CameraJson& object, const char* name, std::uint64_t& result) {
  double number = 0;
  if (!read_measure(object, name, kMostCount, number)) return false;
  result = static_cast<std::uint64_t>(number);
  return true;
}

std::optional<core::FeedCodec> find_codec(std::string_view text) {
  using core::FeedCodec;
  constexpr std::array<std::pair<std::string_view, FeedCodec>, 5> kCodecs = {{{"avc1", FeedCodec::H264},
                                                                              {"vp8", FeedCodec::Vp8},
                                                                              {"vp09", FeedCodec::Vp9},
                                                                              {"vp9", FeedCodec::Vp9},
                                                                              {"jpeg", FeedCodec::Mjpeg}}};
  if (text.size() > kMaxCodec) return std::nullopt;
  const auto family = text.substr(0, text.find('.'));
  const auto* const found =
      std::ranges::find(kCodecs, family, &std::pair<std::string_view, FeedCodec>::first);
  return found == kCodecs.end() ? std::nullopt : std::optional(found->second);
}

/// Returns 0 if the member is not a valid side.
int read_side(const CameraJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return 0;
  return *found >= core::kLeastFeedSide && *found <= core::kMostFeedSide ? found->get<int>() : 0;
}

bool read_turn(const CameraJson& object, int& turn) {
  double degrees = 0;
  if (!read_measure(object, "turn", 270, degrees)) return false;
  turn = static_cast<int>(degrees);
  return turn % 90 == 0 && turn == degrees;
}

std::optional<CameraFault> read_declaration(const CameraJson& item, CameraDeclaration& camera) {
  if (!item.is_object() ||
      !has_only(item, {"codec", "width", "height", "fps", "turn", "label", "stamped", "by"})) {
    return kNotOurs;
  }
  const auto codec = item.find("codec");
  const auto known = codec != item.end() && codec->is_string()
                         ? find_codec(codec->get_ref<const std::string&>())
                         : std::nullopt;
  if (!known) return CameraFault{"the codec must be H.264, VP8, VP9 or JPEG"};
  auto& feed = camera.feed;
  feed.codec = *known;
  feed.width = read_side(item, "width");
  feed.height = read_side(item, "height");
  if (feed.width == 0 || feed.height == 0 || feed.width * feed.height > core::kMostFeedPixels)
    return CameraFault{"the image must have 16 to 1920 pixels a side, and at most 1920x1088"};
  const bool good = read_measure(item, "fps", kMostFps, feed.fps) && read_turn(item, feed.turn) &&
                    read_text(item, "label", kMaxName, camera.label) &&
                    read_text(item, "stamped", kMaxName, camera.stamped);
  return good ? std::nullopt : std::optional(kNotOurs);
}

bool read_wish(const CameraJson& item, CameraWish& wish) {
  if (!item.is_object() || !has_only(item, {"camera", "client", "take"})) return false;
  const auto camera = item.find("camera");
  if (camera == item.end() || !camera->is_string()) return false;
  wish.camera = camera->get<std::string>();
  return read_text(item, "client", kMaxName, wish.client) && read_flag(item, "take", wish.take);
}

bool read_failures(const CameraJson& item, std::vector<std::string>& failures) {
  const auto found = item.find("failures");
  if (found == item.end() || found->is_null()) return true;
  if (!found->is_array() || found->size() > kMaxFailures) return false;
  for (const auto& failure : *found) {
    if (!failure.is_string()) return false;
    failures.push_back(clean(failure.get_ref<const std::string&>(), kMaxSentence));
  }
  return true;
}

/// Ignores members that it does not know, so that a page may report more than this version shows.
bool read_report(const CameraJson& item, SenderStats& report) {
  return item.is_object() && read_text(item, "browser", kMaxName, report.browser) &&
         read_text(item, "mode", kMaxName, report.mode) && read_count(item, "camera", report.camera_frames) &&
         read_count(item, "sent", report.sent) && read_count(item, "skipped_link", report.skipped_link) &&
         read_count(item, "skipped_encoder", report.skipped_encoder) &&
         read_count(item, "missed", report.missed) &&
         read_measure(item, "bitrate", kMostMeasure, report.bitrate) &&
         read_measure(item, "arrives", kMostMeasure, report.arrives) &&
         read_measure(item, "encoding_time", kMostMeasure, report.encoding) &&
         read_measure(item, "round_trip", kMostMeasure, report.round_trip) &&
         read_measure(item, "clock_error", kMostMeasure, report.clock_error) &&
         read_flag(item, "hidden", report.hidden) && read_failures(item, report.failures);
}

bool is_state_name(std::string_view name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz_";
  constexpr std::size_t kMost = 32;
  return !name.empty() && name.size() <= kMost && name.find_first_not_of(kLetters) == std::string_view::npos;
}

bool read_state(const CameraJson& message, CameraState& state) {
  const auto& name = message["state"];
  if (!name.is_string() || !is_state_name(name.get_ref<const std::string&>())) return false;
  state.state = name.get<std::string>();
  return read_text(message, "message", kMaxSentence, state.message);
}

/// Reads a message without a token, wish or declaration.
bool read_news(const CameraJson& message, CameraRequest& request) {
  if (message.empty() || !has_only(message, {"time", "state", "message", "hidden", "report"})) return false;
  if (message.contains("time") && !read_measure(message, "time", kMostTime, request.time.emplace()))
    return false;
  if (message.contains("state")) {
    if (!read_state(message, request.state.emplace())) return false;
  } else if (message.contains("message")) {
    return false;
  }
  if (message.contains("hidden") && !read_flag(message, "hidden", request.hidden.emplace())) return false;
  if (!message.contains("report")) return true;
  const auto& report = message["report"];
  if (!read_report(report, request.report.emplace())) return false;
  if (!request.hidden && report.contains("hidden")) request.hidden = request.report->hidden;
  return true;
}

bool read_request(const CameraJson& message, CameraRequest& request) {
  const bool is_alone = message.size() == 1;
  if (message.contains("token")) {
    const auto& token = message["token"];
    if (!is_alone || !token.is_string()) return false;
    request.token = token.get<std::string>();
    return true;
  }
  if (message.contains("send")) return is_alone && read_wish(message["send"], request.send.emplace());
  return read_news(message, request);
}

}  // namespace

std::variant<CameraFrame, CameraFault> parse_camera_frame(std::string_view message) {
  if (message.size() > kMaxCameraFrame) return CameraFault{"a frame must have at most 2 MiB"};
  if (message.size() <= kFrameHead || static_cast<unsigned char>(message[0]) != kFrameKind)
    return CameraFault{"this is not a frame of a camera"};
  CameraFrame frame{
      .number = read_little_endian<std::uint32_t>(message, 4),
      .skipped = read_little_endian<std::uint32_t>(message, 8),
      .error = read_little_endian<std::uint32_t>(message, 12) / 1e6,
      .pts = read_double(message, 16),
      .captured = read_double(message, 24),
      .body = message.substr(kFrameHead),
  };
  if (!is_within(frame.pts, kMostPts) || !is_within(frame.captured, kMostCaptured))
    return CameraFault{"a frame has an invalid timestamp"};
  return frame;
}

double clamp_capture(double stated, double arrived) noexcept {
  return std::clamp(stated, arrived - kMaxCameraDelay, arrived);
}

std::variant<CameraRequest, CameraFault> parse_camera_request(std::string_view text) {
  if (text.size() > kMaxCameraText) return CameraFault{"a string must have at most 8192 bytes"};
  const auto message = strict_json(text);
  if (!message.is_object()) return kNotOurs;
  CameraRequest request;
  if (message.contains("camera")) {
    if (message.size() != 1) return kNotOurs;
    if (const auto fault = read_declaration(message["camera"], request.camera.emplace())) return *fault;
    return request;
  }
  if (!read_request(message, request)) return kNotOurs;
  return request;
}

double most_bitrate(int width, int height, double fps) noexcept {
  constexpr double kBitsPerPixel = 0.09;
  return kBitsPerPixel * width * height * fps;
}

void FrameAllowance::declare(const core::FeedCamera& camera, std::optional<double> wanted) noexcept {
  constexpr double kUsual = 30;
  constexpr double kFastest = 60;  // browsers' cameras without a requested rate
  constexpr double kExcess = 4;
  constexpr double kJpegBits = 1;  // bits per pixel of a JPEG, which is complete in itself
  const double stated = std::min(camera.fps > 0 ? camera.fps : kUsual, kFastest);
  const double fps = std::max(wanted.value_or(0), stated);  // a camera may not have the wanted rate
  const double bitrate = camera.codec == core::FeedCodec::Mjpeg
                             ? kJpegBits * camera.width * camera.height * fps
                             : most_bitrate(camera.width, camera.height, fps);
  frames_ = 2 * fps * kSpan + kBurst;
  bytes_ = kExcess * bitrate * kSpan / 8 + 2. * kMaxCameraFrame;
}

bool FrameAllowance::count(std::size_t size, Time now) noexcept {
  if (now - since_ > std::chrono::duration<double>(kSpan)) {
    since_ = now;
    counted_ = 0;
    counted_bytes_ = 0;
  }
  counted_ += 1;
  counted_bytes_ += static_cast<double>(size);
  return counted_ <= frames_ && counted_bytes_ <= bytes_;
}

}  // namespace freshframe::serve
