// The playlists of a live stream on their way to FFmpeg's demuxer, which gets one again when it has changed.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/playlist/live_playlists.hpp"

#include <chrono>
#include <utility>

#include "media/network/playlist/text_io.hpp"

namespace freshframe::media {
namespace {

constexpr std::string_view kShortLength = "0.01";  // seconds; FFmpeg complains of 0

bool is_growing(const Playlist& playlist) {
  return !playlist.is_master && !playlist.is_over && !playlist.segments.empty();
}

ReloadSchedule::Answer answer_of(const Playlist& playlist, TimePoint asked) {
  return {.asked = asked,
          .answered = std::chrono::steady_clock::now(),
          .newest = playlist.newest(),
          .seconds = playlist.seconds};
}

}  // namespace

int LivePlaylists::add(const std::string& url, AVIOContext& io, TimePoint asked, bool waits) {
  if (!begins_with(io, "#EXTM3U")) return 0;
  const auto text = take_text(io);
  if (!text) return AVERROR_INVALIDDATA;
  auto playlist = parse_playlist(*text);
  masters_ += playlist.is_master ? 1 : 0;
  if (name_themselves()) {
    interrupt_.abandon();
    return AVERROR_EXIT;
  }
  const bool growing = waits && is_growing(playlist) && known_.size() < kMost;
  put_text(io, growing ? with_last_duration(*text, kShortLength) : *text);
  if (growing) static_cast<void>(note(known_[url], playlist, asked));
  if (!first_ && !playlist.segments.empty()) first_ = std::move(playlist);
  return 0;
}

bool LivePlaylists::note(Known& known, const Playlist& playlist, TimePoint asked) {
  const bool changed = known.schedule.note(answer_of(playlist, asked));
  if (changed) {
    known.newest = playlist.segments.back().uri;
    known.is_read = false;
  }
  return changed;
}

void LivePlaylists::note_opened(const std::string& url) {
  bool found = false;
  for (auto& [playlist, known] : known_) {
    if (!is_beside(url, playlist, known.newest)) continue;
    known.is_read = true;
    found = true;
  }
  if (found) return;
  for (auto& [playlist, known] : known_) known.is_read = known.is_read || is_url_of(url, known.newest);
}

int LivePlaylists::fail(Known& known) const {
  known.schedule.note_failure(std::chrono::steady_clock::now());
  known.has_failed = true;
  return interrupt_.has_ended() ? AVERROR_EXIT : AVERROR_INVALIDDATA;
}

int LivePlaylists::reload(const std::string& url, const Open& open, AVIOContext*& io) {
  auto& known = known_.at(url);
  for (;;) {
    if ((known.is_read || known.has_failed) && !interrupt_.wait_until(known.schedule.next()))
      return AVERROR_EXIT;
    const auto asked = std::chrono::steady_clock::now();
    if (const int result = open(io); result < 0) return result;
    IoPtr opened(std::exchange(io, nullptr));
    const auto text = take_text(*opened);
    if (!text || interrupt_.has_ended()) return fail(known);
    known.has_failed = false;
    const auto playlist = parse_playlist(*text);
    const bool growing = is_growing(playlist);
    const bool was_read = known.is_read;
    if (growing && !note(known, playlist, asked) && was_read) continue;
    put_text(*opened, growing ? with_last_duration(*text, kShortLength) : *text);
    io = opened.release();
    return 0;
  }
}

std::optional<double> LivePlaylists::time_of(const std::vector<std::string>& urls) const {
  return first_ ? time_of_any(*first_, urls) : std::nullopt;
}

}  // namespace freshframe::media
