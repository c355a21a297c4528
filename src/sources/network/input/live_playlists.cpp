// Fetches live playlists for FFmpeg's demuxer, and returns one again only when it has changed.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/input/live_playlists.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <functional>
#include <new>
#include <utility>

#include "media/ffmpeg/log.hpp"
#include "sources/network/filter/header_filter.hpp"

namespace freshframe::media {

// Schedules playlist requests so that a new segment is found soon after it appears.

namespace {

constexpr double kShortestSegment = 0.2;  // seconds; only single segments are shorter
constexpr double kLongestSegment = 30;
constexpr double kFirstSteps = 8;  // requests per segment, at first
constexpr double kFinest = 0.05;   // seconds between two requests
constexpr double kFineShare = 1.0 / 40;
constexpr double kShortSpan = 2;     // a span of this many finest steps is short enough
constexpr double kSpanGrowth = 0.5;  // growth of the span per segment, as a share of the finest step

double finest(double segment) {
  return std::max(kFinest, segment * kFineShare);
}

TimePoint add_seconds(TimePoint time, double seconds) {
  return time + to_duration(Seconds(seconds));
}

}  // namespace

bool ReloadSchedule::note(const Answer& answer) {
  if (answer.seconds > 0) segment_ = std::clamp(answer.seconds, kShortestSegment, kLongestSegment);
  const auto count = newest_ ? answer.newest - *newest_ : -1;
  if (count < 0) {
    begin_schedule(answer);
  } else if (count == 0) {
    miss(answer);
    return false;
  } else {
    hit(answer, count);
  }
  newest_ = answer.newest;
  return true;
}

void ReloadSchedule::note_failure(TimePoint now) {
  next_ = add_seconds(now, (segment_ > 0 ? segment_ : 1) / 2);
}

void ReloadSchedule::begin_schedule(const Answer& answer) {
  if (segment_ <= 0) segment_ = 1;
  found_ = false;
  before_.reset();
  lower_ = answer.asked;
  upper_ = add_seconds(answer.answered, segment_);
  wait_ = segment_ / kFirstSteps;
  next_ = add_seconds(answer.asked, wait_);
}

void ReloadSchedule::miss(const Answer& answer) {
  const bool late = upper_ <= answer.asked;
  if (late && !before_) before_ = lower_;
  lower_ = std::max(lower_, answer.asked);
  next_ = add_seconds(answer.answered, wait_);
  if (late) {
    upper_ = next_;
    wait_ = std::min(2 * wait_, segment_ / 2);
  } else {
    if (found_) next_ = std::max(next_, upper_);
    upper_ = std::max(upper_, next_);
  }
}

/// If several segments appeared at the same time, the newest one's time is derived from the first one's.
void ReloadSchedule::hit(const Answer& answer, std::int64_t count) {
  const double others = segment_ * static_cast<double>(count - 1);
  found_ = true;
  upper_ = std::min(answer.answered, add_seconds(upper_, others));
  lower_ = std::min(add_seconds(std::exchange(before_, std::nullopt).value_or(lower_), others), upper_);
  const double fine = finest(segment_);
  lower_ = add_seconds(lower_, segment_ - kSpanGrowth * fine);
  upper_ = add_seconds(upper_, segment_);
  wait_ = fine;
  const double span = Seconds(upper_ - lower_).count();
  next_ = span > kShortSpan * fine ? add_seconds(lower_, span / 2) : upper_;
  next_ = std::max(next_, add_seconds(answer.answered, fine));
}

namespace {

constexpr std::string_view kShortLength = "0.01";  // seconds; FFmpeg logs a warning for 0

bool is_growing(const Playlist& playlist) {
  return !playlist.is_master && !playlist.is_over && !playlist.segments.empty();
}

/// Returns the playlist. FFmpeg ends a line at a zero byte, and would take the rest of a title for a segment.
std::optional<std::string> take_playlist(AVIOContext& io, bool whole) {
  auto text = take_text(io, whole);
  if (text) std::ranges::replace(*text, '\0', ' ');
  return text;
}

/// Returns true for an MP4 init section: parameter boxes without images. The bytes can be read again.
bool begins_with_parameters(AVIOContext& io) {
  constexpr std::size_t kHead = 8;  // a box's size and name, 4 bytes each
  const auto begin = avio_tell(&io);
  std::array<unsigned char, kHead> head{};
  const int size = avio_read(&io, head.data(), static_cast<int>(head.size()));
  if (avio_seek(&io, begin, SEEK_SET) < 0 || size != static_cast<int>(head.size())) return false;
  const std::string_view name(reinterpret_cast<const char*>(head.data()) + kHead / 2, kHead / 2);
  return name == "ftyp" || name == "moov";
}

ReloadSchedule::Answer make_answer(const Playlist& playlist, TimePoint asked) {
  return {.asked = asked,
          .answered = std::chrono::steady_clock::now(),
          .newest = playlist.newest(),
          .seconds = playlist.seconds};
}

}  // namespace

int LivePlaylists::add(const std::string& url, AVIOContext& io, TimePoint asked, bool waits) {
  if (!begins_with(io, "#EXTM3U")) return 0;
  auto text = take_playlist(io, false);
  if (!text) return AVERROR_INVALIDDATA;
  auto playlist = parse_playlist(*text);
  masters_ += playlist.is_master ? 1 : 0;
  if (name_themselves()) {
    interrupt_.abandon();
    return AVERROR_EXIT;
  }
  if (playlist.is_over && !playlist.segments.empty() && grows_) {
    text = without_end(*text);
    playlist.is_over = false;
    are_over_ = true;
  }
  const bool grows = is_growing(playlist);
  if (grows) grows_ = true;
  const bool known = waits && grows && known_.size() < kMost;
  put_text(io, known ? with_last_duration(*text, kShortLength) : *text);
  if (known) {
    static_cast<void>(note(known_[url], playlist, asked));
    known_[url].last = playlist;
  }
  if (!playlist.maps.empty() && maps_.size() < kMost) maps_[url] = playlist.maps;
  if (note_fault(playlist)) return AVERROR_EXIT;
  if (!first_ && !playlist.segments.empty()) first_ = std::move(playlist);
  return 0;
}

/// Returns true if FFmpeg would read bytes other than those that the playlist specifies, which ends the
/// connection.
bool LivePlaylists::note_fault(const Playlist& playlist) {
  auto fault = find_fault(playlist);
  if (fault.empty()) return false;
  if (!is_faulty_) fault_ = std::move(fault);
  is_faulty_ = true;
  interrupt_.end_call();  // otherwise FFmpeg would fetch the playlist endlessly
  return true;
}

bool LivePlaylists::note(Known& known, const Playlist& playlist, TimePoint asked) {
  const bool changed = known.schedule.note(make_answer(playlist, asked));
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
  for (auto& [playlist, known] : known_) known.is_read = known.is_read || has_uri(url, known.newest);
}

/// Fetches the playlist with `open`. Returns it, or nullopt if the request failed.
std::optional<std::string> LivePlaylists::ask(const Open& open, IoPtr& opened) {
  AVIOContext* io = nullptr;
  const int result = open(io);
  opened.reset(io);
  auto text = result < 0 ? std::nullopt : take_playlist(*opened, true);
  trouble_ = text ? 0 : (result < 0 ? result : AVERROR_INVALIDDATA);
  return text;
}

/// Returns true if an answer is older than the last one. If it stays older, the server has restarted its
/// numbering.
bool LivePlaylists::note_staleness(Known& known, const Playlist& playlist, TimePoint now) {
  constexpr double kLongest = 3;  // segments
  if (!known.is_read || compare_numbering(playlist, known.last) != Numbering::Stale) {
    known.stale.reset();
    return false;
  }
  if (!known.stale) known.stale = now;
  return now < add_seconds(*known.stale,
                           kLongest * std::clamp(playlist.seconds, kShortestSegment, kLongestSegment));
}

/// Continues the numbering when a playlist restarts. Returns false if that is impossible.
bool LivePlaylists::number_on(Known& known, Playlist& playlist, std::string& text) {
  const auto numbering = compare_numbering(playlist, known.last);
  if (numbering == Numbering::Again || (numbering == Numbering::Stale && known.is_read)) {
    begin_again_ = !known.is_read || playlist.decrypts_by_number;
    if (begin_again_) return false;
    known.ahead += known.last.newest() + 1 - playlist.first;
  }
  if (numbering != Numbering::Stale || known.is_read) known.last = playlist;
  playlist.first += known.ahead;
  if (known.ahead != 0) text = with_first_number(text, playlist.first);
  return true;
}

int LivePlaylists::reload(const std::string& url, const Open& open, AVIOContext*& io) {
  auto& known = known_.at(url);
  for (;;) {
    if ((known.is_read || known.has_failed) && !interrupt_.wait_until(known.schedule.next()))
      return AVERROR_EXIT;
    const auto asked = std::chrono::steady_clock::now();
    IoPtr opened;
    auto text = ask(open, opened);
    if (interrupt_.has_ended()) return AVERROR_EXIT;
    auto playlist = text ? parse_playlist(*text) : Playlist();
    known.has_failed = !playlist.is_playlist || (playlist.segments.empty() && !playlist.is_over);
    if (known.has_failed) {
      if (text) trouble_ = AVERROR_INVALIDDATA;
      known.schedule.note_failure(std::chrono::steady_clock::now());
      continue;
    }
    if (note_staleness(known, playlist, asked)) {
      known.schedule.note_failure(std::chrono::steady_clock::now());
      continue;
    }
    if (!number_on(known, playlist, *text)) return AVERROR_EXIT;
    if (note_fault(playlist)) return AVERROR_EXIT;
    const bool growing = is_growing(playlist);
    const bool was_read = known.is_read;
    if (growing && !note(known, playlist, asked) && was_read) continue;
    are_over_ = playlist.is_over;
    if (!playlist.maps.empty()) maps_[url] = playlist.maps;
    put_text(*opened, growing ? with_last_duration(*text, kShortLength) : *text);
    io = opened.release();
    return 0;
  }
}

bool LivePlaylists::is_map(const std::string& url) const {
  return std::ranges::any_of(maps_, [&](const auto& of_playlist) {
    return std::ranges::any_of(of_playlist.second, [&](const std::string& uri) { return has_uri(url, uri); });
  });
}

int LivePlaylists::check_map(const std::string& url, AVIOContext& io, bool first) {
  // A media segment may be a byte range of the same file.
  if (!is_map(url) || !begins_with_parameters(io)) return 0;
  const auto begin = avio_tell(&io);
  const auto bytes = take_text(io, true);
  if (!bytes) return AVERROR_INVALIDDATA;
  put_text(io, *bytes, begin);
  const auto mark = std::hash<std::string>{}(without_times(*bytes));
  if (first) known_maps_.insert(mark);
  if (known_maps_.contains(mark)) return 0;
  has_other_map_ = true;
  return AVERROR_EXIT;
}

namespace {

/// Reads packet by packet until the tables are found, since a segment may arrive slowly. All can be read
/// again.
std::optional<TsVideo> find_segment_video(AVIOContext& io) {
  const auto begin = avio_tell(&io);
  std::string head;
  std::optional<TsVideo> video;
  for (bool is_ts = true; is_ts && !video && head.size() < kTsHead;) {
    std::array<unsigned char, kTsPacketSize> packet{};
    const int size = avio_read(&io, packet.data(), static_cast<int>(packet.size()));
    if (size > 0) head.append(reinterpret_cast<const char*>(packet.data()), static_cast<std::size_t>(size));
    is_ts = size == static_cast<int>(packet.size()) && packet[0] == kTsSync;
    if (is_ts) video = video_in_tables({reinterpret_cast<const std::uint8_t*>(head.data()), head.size()});
  }
  head.append(io.buf_ptr, io.buf_end);
  put_text(io, head, begin);  // a seek would only find the newest data
  return video;
}

}  // namespace

int LivePlaylists::check_video(AVIOContext& io, bool first, std::optional<TsVideo>& video) {
  constexpr char kSync{kTsSync};
  if (!begins_with(io, {&kSync, 1})) return 0;  // not a transport stream, but an MP4, a playlist, or a key
  video = find_segment_video(io);
  if (!video) return 0;
  if (first || known_videos_.empty()) known_videos_.insert(*video);
  if (known_videos_.contains(*video)) return 0;
  has_other_video_ = true;
  interrupt_.end_call();  // otherwise FFmpeg would only skip this segment
  return AVERROR_EXIT;
}

std::optional<double> LivePlaylists::find_time(const std::vector<std::string>& urls) const {
  return first_ ? find_any_time(*first_, urls) : std::nullopt;
}

}  // namespace freshframe::media
