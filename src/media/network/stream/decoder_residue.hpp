// Keeps what a cut picture of H.264 leaves in a decoder out of the pictures behind it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "media/network/stream/damage.hpp"

extern "C" {
#include <libavcodec/codec_id.h>
#include <libavcodec/packet.h>
}

namespace freshframe::media {

/// Note [Residue of a cut picture]
/// Where a slice of H.264 breaks off, libavcodec's decoder (5.1 to 8.0) keeps the coefficients of the macroblock that it
/// could not finish, and adds them to the next ones that it decodes, perhaps of an intact IDR picture. A flush does not
/// help, a new decoder does. So one is opened for the next picture that refers to none before it. Where such a picture
/// cannot be decoded by a new one, the mark of the damage stays up to the next one but one. A cut picture to which no
/// other refers is left out, since all behind it would be wrong. Other codecs' decoders keep nothing.
///
/// One thread, no I/O.
class DecoderResidue {
 public:
  enum class Handling : std::uint8_t {
    Decode,
    Renew,    // decode it with a new decoder
    LeaveOut  // do not decode it
  };

  /// A new connection, with a new decoder.
  void connect(AVCodecID codec) noexcept;
  /// What to do with the next packet for the decoder. Where it cannot end a damage, its notes say so afterwards.
  /// `can_begin`: as in PacketNotes.
  [[nodiscard]] Handling look_at(const AVPacket& packet, bool can_begin, PictureNotes& picture) noexcept;
  /// The decoder has found an error.
  void note_error() noexcept { state_ = State::Fresh; }

 private:
  enum class State : std::uint8_t {
    Clean,
    Fresh,  // the last picture was cut
    Old     // pictures have been decoded since: they have taken most of it
  };

  bool is_h264_ = false;
  bool has_sets_ = false;  // parameter sets have come in key pictures
  State state_ = State::Clean;
};

}  // namespace freshframe::media
