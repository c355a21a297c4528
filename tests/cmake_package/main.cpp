// Finds the circles of the built-in scene: exit status 0 when a sample with a circle arrived.
// SPDX-License-Identifier: Apache-2.0
#include <freshframe/error.hpp>
#include <freshframe/media.hpp>
#include <freshframe/native.hpp>
#include <freshframe/pipeline.hpp>
#include <freshframe/vision.hpp>

bool refuses_what_is_no_library() {
  try {
    (void)freshframe::native::load_node("no_such_library.so", "node", {}, freshframe::pixel_ops());
  } catch (const freshframe::OptionError&) {
    return true;
  }
  return false;
}

int main() {
  if (!refuses_what_is_no_library()) return 2;
  freshframe::Pipeline pipeline;
  const auto camera = pipeline.add(freshframe::open("demo:circles?fps=60&size=640x360&balls=3&seed=1"));
  auto circles = pipeline.reader(pipeline.add(std::make_unique<freshframe::CircleTracker>(), camera));
  pipeline.start();
  for (int i = 0; i < 100; ++i) {
    if (const auto sample = circles.get(); sample && !sample->value.circles.empty()) return 0;
  }
  return 1;
}
