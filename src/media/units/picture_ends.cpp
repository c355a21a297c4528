// Finds out where pictures end: at the mark of a last packet where that is true, else where the next one
// begins.
// SPDX-License-Identifier: Apache-2.0
#include "media/units/picture_ends.hpp"

namespace freshframe::media {

PictureEnds::Verdict PictureEnds::add(const Part& packet) {
  Verdict verdict;
  if (has_slice_ && packet.timestamp != timestamp_) {
    if (!believed_) learn();
    ended_by_marker_ = false;
    end_picture();
    verdict.before = true;
  }
  if (packet.coded && !has_slice_) {
    if (believed_ && ended_by_marker_ && packet.timestamp == ended_) {
      believed_ = false;
      refuted_ = true;
      ++faults_;
    }
    has_slice_ = true;
    timestamp_ = packet.timestamp;
  }
  const bool can_end = has_slice_ && (packet.coded || packet.tail);
  if (!can_end) return verdict;
  last_marked_ = packet.marker;
  if (packet.marker) ++marks_;
  if (packet.marker && believed_) {
    ended_by_marker_ = true;
    ended_ = timestamp_;
    end_picture();
    verdict.after = true;
  }
  return verdict;
}

void PictureEnds::learn() {
  true_pictures_ = marks_ == 1 && last_marked_ ? true_pictures_ + 1 : 0;
  believed_ = !refuted_ && true_pictures_ >= kTruePictures;
}

void PictureEnds::end_picture() {
  has_slice_ = false;
  last_marked_ = false;
  marks_ = 0;
}

}  // namespace freshframe::media
