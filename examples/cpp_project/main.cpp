// Tracks the circles of a video or a camera and measures its brightness, with a dashboard: watch_circles [URL].
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <freshframe/error.hpp>
#include <freshframe/media.hpp>
#include <freshframe/pipeline.hpp>
#include <freshframe/serve.hpp>
#include <freshframe/vision.hpp>

namespace ff = freshframe;

// A custom step: the mean of a frame's luma.
class Brightness final : public ff::Node<ff::Frame, double> {
 public:
  std::optional<double> process(const ff::Sample<ff::Frame>& sample,
                                const ff::Context& /*context*/) override {
    const ff::Plane luma = sample.value.luma();
    std::uint64_t sum = 0;
    for (int y = 0; y < luma.rows; ++y) {
      for (int x = 0; x < luma.row_bytes; ++x) sum += luma.row(y)[x];
    }
    return static_cast<double>(sum) / (static_cast<double>(luma.rows) * luma.row_bytes);
  }
};

void run(const std::string& url) {
  ff::Pipeline pipeline;
  const auto video = pipeline.add(ff::open(url), {.name = "video"});
  const auto brightness = pipeline.add(std::make_unique<Brightness>(), video, {.name = "brightness"});
  const auto tracker = pipeline.add(std::make_unique<ff::CircleTracker>(), video, {.name = "tracker"});

  auto circles = pipeline.reader(tracker);
  auto levels = pipeline.reader(brightness, {.queue = ff::kLatest});  // only the newest result matters

  const ff::Server dashboard(pipeline);
  std::cout << "dashboard: " << dashboard.url() << std::endl;

  pipeline.start();
  while (const auto sample = circles.get()) {  // empty after the end of the video
    std::cout << sample->stamp.pts << " s: " << sample->value.circles.size() << " circles";
    if (const auto level = levels.latest()) std::cout << ", brightness " << level->value;
    std::cout << "\n";
  }
  std::cout << pipeline.report().samples << " frames\n";
}

int main(int count, char** arguments) {
  try {
    run(count > 1 ? arguments[1] : "demo:circles?frames=90&pace=0");
  } catch (const ff::Error& error) {  // such as a camera that does not exist, or a node that threw
    std::cerr << error.what() << "\n";
    return 1;
  }
}
