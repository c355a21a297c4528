// How far a connection of a live source has come: from its first packet to its pictures, or to none.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace freshframe::media {

/// The three phases of a decoder, before and after the stream has begun, and the phase in which it gives frames. A
/// loss before the stream has begun belongs to the start, and is no loss.
enum class LivePhase : std::uint8_t {
  New,        // the decoder has got no packet
  Seeking,    // it has got some, and no keyframe
  Opening,    // waits for the connection and a keyframe
  Resting,    // as New, after a frame or a key packet that was not decoded
  Reseeking,  // as Seeking
  Reopening,  // as Opening
  Showing     // the decoder has given a frame
};

enum class LiveEvent : std::uint8_t {
  Fed,        // a packet is for the decoder
  Key,        // the decoder has got a keyframe, or is to make pictures without one
  Frame,      // the decoder has given one
  Undecoded,  // a key packet has come that is not decoded
  Paused      // the decoder forgets all that it has got
};

/// Which phase follows `phase` after `event`.
[[nodiscard]] constexpr LivePhase after(LivePhase phase, LiveEvent event) noexcept {
  using enum LivePhase;
  constexpr std::array<std::array<LivePhase, 5>, 7> kNext = {{
      //              Fed        Key        Frame    Undecoded  Paused
      /* New       */ {Seeking, Opening, Showing, Resting, New},
      /* Seeking   */ {Seeking, Opening, Showing, Reseeking, New},
      /* Opening   */ {Opening, Opening, Showing, Reopening, New},
      /* Resting   */ {Reseeking, Reopening, Showing, Resting, Resting},
      /* Reseeking */ {Reseeking, Reopening, Showing, Reseeking, Resting},
      /* Reopening */ {Reopening, Reopening, Showing, Reopening, Resting},
      /* Showing   */ {Showing, Showing, Showing, Showing, Resting},
  }};
  return kNext.at(static_cast<std::size_t>(phase)).at(static_cast<std::size_t>(event));
}

/// Whether the stream has begun: losses are counted.
[[nodiscard]] constexpr bool counts_losses(LivePhase phase) noexcept {
  return phase >= LivePhase::Resting;
}
/// Whether the decoder has got packets since it was new.
[[nodiscard]] constexpr bool has_packets(LivePhase phase) noexcept {
  return phase != LivePhase::New && phase != LivePhase::Resting;
}
/// Whether the decoder is expected to make a picture of each packet.
[[nodiscard]] constexpr bool makes_pictures(LivePhase phase) noexcept {
  return has_packets(phase) && phase != LivePhase::Seeking && phase != LivePhase::Reseeking;
}

}  // namespace freshframe::media
