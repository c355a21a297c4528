// Decides which pictures of a live stream are damaged by what was lost.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/stream/damage.hpp"

#include <algorithm>

#include "media/ffmpeg/read/reordering.hpp"

namespace freshframe::media {

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

/// Whether the picture is shown before the picture with which all was whole again.
bool Damage::leads(const PictureNotes& picture) noexcept {
  if (!begin_) return false;
  if (--leading_ < 0) begin_.reset();
  return begin_ && picture.time && *picture.time < *begin_;
}

}  // namespace freshframe::media
