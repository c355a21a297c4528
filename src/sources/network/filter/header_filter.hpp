// Ends an endless MP4 or Matroska stream before a new header with other parameters, which FFmpeg's demuxers
// ignore.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sources/network/filter/byte_filter.hpp"

namespace freshframe::media {

/// Returns MP4 parameters with zeroed creation and modification times (ISO/IEC 14496-12, 8.2.2, 8.3.2 and
/// 8.4.2), because some servers set these for each request.
[[nodiscard]] std::string without_times(std::string bytes);

/// When its encoder restarts, a relay continues on the same connection with another header. Equal parameters
/// are passed on, and the demuxer skips them. With different ones, decoding would produce garbage.
class HeaderFilter final : public ByteFilter {
 public:
  /// Returns null if a stream that starts with these bytes is neither MP4 nor Matroska.
  [[nodiscard]] static std::unique_ptr<HeaderFilter> choose_filter(Bytes first);

  void add(Bytes bytes, TimePoint arrived, FilteredBytes& out) override;
  void finish(FilteredBytes& out) override;
  [[nodiscard]] bool has_ended() const noexcept override { return state_ == State::Ended; }

 private:
  enum class Format : std::uint8_t { Mp4, Matroska };
  enum class State : std::uint8_t {
    Data,
    Header,  // Matroska header
    Ended,
    Through  // unknown structure: pass everything
  };
  static constexpr std::size_t kMostOfHeader = 1U << 20U;

  explicit HeaderFilter(Format format) : format_(format) {}

  [[nodiscard]] std::size_t take_box(Bytes bytes, FilteredBytes& out);
  [[nodiscard]] std::size_t take_elements(Bytes bytes, FilteredBytes& out);
  [[nodiscard]] std::size_t take_header(Bytes header, const std::string& parameters, FilteredBytes& out);

  const Format format_;
  State state_ = State::Data;
  std::vector<std::uint8_t> held_;    // bytes that may belong to a header
  std::uint64_t left_ = 0;            // remaining bytes of the current MP4 box
  std::optional<std::string> known_;  // parameters of the first header
};

}  // namespace freshframe::media
