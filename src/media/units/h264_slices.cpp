// Detects which H.264 slices start a new image (ITU-T H.264, 7.4.1.2.4).
// SPDX-License-Identifier: Apache-2.0
#include "media/units/h264_slices.hpp"

#include <algorithm>
#include <cstddef>

#include "media/ffmpeg/read/h264_bits.hpp"

namespace freshframe::media {
namespace {

constexpr std::size_t kMostSlices = 4096;  // per image
constexpr std::size_t kMostOfHeader = 64;  // bytes
constexpr std::size_t kMostOfSet = 1024;   // bytes
constexpr std::uint32_t kSequences = 32;   // ids
constexpr std::uint32_t kPictures = 256;   // ids
constexpr std::uint32_t kMostBits = 12;    // log2 of a range, minus 4
constexpr unsigned kIdr = 5;               // NAL unit type
constexpr unsigned kReferenceIdc = 0x60;   // nal_ref_idc bits of the header

Bytes beginning(Bytes bytes, std::size_t most) {
  return bytes.first(std::min(bytes.size(), most));
}

}  // namespace

bool H264Slices::Slice::is_same_picture(const Slice& other) const noexcept {
  return is_idr == other.is_idr && reference == other.reference && frame_num == other.frame_num &&
         field == other.field && bottom == other.bottom && idr_id == other.idr_id && order == other.order;
}

void H264Slices::add_set(unsigned header, Bytes body) {
  const auto type = unit_type(UnitSyntax::H264, header);
  if (type == 7) add_sequence(beginning(body, kMostOfSet));
  if (type == 8) add_picture(beginning(body, kMostOfSet));
}

/// Parses a sequence parameter set (7.3.2.1.1).
void H264Slices::add_sequence(Bytes body) {
  Bits bits(body);
  Sequence set;
  const auto profile = bits.take(8);
  bits.skip(16);
  const auto id = bits.number();
  if (is_high_profile(profile)) set.separate_planes = read_high_profile(bits);
  const auto frame_num = bits.number();
  set.order_type = bits.number();
  std::uint32_t order = 0;
  if (set.order_type == 0) order = bits.number();
  if (set.order_type == 1) {
    set.delta_always_zero = bits.flag();
    bits.skip_numbers(2);
    bits.skip_numbers(bits.number());
  }
  bits.skip_numbers(1);  // max_num_ref_frames
  bits.skip(1);
  bits.skip_numbers(2);  // width and height
  set.frames_only = bits.flag();
  if (!bits.ok() || id >= kSequences || frame_num > kMostBits || order > kMostBits) return;
  set.frame_number_bits = static_cast<int>(frame_num) + 4;
  set.order_bits = static_cast<int>(order) + 4;
  sequences_.insert_or_assign(id, set);
}

/// Parses a picture parameter set (7.3.2.2).
void H264Slices::add_picture(Bytes body) {
  Bits bits(body);
  Picture set;
  const auto id = bits.number();
  set.sequence = bits.number();
  bits.skip(1);  // entropy_coding_mode_flag
  set.has_field_order = bits.flag();
  const bool has_groups = bits.number() > 0;
  if (!bits.ok() || id >= kPictures) return;
  if (!has_groups) {
    bits.skip_numbers(2);  // default numbers of reference indices
    bits.skip(3);          // weighted prediction
    bits.skip_numbers(3);  // QP offsets
    bits.skip(2);
    set.has_redundant = bits.flag() && bits.ok();
  }
  pictures_.insert_or_assign(id, set);
}

/// Parses a slice header (7.3.3).
H264Slices::Slice H264Slices::read(unsigned header, Bytes body) const {
  Bits bits(beginning(body, kMostOfHeader));
  Slice slice;
  slice.first = bits.number();
  slice.is_idr = unit_type(UnitSyntax::H264, header) == kIdr;
  slice.reference = (header & kReferenceIdc) != 0;
  bits.skip_numbers(1);  // slice type
  const auto picture = pictures_.find(bits.number());
  if (picture == pictures_.end()) return slice;
  const auto sequence = sequences_.find(picture->second.sequence);
  if (sequence == sequences_.end()) return slice;
  const auto& set = sequence->second;
  if (set.separate_planes) bits.skip(2);
  slice.frame_num = bits.take(set.frame_number_bits);
  if (!set.frames_only) slice.field = bits.flag();
  if (slice.field) slice.bottom = bits.flag();
  if (slice.is_idr) slice.idr_id = bits.number();
  const bool has_second = picture->second.has_field_order && !slice.field;
  if (set.order_type == 0) {
    slice.order[0] = bits.take(set.order_bits);
    if (has_second) slice.order[1] = bits.signed_number();
  } else if (set.order_type == 1 && !set.delta_always_zero) {
    slice.order[0] = bits.signed_number();
    if (has_second) slice.order[1] = bits.signed_number();
  }
  if (picture->second.has_redundant) slice.redundant = bits.number() > 0;
  slice.known = bits.ok();
  return slice;
}

SlicePlace H264Slices::place(unsigned header, Bytes body, bool after_loss) {
  const auto slice = read(header, body);
  const auto place = compare(slice, after_loss);
  if (slice.redundant && place == SlicePlace::Continues) return place;
  last_ = slice;
  if (place == SlicePlace::Begins) begin(slice);
  seen_.push_back(slice.first);
  highest_ = std::max(highest_, slice.first);
  return place;
}

SlicePlace H264Slices::compare(const Slice& slice, bool after_loss) {
  if (!last_) return SlicePlace::Begins;
  const bool rises = slice.first > highest_;
  if (!slice.known || !last_->known) return rises ? SlicePlace::Continues : SlicePlace::Begins;
  if (slice.redundant) return SlicePlace::Continues;
  if (slice.is_same_picture(*last_)) return has(slice.first) ? SlicePlace::Begins : SlicePlace::Continues;
  const bool is_other_field =
      slice.field && last_->field && slice.bottom != last_->bottom && slice.frame_num == last_->frame_num;
  if (is_other_field && !paired_) {
    seen_.clear();
    highest_ = 0;
    paired_ = true;
    return SlicePlace::Continues;
  }
  return rises && !after_loss ? SlicePlace::Continues : SlicePlace::Begins;
}

void H264Slices::forget_image() noexcept {
  if (last_) last_->known = false;
  seen_.clear();
  highest_ = 0;
}

bool H264Slices::has(std::uint32_t first) const noexcept {
  return seen_.size() >= kMostSlices || (first <= highest_ && std::ranges::find(seen_, first) != seen_.end());
}

void H264Slices::begin(const Slice& slice) {
  seen_.clear();
  highest_ = slice.first;
  paired_ = false;
}

}  // namespace freshframe::media
