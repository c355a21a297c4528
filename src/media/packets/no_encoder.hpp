// Options that mean nothing below packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"

#include <string>

namespace freshframe::media {

/// Throws OptionError where an option of an encoder is given: a camera's own packets are copied. `who`: the node.
template <class Options>
void check_no_encoder(const Options& given, const std::string& who) {
  const Options usual;
  std::string name;
  if (given.preset != usual.preset) name = "preset";
  if (given.crf != usual.crf) name = "crf";
  if constexpr (requires { given.fps; }) {
    if (given.fps) name = "fps";
  }
  if constexpr (requires { given.keyframe_every; }) {
    if (given.keyframe_every != usual.keyframe_every) name = "keyframe_every";
    if (!given.options.empty()) name = "options";
  }
  if (!given.codec.empty() && given.codec != "auto") name = "codec";
  if (name.empty()) return;
  throw OptionError(who + " copies packets as the camera has sent them and encodes nothing: leave " + name +
                    " out, or give it the camera's frames instead of its packets");
}

}  // namespace freshframe::media
