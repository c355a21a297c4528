// Tracks the effects of packet loss on a live stream: which frames are damaged, and when the decoder must be
// reset.
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

/// What a frame refers to.
enum class Refresh : std::uint8_t {
  None,   // earlier frames
  Alone,  // refers to no other frame, but later frames may refer to frames before it
  Point,  // a recovery point: all frames are intact some frames later
  All     // refers to no other frame, and later frames refer to none before it
};

/// What is known of a frame from its packets.
struct PictureNotes {
  bool torn = false;        // part of the frame was lost
  bool after_loss = false;  // earlier frames may be lost
  bool reference = true;    // other frames may refer to it
  Refresh refresh = Refresh::None;
  int recovery = 0;                 // for a recovery point, the number of frames until all are intact
  std::optional<double> time = {};  // presentation timestamp in seconds
};

/// Decides which frames are damaged by lost packets.
///
/// Note [Damage]: After a loss, frames are damaged until the next one that refers to no earlier frame, or
/// until the end of a recovery point. A torn frame that is not a reference damages only itself. If packets
/// between two frames are lost, it is unknown what they held, so this counts as a loss of reference frames.
/// Frames decoded after a recovery point but shown before it may refer to lost ones. In some streams nothing
/// marks a full refresh: there, damage ends with the second intra-only frame in a row, or, if there never was
/// a keyframe, after a minute. Call in decoding order. Not thread-safe, no I/O.
class Damage {
 public:
  /// Returns true if this frame, the next one, is damaged.
  [[nodiscard]] bool add(const PictureNotes& picture, TimePoint arrived);
  /// Call if frames are lost, or the decoder has found errors in one.
  void lose() noexcept;
  /// Returns true if the next frame is damaged, unless it is a keyframe.
  [[nodiscard]] bool is_damaged() const noexcept { return damaged_; }

  static constexpr Seconds kLongest{60};  // without any keyframe

 private:
  void refresh(const PictureNotes& picture) noexcept;
  void recover(const PictureNotes& picture) noexcept;
  [[nodiscard]] bool leads(const PictureNotes& picture) noexcept;

  bool damaged_ = true;  // decoding may start anywhere
  bool alone_ = false;   // an intra-only frame has arrived since the loss
  bool began_ = false;   // a keyframe has arrived
  std::optional<TimePoint> since_;
  std::optional<int> recovering_;  // frames until all are intact
  std::optional<double> begin_;    // frames shown from this timestamp on are intact
  int leading_ = 0;                // earlier frames that may still arrive
};

/// Note [Residue of a truncated frame]
/// If an H.264 slice is truncated, libavcodec's decoder (5.1 to 8.0) keeps the coefficients of the unfinished
/// macroblock, and adds them to the next ones that it decodes, possibly in an intact IDR frame. Flushing does
/// not help, but a new decoder does. So a new one is opened for the next frame that refers to none before it.
/// If that frame cannot be decoded by a new decoder, frames stay marked as damaged up to the next but one. A
/// truncated frame that is not a reference is skipped, because it would corrupt all following ones. Decoders
/// of other codecs are not affected.
///
/// Not thread-safe, no I/O.
class DecoderResidue {
 public:
  enum class Handling : std::uint8_t {
    Decode,
    Renew,    // decode the packet with a new decoder
    LeaveOut  // do not decode the packet
  };

  /// Call for a new connection with a new decoder.
  void connect(AVCodecID codec) noexcept;
  /// Decides what to do with the next packet. If it cannot end the damage, updates `picture` accordingly.
  /// `can_begin`: see PacketNotes.
  [[nodiscard]] Handling look_at(const AVPacket& packet, bool can_begin, PictureNotes& picture) noexcept;
  /// Call when the decoder has found an error.
  void note_error() noexcept { state_ = State::Fresh; }

 private:
  enum class State : std::uint8_t {
    Clean,
    Fresh,  // the last frame was truncated
    Old     // frames decoded since the truncated one have absorbed most of the residue
  };

  bool is_h264_ = false;
  bool has_sets_ = false;  // keyframes contain parameter sets
  State state_ = State::Clean;
};

// Derives what a frame refers to from its NAL units.

/// `facts` must include all slices of the frame.
[[nodiscard]] inline Refresh find_refresh(const UnitFacts& facts) noexcept {
  if (facts.fresh) return Refresh::All;
  if (facts.recovery) return Refresh::Point;
  return facts.can_begin() ? Refresh::Alone : Refresh::None;
}

}  // namespace freshframe::media
