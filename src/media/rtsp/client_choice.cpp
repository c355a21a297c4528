// Chooses the RTSP client of the next attempt: freshframe's own, or FFmpeg's.
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/client_choice.hpp"

namespace freshframe::media::rtsp {
namespace {

/// Another client would not have fared better.
bool is_of_server(std::optional<Trouble> trouble) {
  return trouble == Trouble::Stopped || trouble == Trouble::Unreachable || trouble == Trouble::Refused ||
         trouble == Trouble::Late || trouble == Trouble::NoPackets;
}

}  // namespace

bool ClientChoice::note_failure(std::optional<Trouble> trouble) {
  if (!is_free()) return false;
  if (is_of_server(trouble)) {
    own_ = kept_.value_or(own_);  // the other one had its attempt
    return false;
  }
  constexpr int kMostLosses = 2;
  const bool understood = trouble != Trouble::Dialogue;
  if (own_ && understood && ++losses_ % kMostLosses != 0) return false;
  ++failures_;
  const bool before = own_;
  if (!kept_) {
    own_ = !own_;
  } else {
    own_ = own_ == *kept_ && failures_ % kPatience == 0 ? !*kept_ : *kept_;
  }
  return own_ != before;
}

bool ClientChoice::note_frame() {
  failures_ = 0;
  losses_ = 0;
  const bool first = !kept_ && !own_ && is_free();
  if (!kept_) kept_ = own_;
  return first;
}

}  // namespace freshframe::media::rtsp
