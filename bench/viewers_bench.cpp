// For viewers.py: a 720p pipeline at 30 frames per second with a server, and what a JPEG picture costs.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"
#include "freshframe/pipeline.hpp"
#include "freshframe/serve.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "media/colour/jpeg_encoder.hpp"
#include <unistd.h>

namespace freshframe {
namespace {

using Real = std::chrono::steady_clock;

double ms(Real::duration span) {
  return std::chrono::duration<double, std::milli>(span).count();
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(q * static_cast<double>(values.size())))];
}

double resident_mb() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

/// Notes when each frame comes.
class Notes final : public Node<Frame, Nothing> {
 public:
  explicit Notes(std::vector<Real::time_point>& times) : times_(times) {}
  std::optional<Nothing> process(const Sample<Frame>& /*sample*/, const Context& /*context*/) override {
    times_.push_back(Real::now());
    return Nothing{};
  }

 private:
  std::vector<Real::time_point>& times_;
};

// Prints the URL, runs until a line or the end of input comes, prints the figures as JSON.
void serve() {
  std::vector<Real::time_point> times;
  times.reserve(100'000);
  Pipeline pipeline;
  const auto camera = pipeline.add(open("demo:circles?size=1280x720&fps=30&balls=3"), {.name = "camera"});
  pipeline.add(std::make_unique<Notes>(times), camera, {.name = "notes"});
  Server server(pipeline);
  pipeline.start();
  std::cout << server.url() << std::endl;  // NOLINT(performance-avoid-endl): the client waits for it
  std::string line;
  std::getline(std::cin, line);  // the viewers have come
  const auto from = Real::now();
  std::getline(std::cin, line);
  const double rss = resident_mb();
  pipeline.stop();
  std::vector<double> intervals;
  for (std::size_t i = 1; i < times.size(); ++i) {
    if (times[i - 1] >= from) intervals.push_back(ms(times[i] - times[i - 1]));
  }
  std::printf("{\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f, \"frames\": %zu, \"rss_mb\": %.1f}\n",
              quantile(intervals, 0.5), quantile(intervals, 0.99), quantile(intervals, 1.0), intervals.size(),
              rss);
}

Frame picture(ColorRange range, ColorSpace space) {
  Pipeline pipeline;
  auto reader =
      pipeline.reader(pipeline.add(open("demo:circles?size=1280x720&fps=30&balls=3&frames=1&pace=0")));
  pipeline.start();
  const Frame rgb = reader.get()->value.to(PixelFormat::Rgb);
  FrameBuilder builder({1280, 720, PixelFormat::I420, range, space});
  if (!pixel_ops().convert(rgb.picture(), builder.picture())) std::exit(1);
  return std::move(builder).publish(pixel_ops());
}

void jpeg(int rounds) {
  struct Kind {
    const char* name;
    Frame frame;
    int width;
  };
  const auto video = picture(ColorRange::Limited, ColorSpace::Bt709);
  const auto full = picture(ColorRange::Full, ColorSpace::Bt601);
  const std::vector<Kind> kinds = {
      {"jpeg colours, 1280", full, 1280},   {"jpeg colours again, 1280", full, 1280},
      {"video colours, 1280", video, 1280}, {"video colours, 960", video, 960},
      {"video colours, 640", video, 640},   {"rgb, 1280", video.to(PixelFormat::Rgb), 1280}};
  media::JpegEncoder encoder;
  std::vector<std::vector<double>> times(kinds.size());
  std::vector<std::size_t> bytes(kinds.size());
  for (int i = 0; i < rounds; ++i) {
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      const auto began = Real::now();
      bytes[k] = encoder.encode(kinds[k].frame, kinds[k].width, 75).bytes.size();
      times[k].push_back(ms(Real::now() - began));
    }
  }
  std::printf("[");
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    std::printf("%s{\"name\": \"%s\", \"p50_ms\": %.4f, \"p99_ms\": %.4f, \"kb\": %.1f}", k > 0 ? ",\n " : "",
                kinds[k].name, quantile(times[k], 0.5), quantile(times[k], 0.99),
                static_cast<double>(bytes[k]) / 1024);
  }
  std::printf("]\n");
}

}  // namespace
}  // namespace freshframe

int main(int count, char** arguments) {
  if (count == 2 && std::string_view(arguments[1]) == "serve") {
    freshframe::serve();
  } else if (count == 3 && std::string_view(arguments[1]) == "jpeg") {
    freshframe::jpeg(std::atoi(arguments[2]));
  } else {
    std::fprintf(stderr, "usage: viewers_bench serve | jpeg ROUNDS\n");
    return 2;
  }
  return 0;
}
