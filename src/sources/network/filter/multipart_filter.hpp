// Makes whole parts, with their lengths, of the JPEG pictures that a server sends with or without parts.
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

// Finds the end of a JPEG picture by its segments, since a picture in its metadata has an end, too.

/// Takes the picture in any pieces (ITU-T T.81, annex B). One thread.
class JpegEnd {
 public:
  /// Returns how many of the bytes belong to the picture: all, unless it has ended or is not a JPEG.
  std::size_t add(Bytes bytes);
  [[nodiscard]] bool has_ended() const noexcept { return state_ == State::Ended; }
  [[nodiscard]] bool is_no_jpeg() const noexcept { return state_ == State::NoJpeg; }

 private:
  enum class State : std::uint8_t {
    Start,       // expects the first byte of SOI
    Soi,         // its second byte
    Marker,      // the first byte of a marker
    Code,        // its second byte
    LengthHigh,  // high byte of a segment's length
    LengthLow,
    Segment,     // inside of one
    Scan,        // among coded data
    ScanMarker,  // there, after 0xFF
    Ended,
    NoJpeg
  };

  [[nodiscard]] State after(std::uint8_t byte) noexcept;
  [[nodiscard]] State at_code(std::uint8_t code) noexcept;
  [[nodiscard]] State in_scan(std::uint8_t byte) noexcept;
  [[nodiscard]] std::size_t skip_bytes(Bytes bytes) noexcept;

  State state_ = State::Start;
  bool begins_scan_ = false;  // the present segment is the head of coded data
  std::size_t left_ = 0;      // bytes of the present segment
};

/// Filters MJPEG over HTTP (multipart/x-mixed-replace; RFC 2046, 5.1), and JPEG pictures one after the other. Without a
/// length a demuxer looks for the line that begins the next picture, and a wrong length makes garbage of two pictures. So
/// the picture itself shows its end. If it was cut off, the next boundary does, or else its length. A demuxer refuses a
/// part without a boundary or a type, and text before the first boundary: these are put in and left out. A part that is
/// no JPEG passes unchanged, and without a length so does all that follows. A demuxer keeps a part up to its end, so
/// add() throws Error if a part has, or announces, more than kMostPartBytes.
class MultipartFilter final : public ByteFilter {
 public:
  /// A picture of 3840 x 2160 in JPEG's best quality has up to 14 MB.
  static constexpr std::size_t kMostPartBytes = 16U << 20U;

  void add(Bytes bytes, TimePoint arrived, FilteredBytes& out) override;
  void finish(FilteredBytes& out) override;

 private:
  enum class State : std::uint8_t {
    Head,  // head of a part, or the text before it
    Body,  // body of a part that is no JPEG picture, with a known length
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
  std::string head_;         // its whole lines; empty means it has not begun
  std::string line_;         // the present one, perhaps in part
  bool has_heads_ = false;   // otherwise there may be pictures alone
  bool ends_part_ = false;   // the next line is the first after a part
  bool begins_ = false;      // the next byte is the first of a picture, whose head may have come long before
  TimePoint arrived_{};      // arrival of that byte
  bool has_length_ = false;  // in the present head
  std::size_t length_ = 0;   // length that the server announces
  bool believes_lengths_ = false;  // the last picture without an end had the length that was announced
  std::size_t left_ = 0;           // bytes of a body with a known length
  std::vector<std::uint8_t> picture_;
  JpegEnd end_;
  std::string boundary_;     // "--" and the name that the parts have between them; empty means none has come
  std::string passed_;       // the newest bytes that have passed, where a boundary may have begun
  std::size_t unended_ = 0;  // bytes that have passed since the last boundary
};

}  // namespace freshframe::media
