// Parses the query of a /api/look request, and writes its images with their timestamps in headers or as JSON.
// SPDX-License-Identifier: Apache-2.0
#include "serve/request/look_question.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/percent_escape.hpp"
#include "core/unit_text.hpp"
#include "core/utf8.hpp"
#include "media/ffmpeg/base64.hpp"
#include "serve/request/query.hpp"
#include "serve/state/json.hpp"

namespace freshframe::serve {
namespace {

constexpr std::string_view kLookPrefix = "/api/look/";
constexpr double kMostBack = 3600;  // seconds
constexpr double kMostViews = 16;
constexpr double kMostSide = 2048;  // pixels
constexpr int kLookQuality = 80;    // JPEG quality

std::string fixed_text(double number) {
  return core::number_text(number, std::chars_format::fixed, 3);
}

std::string read_moment(std::string_view query, LookWish& wish) {
  double ago = 0;
  if (read_number(query, "ago", 0, kMostBack, ago) == Parameter::Unreadable)
    return "ago must be a number of seconds from 0 to 3600, such as 3 for three seconds ago";
  wish.ages = {ago};
  wish.words = ago > 0 ? "the image of " + core::seconds_text(ago) + " ago" : "the newest image";
  return {};
}

std::string read_span(std::string_view query, LookWish& wish) {
  constexpr double kLeastBack = 0.001;
  double seconds = 10;
  double n = 4;
  double exact = 0;
  if (read_number(query, "seconds", kLeastBack, kMostBack, seconds) == Parameter::Unreadable)
    return "seconds must be above 0, at most 3600";
  if (read_number(query, "n", 1, kMostViews, n) == Parameter::Unreadable || n != static_cast<int>(n))
    return "n must be a whole number of images from 1 to 16";
  if (read_number(query, "exact", 0, 1, exact) == Parameter::Unreadable || (exact != 0 && exact != 1))
    return "exact must be 0 for keyframes or 1 for each moment";
  const int count = static_cast<int>(n);
  for (int k = count - 1; k >= 0; --k) wish.ages.push_back(seconds * k / count);
  wish.exact = exact == 1;
  wish.words = core::count_text(static_cast<std::uint64_t>(count), "image") + " of the last " +
               core::seconds_text(seconds);
  return {};
}

struct Times {
  double age = 0;   // seconds
  double unix = 0;  // Unix time of the capture, on this machine's clock
};

Times find_times(const freshframe::Snapshot& snapshot, const freshframe::Clock& clock) {
  const auto now = clock.now();
  const auto captured = std::min(snapshot.stamp.captured, now);
  return {.age = Seconds(now - captured).count(), .unix = clock.unix_time(captured)};
}

std::string format_headers(const freshframe::Snapshot& snapshot, const media::LookSources& sources,
                           const freshframe::Clock& clock) {
  const auto times = find_times(snapshot, clock);
  const auto source = sources.find_source(snapshot.stamp.source);
  // Node names may contain any characters, headers only ASCII.
  std::string out = "X-Source: " + core::percent_encoded(source.camera, ".");
  out += "\r\nX-Seq: " + std::to_string(snapshot.stamp.seq) + "\r\nX-Timestamp: " + fixed_text(times.unix);
  out += "\r\nX-Age: " + fixed_text(times.age) + "\r\nX-Frozen-For: " + fixed_text(source.frozen_for);
  out += "\r\nX-Gap: " + fixed_text(snapshot.gap);
  const auto& utc = snapshot.stamp.utc;
  if (utc.from != UtcFrom::None) {
    out += "\r\nX-Utc: " + fixed_text(utc.seconds) + "\r\nX-Utc-Error: " + fixed_text(utc.error);
    out += "\r\nX-Utc-From: ";
    out += to_string(utc.from);
  }
  return out + "\r\n";
}

void write_picture(JsonWriter& json, const LookPicture& picture, const media::LookSources& sources,
                   const freshframe::Clock& clock) {
  const auto& [snapshot, jpeg] = picture;
  const auto times = find_times(snapshot, clock);
  const auto source = sources.find_source(snapshot.stamp.source);
  const auto& utc = snapshot.stamp.utc;
  const bool known = utc.from != UtcFrom::None;
  json.begin_object()
      .member("source", std::string_view(source.camera))
      .member("seq", snapshot.stamp.seq)
      .member("time", times.unix)
      .member("age", times.age)
      .member("utc", known ? std::optional(utc.seconds) : std::nullopt)
      .member("utc_error", known ? std::optional(double{utc.error}) : std::nullopt)
      .member("utc_from", to_string(utc.from))
      .member("damaged", snapshot.stamp.damaged)
      .member("frozen_for", source.frozen_for)
      .member("gap", snapshot.gap)
      .member("width", jpeg.width)
      .member("height", jpeg.height)
      .member("jpeg", std::string_view(media::base64(jpeg.bytes)))
      .end_object();
}

}  // namespace

std::optional<LookWish> look_wish(std::string_view path) {
  constexpr std::string_view kJpeg = ".jpg";
  constexpr std::string_view kJson = ".json";
  if (!path.starts_with(kLookPrefix)) return std::nullopt;
  path.remove_prefix(kLookPrefix.size());
  LookWish wish{.json = path.ends_with(kJson)};
  if (!wish.json && !path.ends_with(kJpeg)) return std::nullopt;
  path.remove_suffix(wish.json ? kJson.size() : kJpeg.size());
  auto name = strictly_decoded(path, false);
  if (!name) return std::nullopt;
  wish.name = *std::move(name);
  return wish;
}

std::string read_look(std::string_view query, LookWish& wish) {
  const bool one = !wish.json || has_parameter(query, "ago");
  if (one && (has_parameter(query, "seconds") || has_parameter(query, "n")))
    return "seconds and n need NAME.json, and cannot be combined with ago";
  auto fault = one ? find_query_fault(query, {"ago", "max_side"})
                   : find_query_fault(query, {"seconds", "n", "exact", "max_side"});
  if (!fault.empty()) return fault;
  double side = wish.max_side;
  if (read_number(query, "max_side", 16, kMostSide, side) == Parameter::Unreadable)
    return "max_side must be a number of pixels from 16 to 2048";
  wish.max_side = static_cast<int>(side);
  return one ? read_moment(query, wish) : read_span(query, wish);
}

void LookPictures::add(freshframe::Snapshot snapshot) {
  const auto& frame = snapshot.frame;
  auto jpeg = encoder_.encode_within(frame, max_side_, kLookQuality);
  snapshot.frame = {};
  all_.push_back({std::move(snapshot), std::move(jpeg)});
}

Reply look_reply(const LookWish& wish, const std::vector<LookPicture>& pictures,
                 const media::LookSources& sources, const freshframe::Clock& clock) {
  if (!wish.json) {
    const auto& [snapshot, jpeg] = pictures.back();
    return {.type = "image/jpeg", .body = jpeg.bytes, .headers = format_headers(snapshot, sources, clock)};
  }
  const auto source = sources.find_source(pictures.back().snapshot.stamp.source);
  JsonWriter json;
  json.begin_object()
      .member("look", std::string_view(wish.name))
      .member("source", std::string_view(source.camera))
      .member("state", std::string_view(source.state))
      .key("pictures")
      .begin_array();
  for (const auto& picture : pictures) write_picture(json, picture, sources, clock);
  json.end_array().end_object();
  return {.type = "application/json", .body = std::move(json).take()};
}

Reply no_snapshot(const LookWish& wish, const media::LookSource& source) {
  std::string text = "the look '" + core::to_utf8(wish.name) + "' does not have " + wish.words;
  if (!source.state.empty()) text += "; its source is " + source.state;
  if (!source.last_error.empty()) text += ", its last error: " + core::to_utf8(source.last_error);
  return plain(503, std::move(text));
}

}  // namespace freshframe::serve
