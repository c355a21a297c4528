// Parses HLS playlists, for timestamps and the newest segment.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/playlist.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <utility>

#include "core/ascii.hpp"
#include "media/ffmpeg/log.hpp"

namespace freshframe::media {

namespace {

constexpr std::string_view kDuration = "#EXTINF:";
constexpr std::string_view kOver = "#EXT-X-ENDLIST";
constexpr std::string_view kFirstNumber = "#EXT-X-MEDIA-SEQUENCE:";
constexpr std::int64_t kMostNumber = std::int64_t{1} << 53;  // largest segment number

/// Consumes digits and signs from the start of a string.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  /// Reads a number of exactly `digits` digits. Returns nullopt if there is none; all further reads then fail
  /// as well.
  std::optional<int> number(std::size_t digits) {
    if (text_.size() < digits || !core::all_digits(text_.substr(0, digits))) {
      text_ = {};
      return std::nullopt;
    }
    const int value = std::stoi(std::string(text_.substr(0, digits)));
    text_.remove_prefix(digits);
    return value;
  }
  bool take(char wanted) {
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// Reads the digits after the decimal point.
  double fraction() {
    double value = 0;
    double place = 0.1;
    for (; !text_.empty() && core::is_digit(text_.front()); text_.remove_prefix(1), place /= 10) {
      value += place * (text_.front() - '0');
    }
    return value;
  }
  [[nodiscard]] bool at_end() const { return text_.empty(); }

 private:
  std::string_view text_;
};

/// Returns the UTC offset in seconds.
std::optional<int> zone(Reader& reader) {
  if (reader.take('Z')) return 0;
  const bool ahead = reader.take('+');
  if (!ahead && !reader.take('-')) return std::nullopt;
  const auto hours = reader.number(2);
  static_cast<void>(reader.take(':'));
  const auto minutes = reader.at_end() ? 0 : reader.number(2);
  if (!hours || !minutes) return std::nullopt;
  return (ahead ? 60 : -60) * (*hours * 60 + *minutes);
}

/// Removes and returns the first line, without its end. Splits like FFmpeg: at LF, CR LF or CR, ignoring
/// white space before it.
std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find_first_of("\r\n"), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(end);
  text.remove_prefix(text.starts_with("\r\n") ? 2 : std::min<std::size_t>(1, text.size()));
  return line.substr(0, line.find_last_not_of(" \t\v\f") + 1);
}

/// Returns the duration in seconds of "4.004,title", or 0 if there is no number.
double duration(std::string_view text) {
  double whole = 0;
  for (; !text.empty() && core::is_digit(text.front()); text.remove_prefix(1))
    whole = 10 * whole + (text.front() - '0');
  Reader reader(text);
  constexpr double kMost = 86'400;  // no segment is longer than a day
  return std::min(kMost, reader.take('.') ? whole + reader.fraction() : whole);
}

/// Returns an attribute of a list such as `METHOD=AES-128,URI="a,b"` without quotes, or an empty string.
std::string_view attribute(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const auto equals = std::min(list.find('='), list.size());
    const auto key = core::trimmed(list.substr(0, equals));
    list.remove_prefix(std::min(equals + 1, list.size()));
    const bool quoted = list.starts_with('"');
    if (quoted) list.remove_prefix(1);
    const auto end = std::min(list.find(quoted ? '"' : ','), list.size());
    if (key == name) return list.substr(0, end);
    list.remove_prefix(std::min(list.find(',', end), list.size()));
    if (!list.empty()) list.remove_prefix(1);
  }
  return {};
}

/// Returns the encryption method if FFmpeg cannot decrypt it; empty for NONE and for AES-128 of whole
/// segments (RFC 8216, 4.3.2.4).
std::string odd_encryption(std::string_view key) {
  const auto method = attribute(key, "METHOD");
  if (method == "NONE") return {};
  if (method.empty()) return "a key without a METHOD";
  const auto format = attribute(key, "KEYFORMAT");
  if (method != "AES-128") return std::string(method);
  return format.empty() || format == "identity" ? std::string()
                                                : "AES-128 with KEYFORMAT=" + std::string(format);
}

void note_encryption(Playlist& playlist, const std::string& encryption) {
  if (playlist.encryption.empty()) playlist.encryption = encryption;
}

/// Records the key, and returns odd_encryption() of it.
std::string add_key(Playlist& playlist, std::string_view key) {
  if (attribute(key, "METHOD") == "AES-128" && attribute(key, "IV").empty())
    playlist.decrypts_by_number = true;
  return odd_encryption(key);
}

/// "LENGTH" or "LENGTH@START" (RFC 8216, 4.3.2.2), whose end fits into FFmpeg's offsets.
bool is_byte_range(std::string_view text) {
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  const auto at = text.find('@');
  const auto is_number = [](std::string_view number) {
    number = core::trimmed(number);
    return !number.empty() && core::all_digits(number) && core::number_at(number, kMost);
  };
  return is_number(text.substr(0, at)) && (at == std::string_view::npos || is_number(text.substr(at + 1)));
}

void note_byte_range(Playlist& playlist, std::string_view text) {
  if (!is_byte_range(text) && playlist.odd_range.empty()) playlist.odd_range = text.empty() ? " " : text;
}

std::string_view without_dots(std::string_view uri) {
  while (uri.starts_with("./") || uri.starts_with("../")) uri.remove_prefix(uri.find('/') + 1);
  return uri;
}

void add_map(Playlist& playlist, std::string_view map) {
  if (const auto range = attribute(map, "BYTERANGE"); !range.empty()) note_byte_range(playlist, range);
  const auto uri = attribute(map, "URI");
  if (!uri.empty() && (playlist.maps.empty() || playlist.maps.back() != uri)) playlist.maps.emplace_back(uri);
}

/// Returns false for segments that are byte ranges of the same resource, since these share a URI.
bool is_only_one(const Playlist& playlist, const std::string& uri) {
  return std::ranges::count(playlist.segments, uri, &Playlist::Segment::uri) == 1;
}

}  // namespace

bool has_uri(std::string_view url, std::string_view uri) {
  uri = without_dots(uri);
  if (uri.empty() || !url.ends_with(uri)) return false;
  return url.size() == uri.size() || uri.front() == '/' || url[url.size() - uri.size() - 1] == '/';
}

bool is_beside(std::string_view url, std::string_view playlist, std::string_view uri) {
  auto folder = playlist.substr(0, playlist.find_first_of("?#"));
  folder = folder.substr(0, folder.rfind('/') + 1);
  while (uri.starts_with("./")) uri.remove_prefix(2);
  return url.size() == folder.size() + uri.size() && url.starts_with(folder) && url.ends_with(uri);
}

std::string find_fault(const Playlist& playlist) {
  if (!playlist.encryption.empty())
    return "its samples are encrypted (" + shown_words(playlist.encryption) +
           "), which freshframe cannot decrypt; it decrypts AES-128 with a key from a URL";
  if (playlist.odd_range.empty()) return {};
  return "its playlist has the byte range '" + shown_words(playlist.odd_range) +
         "' (EXT-X-BYTERANGE), which must be LENGTH or LENGTH@START in bytes; correct it in the packager";
}

std::optional<double> parse_date_time(std::string_view text) {
  Reader reader(text);
  const auto year = reader.number(4);
  static_cast<void>(reader.take('-'));
  const auto month = reader.number(2);
  static_cast<void>(reader.take('-'));
  const auto day = reader.number(2);
  if (!reader.take('T') && !reader.take('t')) return std::nullopt;
  const auto hour = reader.number(2);
  static_cast<void>(reader.take(':'));
  const auto minute = reader.number(2);
  static_cast<void>(reader.take(':'));
  const auto second = reader.number(2);
  const double fraction = reader.take('.') ? reader.fraction() : 0;
  const auto ahead = zone(reader);
  if (!year || !month || !day || !hour || !minute || !second || !ahead || !reader.at_end()) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const double days = static_cast<double>(std::chrono::sys_days(date).time_since_epoch().count());
  return ((days * 24 + *hour) * 60 + *minute) * 60 + *second + fraction - *ahead;
}

Playlist parse_playlist(std::string_view text) {
  constexpr std::string_view kMaster = "#EXT-X-STREAM-INF";
  constexpr std::string_view kTime = "#EXT-X-PROGRAM-DATE-TIME:";
  constexpr std::string_view kDiscontinuity = "#EXT-X-DISCONTINUITY";
  constexpr std::string_view kMap = "#EXT-X-MAP:";
  constexpr std::string_view kRange = "#EXT-X-BYTERANGE:";
  constexpr std::string_view kKey = "#EXT-X-KEY:";
  constexpr std::string_view kSessionKey = "#EXT-X-SESSION-KEY:";
  Playlist playlist;
  playlist.is_playlist = text.starts_with("#EXTM3U");
  std::optional<double> time;  // start of the next segment
  double seconds = 0;          // total duration of the segments
  bool announced = false;      // EXTINF was seen; like FFmpeg, ignore URIs without it
  std::string encryption;      // of the next segment; of several keys the last one applies
  while (!text.empty()) {
    const auto line = take_line(text);
    if (line.starts_with(kMaster)) {
      playlist.is_master = true;
    } else if (line.starts_with(kTime)) {
      time = parse_date_time(line.substr(kTime.size()));
    } else if (line.starts_with(kDuration)) {
      seconds = duration(line.substr(kDuration.size()));
      announced = true;
    } else if (line.starts_with(kFirstNumber)) {
      playlist.first = core::number_at(line.substr(kFirstNumber.size()), kMostNumber).value_or(0);
    } else if (line == kOver) {
      playlist.is_over = true;
    } else if (line == kDiscontinuity) {
      time.reset();
    } else if (line.starts_with(kMap)) {
      add_map(playlist, line.substr(kMap.size()));
    } else if (line.starts_with(kRange)) {
      note_byte_range(playlist, line.substr(kRange.size()));
    } else if (line.starts_with(kKey)) {
      encryption = add_key(playlist, line.substr(kKey.size()));
    } else if (line.starts_with(kSessionKey)) {
      note_encryption(playlist, odd_encryption(line.substr(kSessionKey.size())));
    } else if (!line.empty() && line.front() != '#' && std::exchange(announced, false)) {
      playlist.segments.push_back({std::string(line), time});
      note_encryption(playlist, encryption);
      playlist.seconds = seconds;
      if (time) *time += seconds;
    }
  }
  note_encryption(playlist, encryption);  // more segments may follow
  if (playlist.is_master) playlist.segments.clear();
  return playlist;
}

std::string with_last_duration(std::string_view text, std::string_view seconds) {
  std::optional<std::size_t> found;
  for (auto rest = text; !rest.empty();) {
    const auto place = text.size() - rest.size();
    if (take_line(rest).starts_with(kDuration)) found = place;
  }
  if (!found) return std::string(text);
  const auto begin = *found + kDuration.size();
  const auto end = std::min(text.find_first_of(",\r\n", begin), text.size());
  return std::string(text.substr(0, begin)).append(seconds).append(text.substr(end));
}

std::string without_end(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto* const begin = text.data();
    if (take_line(text) != kOver) result.append(begin, static_cast<std::size_t>(text.data() - begin));
  }
  return result;
}

std::string with_first_number(std::string_view text, std::int64_t number) {
  std::string result;
  bool is_first = true;
  while (!text.empty()) {
    const auto* const begin = text.data();
    if (!take_line(text).starts_with(kFirstNumber))
      result.append(begin, static_cast<std::size_t>(text.data() - begin));
    if (std::exchange(is_first, false))
      result.append(kFirstNumber).append(std::to_string(number)).append("\n");
  }
  return result;
}

namespace {

/// Returns true if the playlists overlap and list the same segments there. Query parameters such as tokens
/// may differ.
bool have_the_same(const Playlist& one, const Playlist& other) {
  const auto begin = std::max(one.first, other.first);
  const auto end = std::min(one.newest(), other.newest());
  for (auto number = begin; number <= end; ++number) {
    const auto& first = one.segments[static_cast<std::size_t>(number - one.first)];
    const auto& second = other.segments[static_cast<std::size_t>(number - other.first)];
    const auto path = [](std::string_view uri) { return uri.substr(0, uri.find('?')); };
    if (path(first.uri) != path(second.uri) || first.time != second.time) return false;
  }
  return begin <= end;
}

}  // namespace

Numbering compare_numbering(const Playlist& next, const Playlist& last) {
  constexpr std::int64_t kMostStale = 2;  // segments
  const auto back = last.newest() - next.newest();
  if (next.segments.empty() || last.segments.empty() || (back <= 0 && next.first >= last.first))
    return Numbering::Onward;
  if (!have_the_same(next, last) || back > kMostStale) return Numbering::Again;
  return back <= 0 || next.is_over ? Numbering::Onward : Numbering::Stale;
}

std::optional<double> find_any_time(const Playlist& playlist, const std::vector<std::string>& urls) {
  for (const auto& url : urls) {
    for (const auto& segment : playlist.segments) {
      if (!segment.time || !has_uri(url, segment.uri)) continue;
      if (is_only_one(playlist, segment.uri)) return segment.time;
      break;  // avoids comparing thousands of byte ranges with each other
    }
  }
  return std::nullopt;
}

// Computes when a frame of a playlist was captured, by the server's clock.

namespace {

constexpr double kLongestStep = 10;  // seconds between two packets, unless the timestamps restart

}  // namespace

std::optional<double> ProgramTime::at(double time) noexcept {
  if (first_) {
    offset_ = *std::exchange(first_, std::nullopt) - time;
  } else if (offset_ && std::abs(time - last_) > kLongestStep) {
    offset_.reset();  // a discontinuity
  }
  last_ = time;
  return offset_ ? std::optional(*offset_ + time) : std::nullopt;
}

}  // namespace freshframe::media
