// Adapts the moov box (ISO/IEC 14496-12) from the start of an MP4 to the complete file.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/moov_box.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace freshframe::media {
namespace {

using BoxBytes = std::span<const std::uint8_t>;

constexpr std::size_t kBoxHeadSize = 8;  // a size and a name, 4 bytes each

template <std::size_t count>
bool is_one_of(std::string_view name, const std::array<std::string_view, count>& names) {
  return std::ranges::find(names, name) != names.end();
}

/// Reads numbers and bytes sequentially.
class BoxReader {
 public:
  explicit BoxReader(BoxBytes bytes) : rest_(bytes) {}

  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (const auto byte : bytes(size)) value = value << 8U | byte;
    return value;
  }
  BoxBytes bytes(std::size_t size) {
    if (size > rest_.size()) throw Error("cannot write the index of an MP4 file: its moov box is cut off");
    const auto front = rest_.first(size);
    rest_ = rest_.subspan(size);
    return front;
  }
  [[nodiscard]] BoxBytes rest() { return bytes(rest_.size()); }
  [[nodiscard]] bool is_at_end() const noexcept { return rest_.empty(); }

 private:
  BoxBytes rest_;
};

class MoovOpener {
 public:
  MoovOpener(const MoovTimes& times, std::uint64_t tables_bytes)
      : times_(times), tables_bytes_(tables_bytes) {}

  OpenMoov open(BoxBytes moov) {
    copy_boxes(moov);
    if (moov_.tables_at == 0) {
      throw Error("cannot write the index of an MP4 file: its moov box has no stbl box");
    }
    return std::move(moov_);
  }

 private:
  void copy_boxes(BoxBytes boxes) {
    for (BoxReader reader(boxes); !reader.is_at_end();) {
      const auto size = static_cast<std::size_t>(reader.number(4));
      const auto name = reader.bytes(4);
      copy_box({reinterpret_cast<const char*>(name.data()), name.size()},
               reader.bytes(std::max(size, kBoxHeadSize) - kBoxHeadSize));
    }
  }

  void copy_box(std::string_view name, BoxBytes body) {
    constexpr std::array<std::string_view, 8> kTables{"stts", "ctts", "stss", "stps",
                                                      "sdtp", "stsc", "stsz", "stco"};
    constexpr std::array<std::string_view, 5> kAroundTables{"moov", "trak", "mdia", "minf", "stbl"};
    if (is_one_of(name, kTables) || name == "co64" || name == "cslg") return;
    const auto start = moov_.bytes.size();
    put(0, 4);
    put_bytes({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
    const bool around = is_one_of(name, kAroundTables);
    if (around || name == "edts") {
      copy_boxes(body);
    } else if (name == "mvhd" || name == "mdhd") {
      copy_header(name == "mdhd", body);
    } else if (name == "tkhd") {
      copy_track_header(body);
    } else if (name == "elst") {
      copy_edits(body);
    } else {
      put_bytes(body);
    }
    if (name == "stbl") moov_.tables_at = moov_.bytes.size();
    set_size(start, moov_.bytes.size() - start + (around ? tables_bytes_ : 0));
  }

  /// mvhd and mdhd: creation and modification time, time scale, duration.
  void copy_header(bool of_media, BoxBytes body) {
    BoxReader reader(body);
    const auto head = reader.number(4);
    const std::size_t old_size = head >> 24U == 1 ? 8 : 4;
    const auto created = reader.number(old_size);
    const auto changed = reader.number(old_size);
    const auto scale = reader.number(4);
    if (!of_media) movie_scale_ = static_cast<int>(scale);
    const auto given = reader.number(old_size);
    // FFmpeg 9 computes the duration in mdhd from decoding times, which end before the last image is shown.
    const auto duration =
        of_media ? in_scale(times_.whole, static_cast<int>(scale)) : lengthen(given, static_cast<int>(scale));
    const auto size = begin_header(head, duration);
    put(created, size);
    put(changed, size);
    put(scale, 4);
    put(duration, size);
    put_bytes(reader.rest());
  }

  void copy_track_header(BoxBytes body) {
    BoxReader reader(body);
    const auto head = reader.number(4);
    const std::size_t old_size = head >> 24U == 1 ? 8 : 4;
    const auto created = reader.number(old_size);
    const auto changed = reader.number(old_size);
    const auto track = reader.number(8);
    const auto duration = lengthen(reader.number(old_size), movie_scale_);
    const auto size = begin_header(head, duration);
    put(created, size);
    put(changed, size);
    put(track, 8);
    put(duration, size);
    put_bytes(reader.rest());
  }

  /// The last edit shows the video; an edit before it delays it.
  void copy_edits(BoxBytes body) {
    BoxReader reader(body);
    const auto head = reader.number(4);
    const std::size_t old_size = head >> 24U == 1 ? 8 : 4;
    const auto count = reader.number(4);
    const std::uint64_t sign = old_size == 8 ? 0 : 0x80000000;
    put(1ULL << 24U | (head & 0xFFFFFF), 4);
    put(count, 4);
    for (std::uint64_t i = 1; i <= count; ++i) {
      const auto duration = reader.number(old_size);
      const auto at = reader.number(old_size);
      put(i == count ? lengthen(duration, movie_scale_) : duration, 8);
      put((at ^ sign) - sign, 8);  // -1 marks an empty edit
      put(reader.number(4), 4);
    }
  }

  /// Writes the version and flags for this duration. Returns the size of time fields in bytes.
  std::size_t begin_header(std::uint64_t head, std::uint64_t duration) {
    const bool wide = head >> 24U == 1 || duration > UINT32_MAX;
    put((wide ? 1ULL << 24U : 0) | (head & 0xFFFFFF), 4);
    return wide ? 8 : 4;
  }

  /// Extends a duration from the described part to the whole file. `scale`: ticks per second.
  [[nodiscard]] std::uint64_t lengthen(std::uint64_t ticks, int scale) const {
    return ticks + in_scale(times_.whole, scale) - in_scale(times_.described, scale);
  }

  /// `scale`: ticks per second.
  [[nodiscard]] std::uint64_t in_scale(std::int64_t duration, int scale) const {
    return static_cast<std::uint64_t>(
        av_rescale_q_rnd(duration, times_.time_base, {1, std::max(scale, 1)}, AV_ROUND_UP));
  }

  void put(std::uint64_t value, std::size_t size) {
    for (std::size_t i = size; i > 0; --i)
      moov_.bytes.push_back(static_cast<std::uint8_t>(value >> (8 * (i - 1))));
  }
  void put_bytes(BoxBytes bytes) { moov_.bytes.insert(moov_.bytes.end(), bytes.begin(), bytes.end()); }
  void set_size(std::size_t start, std::uint64_t size) {
    if (size > UINT32_MAX) throw Error("cannot write the index of an MP4 file: it has too many frames");
    for (std::size_t i = 0; i < 4; ++i)
      moov_.bytes[start + i] = static_cast<std::uint8_t>(size >> (8 * (3 - i)));
  }

  const MoovTimes times_;
  const std::uint64_t tables_bytes_;
  OpenMoov moov_;
  int movie_scale_ = 1;
};

}  // namespace

OpenMoov open_moov(const std::vector<std::uint8_t>& moov, const MoovTimes& times,
                   std::uint64_t tables_bytes) {
  return MoovOpener(times, tables_bytes).open(moov);
}

}  // namespace freshframe::media
