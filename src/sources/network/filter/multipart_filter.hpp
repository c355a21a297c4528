// Splits a stream of JPEG images, with or without multipart headers, into parts with a Content-Length.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/units/unit_facts.hpp"
#include "sources/network/filter/byte_filter.hpp"

namespace freshframe::media {

// Finds the end of a JPEG by parsing its segments, because a thumbnail in the metadata has an end marker as
// well.

/// Takes the image in pieces of any size (ITU-T T.81, annex B). Not thread-safe.
class JpegEnd {
 public:
  /// Returns how many bytes belong to the image: all, unless it ends or is not a JPEG.
  std::size_t add(Bytes bytes);
  [[nodiscard]] bool has_ended() const noexcept { return state_ == State::Ended; }
  [[nodiscard]] bool is_no_jpeg() const noexcept { return state_ == State::NoJpeg; }

 private:
  enum class State : std::uint8_t {
    Start,       // expects the first byte of SOI
    Soi,         // expects the second byte of SOI
    Marker,      // expects the first byte of a marker
    Code,        // expects the second byte of a marker
    LengthHigh,  // expects the high byte of a segment's length
    LengthLow,
    Segment,     // inside a segment
    Scan,        // in entropy-coded data
    ScanMarker,  // in entropy-coded data, after 0xFF
    Ended,
    NoJpeg
  };

  [[nodiscard]] State after(std::uint8_t byte) noexcept;
  [[nodiscard]] State at_code(std::uint8_t code) noexcept;
  [[nodiscard]] State in_scan(std::uint8_t byte) noexcept;
  [[nodiscard]] std::size_t skip_bytes(Bytes bytes) noexcept;

  State state_ = State::Start;
  bool begins_scan_ = false;  // entropy-coded data follows this segment
  std::size_t left_ = 0;      // remaining bytes of this segment
};

/// Filters MJPEG over HTTP (multipart/x-mixed-replace; RFC 2046, 5.1), and concatenated JPEG images. Without
/// a Content-Length, demuxers wait for the boundary before the next image, and a wrong length corrupts two
/// images. So the end is found in the image itself, or if it was cut off, by the next boundary or the length.
/// FFmpeg's demuxer rejects parts without a boundary or type, and text before the first boundary, so these
/// are added and removed. Parts that are not JPEG pass unchanged; if one has no length, so does everything
/// after it. Demuxers buffer whole parts, so add() throws Error if a part has or announces more than
/// kMostPartBytes.
class MultipartFilter final : public ByteFilter {
 public:
  /// A JPEG of 3840 x 2160 in the best quality has up to 14 MB.
  static constexpr std::size_t kMostPartBytes = 16U << 20U;

  void add(Bytes bytes, TimePoint arrived, FilteredBytes& out) override;
  void finish(FilteredBytes& out) override;

 private:
  enum class State : std::uint8_t {
    Head,  // in the headers of a part, or in text before them
    Body,  // in a body of known length that is not a JPEG
    Picture,
    Through
  };
  static constexpr std::size_t kMostOfHead = 64U << 10U;

  [[nodiscard]] std::size_t add_head(Bytes bytes, FilteredBytes& out);
  void pass(Bytes bytes, FilteredBytes& out);
  void end_line(FilteredBytes& out);
  void end_head();
  void begin_body(FilteredBytes& out);
  void end_part();
  void begin_picture();
  void begin_bare_picture();
  void drop_bare_picture(TimePoint arrived);
  [[nodiscard]] std::size_t add_body(Bytes bytes, TimePoint arrived, FilteredBytes& out);
  [[nodiscard]] std::size_t add_picture(Bytes bytes, TimePoint arrived, FilteredBytes& out);
  [[nodiscard]] std::optional<std::size_t> boundary_after(std::size_t before) const;
  void cut_picture(std::size_t next, std::size_t before, FilteredBytes& out);
  void end_picture(FilteredBytes& out);

  State state_ = State::Head;
  std::string head_;         // complete header lines; empty before the first
  std::string line_;         // the current line, possibly incomplete
  bool has_heads_ = false;   // if false, images may follow each other without headers
  bool ends_part_ = false;   // the next line is the first after a part
  bool begins_ = false;      // the next byte starts an image, whose headers may have arrived long before
  TimePoint arrived_{};      // arrival of the first byte of the image
  bool has_length_ = false;  // the current headers have a Content-Length
  std::size_t length_ = 0;   // Content-Length
  bool believes_lengths_ = false;  // the last incomplete image had the announced length
  std::size_t left_ = 0;           // remaining bytes of a body with known length
  std::vector<std::uint8_t> picture_;
  JpegEnd end_;
  std::string boundary_;     // "--" and the boundary string; empty before the first
  std::string passed_;       // the last bytes passed on, which may contain the start of a boundary
  std::size_t unended_ = 0;  // bytes passed on since the last boundary
};

}  // namespace freshframe::media
