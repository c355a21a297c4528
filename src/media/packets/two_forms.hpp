// A node that takes frames or packets: its two forms, and the check for options that do not apply to packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/packet.hpp"
#include "freshframe/sample.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace freshframe::media {

/// Throws OptionError if an encoder option is given, since packets are copied. `who`: the node.
template <class Options>
void check_no_encoder(const Options& given, const std::string& who) {
  const Options usual;
  std::string name;
  if (given.preset != usual.preset) name = "preset";
  if (given.crf != usual.crf) name = "crf";
  if constexpr (requires { given.fps; }) {
    if (given.fps) name = "fps";
  }
  if constexpr (requires { given.every; }) {
    if (given.every) name = "every";
  }
  if constexpr (requires { given.keyframe_every; }) {
    if (given.keyframe_every != usual.keyframe_every) name = "keyframe_every";
    if (!given.options.empty()) name = "options";
  }
  if (!given.codec.empty() && given.codec != "auto") name = "codec";
  if (name.empty()) return;
  throw OptionError(who + " copies packets as the camera sent them and encodes nothing: leave " + name +
                    " out, or use the camera's frames instead of its packets");
}

/// The form for frames is created immediately, which checks all options. set_input() chooses, and creates the
/// form for packets; check_chosen() of the form for frames, if it has one, may throw OptionError. Once the
/// node was added, the choice is fixed.
template <class OfFrames, class OfPackets>
class TwoForms {
 public:
  /// `options`: arguments for both constructors.
  template <class... Options>
  explicit TwoForms(const Options&... options)
      : frames_(options...),
        make_packets_([options...] { return std::make_unique<OfPackets>(options...); }) {}

  /// See NodeBase::set_input(). After an exception the previous choice is kept.
  void set_input(const TypeInfo* type) {
    const bool takes_packets = type == get_type<Packet>();
    if constexpr (requires { frames_.check_chosen(); }) {
      if (!takes_packets) frames_.check_chosen();
    }
    packets_ = takes_packets ? make_packets_() : nullptr;
    is_chosen_ = true;
  }
  /// See NodeBase::input_types().
  [[nodiscard]] std::vector<const TypeInfo*> input_types() const {
    if (!is_chosen_) return {get_type<Frame>(), get_type<Packet>()};
    return {takes_packets() ? get_type<Packet>() : get_type<Frame>()};
  }
  [[nodiscard]] bool takes_packets() const noexcept { return packets_ != nullptr; }

  /// Throws GraphError if the node takes packets. A sample may have the wrong type if the parent's type is
  /// unknown.
  [[nodiscard]] OfFrames& get_frames() {
    if (packets_) throw GraphError("takes Packet, but its parent returned a Frame");
    return frames_;
  }
  /// Throws GraphError if the node takes frames.
  [[nodiscard]] OfPackets& get_packets() {
    if (!packets_) throw GraphError("takes Frame, but its parent returned a Packet");
    return *packets_;
  }
  /// Calls `deed` with the chosen form.
  template <class Deed>
  decltype(auto) with(const Deed& deed) {
    return packets_ ? deed(*packets_) : deed(frames_);
  }
  template <class Deed>
  decltype(auto) with(const Deed& deed) const {
    return packets_ ? deed(std::as_const(*packets_)) : deed(frames_);
  }

 private:
  OfFrames frames_;
  std::function<std::unique_ptr<OfPackets>()> make_packets_;
  std::unique_ptr<OfPackets> packets_;  // null means frames are taken
  bool is_chosen_ = false;
};

}  // namespace freshframe::media
