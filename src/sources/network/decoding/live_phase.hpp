// State machine of a live connection, from its first packet to decoded frames.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace freshframe::media {

/// Three states before the stream has started, the same three afterwards, and Showing. Losses before the
/// stream has started belong to the start and are not counted.
enum class LivePhase : std::uint8_t {
  New,        // the decoder has received no packet
  Seeking,    // the decoder has received packets, but no keyframe
  Opening,    // the decoder has received a keyframe, but returned no frame
  Resting,    // like New, but after a frame or an undecoded keyframe
  Reseeking,  // as Seeking
  Reopening,  // as Opening
  Showing     // the decoder has returned a frame
};

enum class LiveEvent : std::uint8_t {
  Fed,        // a packet is sent to the decoder
  Key,        // a keyframe is sent to the decoder, or it must start without one
  Frame,      // the decoder has returned a frame
  Undecoded,  // a keyframe has arrived that is not decoded
  Paused      // the decoder is reset
};

/// Returns the state that follows `phase` after `event`.
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

/// Returns true if the stream has started, so that losses are counted.
[[nodiscard]] constexpr bool counts_losses(LivePhase phase) noexcept {
  return phase >= LivePhase::Resting;
}
/// Returns true if the decoder has received packets since it was reset.
[[nodiscard]] constexpr bool has_packets(LivePhase phase) noexcept {
  return phase != LivePhase::New && phase != LivePhase::Resting;
}
/// Returns true if the decoder is expected to return a frame for each packet.
[[nodiscard]] constexpr bool makes_pictures(LivePhase phase) noexcept {
  return has_packets(phase) && phase != LivePhase::Seeking && phase != LivePhase::Reseeking;
}

}  // namespace freshframe::media
