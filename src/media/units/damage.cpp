// Tracks the effects of packet loss on a live stream: which frames are damaged, and when the decoder must be
// reset.
// SPDX-License-Identifier: Apache-2.0
#include "media/units/damage.hpp"

#include <algorithm>
#include <cstddef>

#include "media/ffmpeg/read/h264_order.hpp"
#include "media/units/unit_facts.hpp"

namespace freshframe::media {
namespace {

/// Returns true if neither this frame nor those shown after it refer to earlier frames.
bool renews_all(const UnitFacts& facts) noexcept {
  return facts.fresh || (facts.can_begin() && facts.recovery == 0);
}

}  // namespace

bool Damage::add(const PictureNotes& picture, TimePoint arrived) {
  if (!since_) since_ = arrived;
  if (picture.after_loss) {
    lose();
    since_ = arrived;
  }
  if (!picture.torn) refresh(picture);
  if (damaged_ && !began_ && arrived - *since_ >= kLongest) damaged_ = false;
  const bool whole = !damaged_ || picture.refresh == Refresh::Alone;
  const bool damaged = picture.torn || !whole || leads(picture);
  if (picture.torn && picture.reference) {
    lose();
    since_ = arrived;
  }
  return damaged;
}

void Damage::lose() noexcept {
  damaged_ = true;
  alone_ = false;
  recovering_.reset();
}

void Damage::refresh(const PictureNotes& picture) noexcept {
  if (picture.refresh == Refresh::All) {
    began_ = true;
    damaged_ = false;
    begin_.reset();
    return;
  }
  if (!damaged_) return;
  if (recovering_ && picture.reference) --*recovering_;
  if (picture.refresh == Refresh::Point) {
    began_ = true;
    recovering_ = std::min(picture.recovery, recovering_.value_or(picture.recovery));
  }
  const bool second = picture.refresh == Refresh::Alone && alone_;
  if (picture.refresh == Refresh::Alone) began_ = alone_ = true;
  if (second || (recovering_ && *recovering_ <= 0)) recover(picture);
}

void Damage::recover(const PictureNotes& picture) noexcept {
  damaged_ = false;
  recovering_.reset();
  begin_ = picture.time;
  leading_ = static_cast<int>(kMostReordered);
}

/// Returns true if the frame is shown before the frame from which everything was intact again.
bool Damage::leads(const PictureNotes& picture) noexcept {
  if (!begin_) return false;
  if (--leading_ < 0) begin_.reset();
  return begin_ && picture.time && *picture.time < *begin_;
}

void DecoderResidue::connect(AVCodecID codec) noexcept {
  is_h264_ = codec == AV_CODEC_ID_H264;
  has_sets_ = false;
  state_ = State::Clean;
}

DecoderResidue::Handling DecoderResidue::look_at(const AVPacket& packet, bool can_begin,
                                                 PictureNotes& picture) noexcept {
  if (!is_h264_) return Handling::Decode;
  UnitFacts facts;
  if (can_begin && (state_ != State::Clean || !has_sets_)) {
    facts = look_at_units(UnitSyntax::H264, {packet.data, static_cast<std::size_t>(packet.size)});
    has_sets_ = has_sets_ || facts.sets > 0;
  }
  if (picture.torn) {
    if (!picture.reference) return Handling::LeaveOut;
    state_ = State::Fresh;
    return Handling::Decode;
  }
  if (state_ == State::Clean) return Handling::Decode;
  // if keyframes have none, the decoder knows those of the SDP
  const bool knows_sets = facts.sets > 0 || !has_sets_;
  if (renews_all(facts) && knows_sets) {
    state_ = State::Clean;
    return Handling::Renew;
  }
  if (state_ == State::Fresh) picture.refresh = Refresh::None;
  state_ = State::Old;
  return Handling::Decode;
}

}  // namespace freshframe::media
