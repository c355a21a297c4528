// Adds the Content-Length of each JPEG image to a multipart stream whose server omits it.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/filter/multipart_filter.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "core/ascii.hpp"

namespace freshframe::media {

// Finds the end of a JPEG by parsing its segments, because a thumbnail in the metadata has an end marker as
// well.

namespace {

// ITU-T T.81, table B.1.
constexpr std::uint8_t kFirst = 0xFF;  // first byte of each marker, and fill bytes before it
constexpr std::uint8_t kStuffed = 0x00;
constexpr std::uint8_t kTemporary = 0x01;
constexpr std::uint8_t kLastReserved = 0xBF;
constexpr std::uint8_t kSoi = 0xD8;
constexpr std::uint8_t kEoi = 0xD9;
constexpr std::uint8_t kSos = 0xDA;

bool is_restart(std::uint8_t code) {
  return code >= 0xD0 && code <= 0xD7;
}

}  // namespace

std::size_t JpegEnd::add(Bytes bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ != State::Ended && state_ != State::NoJpeg) {
    at += skip_bytes(bytes.subspan(at));
    if (at < bytes.size()) state_ = after(bytes[at++]);
  }
  return at;
}

/// Skips bytes that have no meaning in the current state. Returns their number.
std::size_t JpegEnd::skip_bytes(Bytes bytes) noexcept {
  if (state_ == State::Segment) {
    const auto count = std::min(left_, bytes.size());
    left_ -= count;
    if (left_ == 0) state_ = begins_scan_ ? State::Scan : State::Marker;
    return count;
  }
  if (state_ != State::Scan) return 0;
  const void* found = std::memchr(bytes.data(), kFirst, bytes.size());
  if (found == nullptr) return bytes.size();
  return static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data());
}

JpegEnd::State JpegEnd::after(std::uint8_t byte) noexcept {
  switch (state_) {
    case State::Start:
      return byte == kFirst ? State::Soi : State::NoJpeg;
    case State::Soi:
      return byte == kSoi ? State::Marker : State::NoJpeg;
    case State::Marker:
      return byte == kFirst ? State::Code : State::NoJpeg;
    case State::Code:
      return at_code(byte);
    case State::LengthHigh:
      left_ = std::size_t{byte} << 8U;
      return State::LengthLow;
    case State::LengthLow:
      left_ |= byte;
      if (left_ < 2) return State::NoJpeg;  // the length includes its own two bytes
      left_ -= 2;
      if (left_ > 0) return State::Segment;
      return begins_scan_ ? State::Scan : State::Marker;
    case State::Scan:
    case State::ScanMarker:
      return in_scan(byte);
    default:
      return state_;
  }
}

JpegEnd::State JpegEnd::at_code(std::uint8_t code) noexcept {
  if (code == kFirst) return State::Code;
  if (code == kEoi) return State::Ended;
  if (code == kTemporary || is_restart(code)) return State::Marker;
  if (code <= kLastReserved || code == kSoi) return State::NoJpeg;
  begins_scan_ = code == kSos;
  return State::LengthHigh;
}

JpegEnd::State JpegEnd::in_scan(std::uint8_t byte) noexcept {
  if (state_ == State::Scan) return byte == kFirst ? State::ScanMarker : State::Scan;
  if (byte == kFirst) return State::ScanMarker;
  if (byte == kStuffed || is_restart(byte)) return State::Scan;
  return at_code(byte);
}

namespace {

Bytes view_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

constexpr std::string_view kLength = "content-length:";
constexpr std::string_view kType = "content-type:";
constexpr std::string_view kTypeLine = "Content-Type: image/jpeg\r\n";  // required by FFmpeg's demuxer
constexpr std::string_view kOwnBoundary = "--part";  // used until the server sends a boundary

/// Returns the value of a header of a part, or nullopt if it is missing. `name` must be lower-case.
std::optional<std::string_view> value_in(std::string_view head, std::string_view name) {
  std::optional<std::string_view> value;
  for (; !head.empty(); head.remove_prefix(head.find('\n') + 1)) {
    const auto line = head.substr(0, head.find('\n'));
    if (core::lower_case(line.substr(0, name.size())) == name) value = line.substr(name.size());
  }
  return value;
}

/// Returns true if the line starts a part whose server sends no boundary, or one without dashes.
bool is_header(std::string_view line) {
  return value_in(line, kType) || value_in(line, kLength);
}

/// Returns the head without the given header.
std::string without_header(std::string_view head, std::string_view name) {
  std::string result;
  while (!head.empty()) {
    const auto line = head.substr(0, std::min(head.find('\n'), head.size() - 1) + 1);
    if (!value_in(line, name)) result += line;
    head.remove_prefix(line.size());
  }
  return result;
}

[[noreturn]] void throw_too_large(const std::string& what) {
  throw Error("the server " + what + "; the limit is 16 MiB");
}
static_assert(MultipartFilter::kMostPartBytes == 16U << 20U, "the message names it");

}  // namespace

void MultipartFilter::add(Bytes bytes, TimePoint arrived, FilteredBytes& out) {
  while (!bytes.empty()) {
    std::size_t taken = bytes.size();
    switch (state_) {
      case State::Head:
        taken = add_head(bytes, out);
        break;
      case State::Body:
        taken = add_body(bytes, arrived, out);
        break;
      case State::Picture:
        taken = add_picture(bytes, arrived, out);
        break;
      case State::Through:
        pass(bytes, out);
        break;
    }
    bytes = bytes.subspan(taken);
  }
}

void MultipartFilter::finish(FilteredBytes& out) {
  out.append(view_bytes(head_));
  out.append(view_bytes(line_));
  out.append(picture_);
  head_.clear();
  line_.clear();
  picture_.clear();
  state_ = State::Through;
}

/// Passes on bytes that are not a JPEG. The demuxer looks for the next boundary.
void MultipartFilter::pass(Bytes bytes, FilteredBytes& out) {
  out.append(bytes);
  passed_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto last = boundary_.empty() ? std::string::npos : passed_.rfind(boundary_);
  unended_ = last == std::string::npos ? unended_ + bytes.size() : passed_.size() - last;
  const auto kept = std::min(passed_.size(), boundary_.size());
  passed_.erase(0, passed_.size() - kept);
  if (unended_ > kMostPartBytes) throw_too_large("sends a part without an end");
}

/// Consumes bytes up to the end of a line or, if the parts have no headers, up to the start of an image.
std::size_t MultipartFilter::add_head(Bytes bytes, FilteredBytes& out) {
  const auto end = std::ranges::find(bytes, std::uint8_t{'\n'});
  if (!has_heads_ && head_.empty()) {
    const auto picture = std::find(bytes.begin(), end, kFirst);  // 0xFF does not occur in text
    if (picture != end) {
      begin_bare_picture();
      return static_cast<std::size_t>(picture - bytes.begin());
    }
  }
  const bool whole = end != bytes.end();
  const auto count = static_cast<std::size_t>(end - bytes.begin()) + (whole ? 1 : 0);
  line_.append(reinterpret_cast<const char*>(bytes.data()), count);
  if (whole) {
    end_line(out);
  } else if (head_.size() + line_.size() > kMostOfHead) {
    finish(out);
  }
  return count;
}

void MultipartFilter::begin_bare_picture() {
  line_.clear();
  head_ = std::string(kOwnBoundary).append("\r\n").append(kTypeLine).append("\r\n");
  begin_picture();
}

void MultipartFilter::begin_picture() {
  state_ = State::Picture;
  has_length_ = false;
  length_ = 0;
  begins_ = true;
  ends_part_ = false;
  end_ = JpegEnd();
}

/// Drops lines outside a part's head: FFmpeg's demuxer accepts only a blank line there.
void MultipartFilter::end_line(FilteredBytes& out) {
  const auto line = std::exchange(line_, {});
  const bool blank = core::trimmed(std::string_view(line).substr(0, line.size() - 1)).empty();
  if (head_.empty()) {
    if (blank && std::exchange(ends_part_, false)) out.append(view_bytes(line));
    if (!line.starts_with("--") && !is_header(line)) return;
    if (line.starts_with("--")) {
      boundary_ = core::trimmed(std::string_view(line).substr(0, line.size() - 1));
    } else {
      head_ = boundary_.empty() ? std::string(kOwnBoundary) : boundary_;
      head_ += "\r\n";
    }
  }
  head_ += line;
  if (blank) {
    end_head();
  } else if (head_.size() > kMostOfHead) {
    finish(out);
  }
}

void MultipartFilter::end_head() {
  has_heads_ = true;
  const auto length = value_in(head_, kLength);
  const auto number = length ? core::number_at(*length, std::numeric_limits<long>::max()) : std::nullopt;
  if (!value_in(head_, kType)) head_.insert(head_.find('\n') + 1, kTypeLine);
  begin_picture();
  has_length_ = number.has_value();
  length_ = static_cast<std::size_t>(number.value_or(0));
}

/// The part is not a JPEG, so only its Content-Length shows where it ends.
void MultipartFilter::begin_body(FilteredBytes& out) {
  if (!has_length_) return finish(out);
  if (length_ > kMostPartBytes)
    throw_too_large("announces an image of " + std::to_string(length_) + " bytes");
  out.append(view_bytes(std::exchange(head_, {})));
  left_ = length_;
  state_ = State::Body;
  if (left_ == 0) end_part();
}

void MultipartFilter::end_part() {
  state_ = State::Head;
  ends_part_ = true;
}

std::size_t MultipartFilter::add_body(Bytes bytes, TimePoint arrived, FilteredBytes& out) {
  if (std::exchange(begins_, false)) out.begin_picture(arrived);
  const auto count = std::min(left_, bytes.size());
  out.append(bytes.first(count));
  left_ -= count;
  if (left_ == 0) end_part();
  return count;
}

/// Drops data that is not a JPEG. If an image was cut off, its last bytes may be the start of the next one.
void MultipartFilter::drop_bare_picture(TimePoint arrived) {
  constexpr std::array<std::uint8_t, 2> kStart{kFirst, kSoi};
  const bool begins_again =
      picture_.size() > kStart.size() && std::equal(kStart.rbegin(), kStart.rend(), picture_.rbegin());
  picture_.clear();
  if (!begins_again) {
    head_.clear();
    state_ = State::Head;
    return;
  }
  end_ = JpegEnd();
  picture_.assign(kStart.begin(), kStart.end());
  static_cast<void>(end_.add(picture_));
  arrived_ = arrived;
}

std::size_t MultipartFilter::add_picture(Bytes bytes, TimePoint arrived, FilteredBytes& out) {
  if (has_heads_ && picture_.empty() && bytes.front() != kFirst) {
    begin_body(out);
    return 0;
  }
  if (std::exchange(begins_, false)) arrived_ = arrived;
  const auto before = picture_.size();
  const bool by_length = length_ > 0 && (boundary_.empty() || believes_lengths_);
  if (by_length) bytes = bytes.first(std::min(bytes.size(), length_ - before));
  const auto count = end_.is_no_jpeg() ? bytes.size() : end_.add(bytes);
  picture_.insert(picture_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
  if (const auto next = boundary_after(before)) {
    cut_picture(*next, before, out);
    return std::max(*next, before) - before;
  }
  if (end_.has_ended() || (by_length && picture_.size() == length_)) {
    end_picture(out);
  } else if (end_.is_no_jpeg() && !by_length && boundary_.empty()) {
    has_heads_ ? finish(out) : drop_bare_picture(arrived);
  } else if (picture_.size() > kMostPartBytes) {
    throw_too_large("sends an image without an end");
  }
  return count;
}

/// Returns the offset of the boundary that ends an incomplete image, or nullopt. Searches only the bytes
/// added at offset `before`, and those before it where the boundary may have begun.
std::optional<std::size_t> MultipartFilter::boundary_after(std::size_t before) const {
  if (boundary_.empty()) return std::nullopt;
  constexpr std::string_view kFollowers = "\r\n-";  // image data may contain a short boundary by chance
  const std::string_view text(reinterpret_cast<const char*>(picture_.data()), picture_.size());
  const auto line = "\n" + boundary_;
  for (auto at = text.find(line, before - std::min(before, line.size())); at != std::string_view::npos;
       at = text.find(line, at + 1)) {
    const auto follower = text.substr(at + line.size()).substr(0, 1);
    if (!follower.empty() && kFollowers.find(follower) != std::string_view::npos) return at + 1;
  }
  return std::nullopt;
}

/// Ends the image early: the boundary at offset `next` came before the JPEG's end.
void MultipartFilter::cut_picture(std::size_t next, std::size_t before, FilteredBytes& out) {
  const auto* const bytes = reinterpret_cast<const char*>(picture_.data());
  if (next < before) line_.assign(bytes + next, before - next);
  auto size = next - 1;
  if (size > 0 && bytes[size - 1] == '\r') --size;
  picture_.resize(size);
  believes_lengths_ = length_ == size;
  end_picture(out);
}

void MultipartFilter::end_picture(FilteredBytes& out) {
  auto head = without_header(head_, kLength);
  head.erase(head.rfind('\n', head.size() - 2) + 1);  // the blank line
  out.append(view_bytes(head + "Content-Length: " + std::to_string(picture_.size()) + "\r\n\r\n"));
  out.begin_picture(arrived_);
  out.append(picture_);
  head_.clear();
  picture_.clear();
  end_part();
}

}  // namespace freshframe::media
