// Keeps what a cut picture of H.264 leaves in a decoder out of the pictures behind it.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/stream/decoder_residue.hpp"

#include <cstddef>

#include "media/units/unit_facts.hpp"

namespace freshframe::media {
namespace {

/// Neither this picture nor those that are shown after it refer to one before it.
bool renews_all(const UnitFacts& facts) noexcept {
  return facts.fresh || (facts.can_begin() && facts.recovery == 0);
}

}  // namespace

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
  const bool knows_sets = facts.sets > 0 || !has_sets_;  // the server's description has them otherwise
  if (renews_all(facts) && knows_sets) {
    state_ = State::Clean;
    return Handling::Renew;
  }
  if (state_ == State::Fresh) picture.refresh = Refresh::None;
  state_ = State::Old;
  return Handling::Decode;
}

}  // namespace freshframe::media
