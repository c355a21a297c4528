// Detects where images end: at the RTP marker if it is reliable, otherwise where the next image starts.
// SPDX-License-Identifier: Apache-2.0
#include "media/units/picture_ends.hpp"

namespace freshframe::media {

PictureEnds::Verdict PictureEnds::add(const Part& packet) {
  Verdict verdict;
  if (open_ && begins_another(packet)) {
    verdict.before = true;
    end(packet.coded ? EndedBy::Next : EndedBy::Delimiter);
  }
  if (packet.coded && !open_) begin(packet);
  const bool can_end = open_ && !packet.half && (packet.coded || packet.tail);
  if (!can_end) return verdict;
  key_ = key_ || packet.key;
  ++packets_;
  last_marked_ = packet.marker;
  if (!packet.marker) return verdict;
  ++marks_;
  if (believes_this()) {
    end(EndedBy::Marker);
    verdict.after = true;
  }
  return verdict;
}

bool PictureEnds::begins_another(const Part& packet) const noexcept {
  if (!packet.coded) return packet.delimiter && !delimiters_refuted_;
  const bool other_time = packet.timestamp != timestamp_;
  if (packet.place == SlicePlace::Unknown) return other_time;
  return packet.place == SlicePlace::Begins || (packet.after_loss && other_time);
}

bool PictureEnds::believes_this() const noexcept {
  if (early_ && !refuted_ && packets_ > 1 && marks_ == 1) return true;
  return believed_ && (believed_of_keys_ || !key_);
}

void PictureEnds::begin(const Part& packet) {
  refute_by(packet);
  open_ = true;
  key_ = packet.key;
  timestamp_ = packet.timestamp;
}

/// Handles a packet that continues an image which seemed complete: its end mark was wrong.
void PictureEnds::refute_by(const Part& packet) {
  const bool continues = packet.place == SlicePlace::Unknown
                             ? packet.timestamp == ended_
                             : packet.place == SlicePlace::Continues && !packet.after_loss;
  if (!continues) return;
  if (ended_by_ == EndedBy::Delimiter) delimiters_refuted_ = true;
  if (ended_by_ != EndedBy::Marker) return;
  believed_ = false;
  refuted_ = true;
  ++faults_;
}

void PictureEnds::end(EndedBy by) {
  const bool is_true = marks_ == 1 && last_marked_;
  true_pictures_ = is_true ? true_pictures_ + 1 : 0;
  if (is_true && key_) believed_of_keys_ = true;
  if (!refuted_ && true_pictures_ >= (early_ ? 1 : kTruePictures)) believed_ = true;
  open_ = key_ = last_marked_ = false;
  packets_ = marks_ = 0;
  ended_by_ = by;
  ended_ = timestamp_;
}

PictureEnds::Trust PictureEnds::trust() const noexcept {
  if (refuted_) return Trust::Refuted;
  if (believed_) return Trust::Believed;
  return early_ ? Trust::Early : Trust::Learned;
}

}  // namespace freshframe::media
