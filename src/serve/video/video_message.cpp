// Message heads as bytes. Requests as JSON, strictly validated.
// SPDX-License-Identifier: Apache-2.0
#include "serve/video/video_message.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "serve/state/strict_json.hpp"

namespace freshframe::serve {
namespace {

using VideoJson = nlohmann::json;

constexpr std::size_t kMaxId = UINT16_MAX;
constexpr double kMostElapsed = UINT32_MAX;  // microseconds

template <class T>
void append_little_endian(std::string& out, T number) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(number >> 8U * i & 255U);
}

bool read_whole(const VideoJson& number, std::int64_t least, std::int64_t most, std::int64_t& result) {
  if (!number.is_number_integer() || number < least || number > most) return false;
  result = number.get<std::int64_t>();
  return true;
}

bool read_token(const VideoJson& message, VideoRequest& request) {
  const auto& token = message["token"];
  if (message.size() != 1 || !token.is_string()) return false;
  request.kind = VideoRequest::Kind::Token;
  request.token = token.get<std::string>();
  return true;
}

bool read_wish(const VideoJson& item, WatchWish& wish) {
  constexpr int kLeastWidth = 64;
  constexpr int kMostWidth = 1920;
  if (!item.is_object() || !has_only(item, {"id", "port", "mode", "width"})) return false;
  const auto port = item.find("port");
  std::int64_t id = 0;
  std::int64_t width = wish.width;
  if (!read_whole(item.value("id", VideoJson()), 0, kMaxId, id)) return false;
  if (port == item.end() || !port->is_string()) return false;
  if (item.contains("width") && !read_whole(item["width"], kLeastWidth, kMostWidth, width)) return false;
  const auto mode = item.value("mode", VideoJson("auto"));
  if (mode != "auto" && mode != "video" && mode != "jpeg") return false;
  wish = {.id = static_cast<std::uint16_t>(id),
          .port = port->get<std::string>(),
          .mode = mode == "auto"    ? WatchWish::Mode::Auto
                  : mode == "video" ? WatchWish::Mode::Video
                                    : WatchWish::Mode::Jpeg,
          .width = static_cast<int>(width)};
  return true;
}

bool read_watch(const VideoJson& message, VideoRequest& request) {
  const auto& views = message["watch"];
  if (message.size() != 1 || !views.is_array() || views.size() > kMaxWatched) return false;
  request.kind = VideoRequest::Kind::Watch;
  for (const auto& item : views) {
    WatchWish wish;
    if (!read_wish(item, wish)) return false;
    if (std::ranges::find(request.watch, wish.id, &WatchWish::id) != request.watch.end()) return false;
    request.watch.push_back(std::move(wish));
  }
  return true;
}

bool read_video_ack(const VideoJson& message, VideoRequest& request) {
  const auto& acks = message["ack"];
  if (!has_only(message, {"ack", "time"}) || !acks.is_object() || acks.size() > kMaxWatched) return false;
  request.kind = VideoRequest::Kind::Ack;
  for (const auto& item : acks.items()) {
    const auto& key = item.key();
    std::uint16_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    const bool is_id = error == std::errc() && end == key.data() + key.size() && std::to_string(id) == key;
    if (!is_id || !item.value().is_number()) return false;
    request.acks[id] = item.value().get<double>();
  }
  const auto time = message.find("time");
  if (time == message.end()) return true;
  if (!time->is_number()) return false;
  request.time = time->get<double>();
  return std::isfinite(*request.time);
}

}  // namespace

std::string format_video_head(const VideoMessage& message, std::uint16_t view, std::uint64_t left_out,
                              unsigned flags) {
  std::string head;
  head += static_cast<char>(message.kind);
  head += static_cast<char>(message.flags | flags);
  append_little_endian(head, view);
  append_little_endian(head, static_cast<std::uint32_t>(std::min<std::uint64_t>(left_out, UINT32_MAX)));
  append_little_endian(head, static_cast<std::uint32_t>(message.sample_size));
  append_little_endian(head, static_cast<std::uint32_t>(std::clamp(message.elapsed * 1e6, 0., kMostElapsed)));
  append_little_endian(head, std::bit_cast<std::uint64_t>(message.pts));
  append_little_endian(head, std::bit_cast<std::uint64_t>(message.captured));
  return head;
}

std::optional<VideoRequest> parse_video_request(std::string_view text) {
  if (text.size() > kMaxVideoRequest) return std::nullopt;
  const auto message = strict_json(text);
  if (!message.is_object()) return std::nullopt;
  VideoRequest request;
  const bool good = message.contains("token")   ? read_token(message, request)
                    : message.contains("watch") ? read_watch(message, request)
                    : message.contains("ack")   ? read_video_ack(message, request)
                                                : false;
  return good ? std::optional(std::move(request)) : std::nullopt;
}

}  // namespace freshframe::serve
