// The effects of a loss on a live stream: which pictures it damages, and what it leaves in the decoder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <optional>

#include "media/units/unit_facts.hpp"

extern "C" {
#include <libavcodec/codec_id.h>
#include <libavcodec/packet.h>
}

namespace freshframe::media {

/// The pictures that a picture refers to.
enum class Refresh : std::uint8_t {
  None,   // pictures before it
  Alone,  // none, but pictures after it may refer to pictures before it
  Point,  // some pictures later all are whole: a recovery point
  All     // none, and pictures after it to none before it
};

/// The facts about a picture when its packets have come.
struct PictureNotes {
  bool torn = false;        // a part of it is lost
  bool after_loss = false;  // pictures before it may be lost
  bool reference = true;    // others may refer to it
  Refresh refresh = Refresh::None;
  int recovery = 0;                 // for a recovery point: the pictures until all are whole
  std::optional<double> time = {};  // at which it is shown: seconds
};

/// Note [Damage]: a picture is damaged from a loss up to the next picture that refers to none before it, or
/// to the end of a recovery point. A torn picture to which no other refers damages only itself. A loss between two
/// pictures is unknown, so it counts as pictures to which others refer. Pictures that are shown before a recovery
/// point and decoded after it may refer to lost ones. There are streams in which nothing marks that all is renewed:
/// there it is after the second successive picture that refers to no other one, or, where no picture ever was one to
/// begin with, after a minute. In the order of decoding. One thread, no I/O.
class Damage {
 public:
  /// Whether this picture, the next one, is damaged.
  [[nodiscard]] bool add(const PictureNotes& picture, TimePoint arrived);
  /// Pictures are lost, or the decoder has found errors in one.
  void lose() noexcept;
  /// Whether the next picture is damaged, unless decoding can begin with it.
  [[nodiscard]] bool is_damaged() const noexcept { return damaged_; }

  static constexpr Seconds kLongest{60};  // without any picture to begin with

 private:
  void refresh(const PictureNotes& picture) noexcept;
  void recover(const PictureNotes& picture) noexcept;
  [[nodiscard]] bool leads(const PictureNotes& picture) noexcept;

  bool damaged_ = true;  // decoding may begin anywhere
  bool alone_ = false;   // since the loss there was a picture that refers to none
  bool began_ = false;   // there was one to begin with
  std::optional<TimePoint> since_;
  std::optional<int> recovering_;  // pictures until all are whole
  std::optional<double> begin_;    // pictures that are shown from here on are all whole
  int leading_ = 0;                // pictures that may still come of those before
};

/// Note [Residue of a cut picture]
/// Where a slice of H.264 breaks off, libavcodec's decoder (5.1 to 8.0) keeps the coefficients of the macroblock that it
/// could not finish, and adds them to the next coefficients that it decodes, perhaps of an intact IDR picture. A
/// flush does not help, a new decoder does. So one is opened for the next picture that refers to none before it.
/// Where such a picture cannot be decoded by a new one, the mark of the damage stays up to the next one but one. A
/// cut picture to which no other refers is left out, because all following ones would be wrong. Other codecs'
/// decoders keep nothing.
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
  /// What to do with the next packet for the decoder. Where it cannot end a damage, its notes show that afterwards.
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
  bool has_sets_ = false;  // parameter sets have come in keyframes
  State state_ = State::Clean;
};

// The pictures that a picture refers to, by its units.

/// The refresh of a picture if all its slices are among the units.
[[nodiscard]] inline Refresh find_refresh(const UnitFacts& facts) noexcept {
  if (facts.fresh) return Refresh::All;
  if (facts.recovery) return Refresh::Point;
  return facts.can_begin() ? Refresh::Alone : Refresh::None;
}

}  // namespace freshframe::media
