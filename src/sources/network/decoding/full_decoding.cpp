// decode="all": decodes every packet while frames are wanted. A decoder that starts later catches up.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/clock.hpp"

#include <memory>
#include <optional>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "sources/network/decoding/decoding_mode.hpp"
#include "sources/network/decoding/group.hpp"

namespace freshframe::media {

namespace {

class FullDecoding final : public DecodingMode {
 public:
  FullDecoding() : DecodingMode(Group::kMostPackets) {}

  void begin() override { group().stop(); }
  void rest(Decoder& decoder) override { decoder.restart(); }
  void finish(Decoder& decoder) override { decoder.finish(); }

  [[nodiscard]] bool replays(const AVPacket& packet, const ArrivedPacket& arrived, bool at_rest) override {
    const bool is_late = at_rest && !arrived.notes.can_begin;
    const bool replays = is_late && group().replay(packet, arrived.notes, arrived.captured, arrived.damaged);
    keep(packet, arrived);
    return replays;
  }
  void leave_out(const AVPacket& packet, const ArrivedPacket& arrived) override { keep(packet, arrived); }
  [[nodiscard]] std::optional<bool> send(Decoder& decoder, AVPacket& packet, const ArrivedPacket& arrived,
                                         TimePoint /*now*/) override {
    return decoder.send(packet, arrived.captured);
  }
  [[nodiscard]] Decoder::Result receive(Decoder& decoder, AVFrame& frame) override {
    return decoder.receive(frame);
  }

  [[nodiscard]] bool must_begin() const noexcept override { return group().is_full(); }
  [[nodiscard]] bool is_asleep() const noexcept override { return false; }
  [[nodiscard]] bool counts_on_arrival() const noexcept override { return false; }
  [[nodiscard]] bool expects_frames() const noexcept override { return true; }
  /// Incomplete frames are better than none.
  void go_on_without_key(Decoder& decoder) override { decoder.show_incomplete(); }
  void wake(std::optional<double> /*seconds*/, std::optional<double> /*until*/) noexcept override {}

 private:
  void keep(const AVPacket& packet, const ArrivedPacket& arrived) {
    if (!arrived.is_kept) return group().forget();
    if (!arrived.notes.repeated) group().add(packet, arrived.notes, arrived.captured, arrived.damaged);
  }
};

}  // namespace

std::unique_ptr<DecodingMode> make_full_decoding() {
  return std::make_unique<FullDecoding>();
}

}  // namespace freshframe::media
