// Ends an endless MP4 or Matroska stream before a new header with other parameters, which FFmpeg's demuxers
// ignore.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/filter/header_filter.hpp"

#include <algorithm>
#include <memory>
#include <string_view>

namespace freshframe::media {

std::string without_times(std::string bytes) {
  constexpr std::size_t kName = 4;
  constexpr std::size_t kFlags = 4;  // size of the version and flags in bytes
  for (const std::string_view name : {"mvhd", "tkhd", "mdhd"}) {
    for (auto at = bytes.find(name); at != std::string::npos; at = bytes.find(name, at + kName)) {
      const auto begin = at + kName + kFlags;
      if (begin >= bytes.size()) break;
      const std::size_t size = bytes[at + kName] == 1 ? 16 : 8;  // size of creation and modification time
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin), std::min(size, bytes.size() - begin),
                  '\0');
    }
  }
  return bytes;
}

namespace {

// Matroska (RFC 9559): identifiers of elements.
constexpr std::string_view kEbml = "\x1A\x45\xDF\xA3";
constexpr std::string_view kCluster = "\x1F\x43\xB6\x75";
constexpr std::string_view kCodecPrivate = "\x63\xA2";
constexpr std::size_t kEbmlHead = 64;  // bytes at the start that contain the DocType

std::string_view view_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint64_t parse_number(Bytes bytes) {
  std::uint64_t value = 0;
  for (const auto byte : bytes) value = value << 8U | byte;
  return value;
}

/// Concatenates the contents of all CodecPrivate elements.
std::string private_data(std::string_view header) {
  std::string all;
  for (auto at = header.find(kCodecPrivate); at != std::string_view::npos;
       at = header.find(kCodecPrivate, at)) {
    at += kCodecPrivate.size();
    if (at >= header.size()) break;
    std::uint64_t size = static_cast<std::uint8_t>(header[at]);
    std::size_t length = 1;  // length of the number in bytes: one more than its leading zero bits
    while (length < 8 && (size & (0x100U >> length)) == 0) ++length;
    size &= 0xFFU >> length;
    for (std::size_t i = 1; i < length && at + i < header.size(); ++i)
      size = size << 8U | static_cast<std::uint8_t>(header[at + i]);
    at = std::min(at + length, header.size());
    all += header.substr(at, size);
  }
  return all;
}

/// Returns how many bytes at the end may start another header. A single matching byte is too common to wait
/// for more.
std::size_t begun_header(std::string_view text) {
  for (const std::size_t size : {3, 2}) {
    if (text.ends_with(kEbml.substr(0, size))) return size;
  }
  return 0;
}

}  // namespace

std::unique_ptr<HeaderFilter> HeaderFilter::choose_filter(Bytes first) {
  const auto text = view_text(first);
  const auto name = text.substr(std::min<std::size_t>(4, text.size()), 4);
  if (text.starts_with(kEbml)) return std::unique_ptr<HeaderFilter>(new HeaderFilter(Format::Matroska));
  if (name == "ftyp" || name == "moov") return std::unique_ptr<HeaderFilter>(new HeaderFilter(Format::Mp4));
  return nullptr;
}

void HeaderFilter::add(Bytes bytes, TimePoint /*arrived*/, FilteredBytes& out) {
  held_.insert(held_.end(), bytes.begin(), bytes.end());
  std::size_t taken = 0;
  for (std::size_t more = 1; more > 0 && taken < held_.size(); taken += more) {
    const auto rest = Bytes(held_).subspan(taken);
    if (state_ == State::Ended) {
      more = rest.size();
    } else if (state_ == State::Through) {
      out.append(rest);
      more = rest.size();
    } else {
      more = format_ == Format::Mp4 ? take_box(rest, out) : take_elements(rest, out);
    }
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(taken));
}

void HeaderFilter::finish(FilteredBytes& out) {
  if (state_ != State::Ended) out.append(held_);
  held_.clear();
}

/// Parses boxes (ISO/IEC 14496-12, 4.2). Returns the number of bytes consumed; 0 means that more are needed.
std::size_t HeaderFilter::take_box(Bytes bytes, FilteredBytes& out) {
  constexpr std::size_t kHead = 8;
  constexpr std::size_t kLongHead = 16;
  if (left_ == 0) {
    if (bytes.size() < kHead) return 0;
    auto size = parse_number(bytes.first(4));
    if (size == 1) {
      if (bytes.size() < kLongHead) return 0;
      size = parse_number(bytes.subspan(kHead, 8));
    }
    if (size < kHead) {  // 0 means that the box extends to the end
      state_ = State::Through;
      out.append(bytes);
      return bytes.size();
    }
    if (view_text(bytes.subspan(4, 4)) == "moov" && size <= kMostOfHeader) {
      if (bytes.size() < size) return 0;
      const auto moov = bytes.first(size);
      return take_header(moov, without_times(std::string(view_text(moov))), out);
    }
    left_ = size;
  }
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  out.append(bytes.first(count));
  left_ -= count;
  return count;
}

/// Like take_box(), for Matroska. Clusters may have unknown length, so a header is found by its first bytes.
std::size_t HeaderFilter::take_elements(Bytes bytes, FilteredBytes& out) {
  const auto text = view_text(bytes);
  if (state_ == State::Data) {
    const auto at = text.find(kEbml);
    if (at != 0) {
      const auto count = at == std::string_view::npos ? bytes.size() - begun_header(text) : at;
      out.append(bytes.first(count));
      return count;
    }
    if (bytes.size() < kEbmlHead) return 0;
    const auto head = text.substr(0, kEbmlHead);
    if (head.find("matroska") == std::string_view::npos && head.find("webm") == std::string_view::npos) {
      out.append(bytes.first(kEbml.size()));
      return kEbml.size();
    }
    state_ = State::Header;
  }
  const auto end = text.find(kCluster);
  if (end == std::string_view::npos && bytes.size() <= kMostOfHeader) return 0;
  state_ = State::Data;
  if (end == std::string_view::npos) {
    state_ = State::Through;
    out.append(bytes);
    return bytes.size();
  }
  return take_header(bytes.first(end), private_data(text.substr(0, end)), out);
}

std::size_t HeaderFilter::take_header(Bytes header, const std::string& parameters, FilteredBytes& out) {
  if (!known_) known_ = parameters;
  if (*known_ == parameters) {
    out.append(header);
  } else {
    state_ = State::Ended;
  }
  return header.size();
}

}  // namespace freshframe::media
