// Rules for sources that a browser feeds.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/stats.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "why/figures.hpp"
#include "why/rules.hpp"

namespace freshframe::core {
namespace {

constexpr double kSkipped = 1.0 / 3;  // report a browser that skips this share of the camera's frames
constexpr double kMega = 1e6;

/// The frames of a window.
struct SenderFrames {
  double camera = 0;
  double link = 0;     // frames skipped because of the link
  double encoder = 0;  // frames skipped because of the encoder

  [[nodiscard]] double share() const { return camera > 0 ? (link + encoder) / camera : 0; }
};

SenderFrames count_frames(const SenderStats& now, const SenderStats& before) {
  return {.camera = static_cast<double>(grown(now.camera_frames, before.camera_frames)),
          .link = static_cast<double>(grown(now.skipped_link, before.skipped_link)),
          .encoder = static_cast<double>(grown(now.skipped_encoder, before.skipped_encoder))};
}

std::string describe_link(const SenderStats& sender) {
  return "the link is too slow: " + fixed_text(sender.arrives / kMega, 1) +
         " Mbit/s arrive, with a round trip of " + time_text(sender.round_trip) + ".";
}

std::string describe_encoder(const SenderStats& sender) {
  return "its encoder is too slow: " + (sender.codec.empty() ? "it" : sender.codec) + " takes " +
         time_text(sender.encoding) + " for a frame.";
}

}  // namespace

std::string away_remedy(const SourceStats& source) {
  if (!source.sender && source.state != SourceState::WaitingSender)
    return "freshframe keeps trying. Run `freshframe probe` with its URL to see what answers there.";
  return "Open the link of Dashboard.camera_url() in the browser where the camera is, and allow the page "
         "to use the camera. The source continues by itself.";
}

void find_skipping_senders(const Scene& scene, Causes& out) {
  const auto& nodes = scene.seen.stats.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& source = nodes[i].source;
    const auto& before = scene.window.before.nodes[i].source;
    if (!source || !before || !source->sender || !before->sender || scene.quiet.is_quiet(nodes[i].name))
      continue;
    const auto& sender = *source->sender;
    const auto frames = count_frames(sender, *before->sender);
    if (frames.camera < kFewestSamples || frames.share() < scene.bar(kSkipped, "sender", nodes[i].name))
      continue;
    const bool is_link = frames.link >= frames.encoder;
    Finding finding{
        .kind = "sender",
        .subject = nodes[i].name,
        .text = "its browser skips " + percent_text(frames.share()) + " of the camera's frames, because " +
                (is_link ? describe_link(sender) : describe_encoder(sender)),
        .remedy = is_link ? "Use a better network between the browser and this machine, or request less: "
                            "open(\"browser:\", size=(640, 360), fps=15)."
                          : "Request smaller frames, such as open(\"browser:\", size=(640, 360)), or close "
                            "other programs where the browser runs.",
        .evidence = {{"skipped_share", frames.share()},
                     {"skipped_link", frames.link},
                     {"skipped_encoder", frames.encoder},
                     {"arrives", sender.arrives},
                     {"encoding", sender.encoding},
                     {"round_trip", sender.round_trip}}};
    out[{"sender", nodes[i].name}] = {.finding = std::move(finding), .explains = 0};
  }
}

}  // namespace freshframe::core
