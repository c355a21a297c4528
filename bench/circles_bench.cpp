// Runs CircleFinder over raw grey pictures and prints circles, times and, if asked, candidates as JSON lines.
// Used where Python is not: profiles, training (tools/circles), comparisons of two builds.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "vision/search/circle_search.hpp"
#include "vision/search/partial_search.hpp"
#include "vision/tracking/circle_motion.hpp"
#include <time.h>

namespace {

using freshframe::Circle;
using freshframe::CircleDetectorOptions;
using freshframe::Circles;
using freshframe::Plane;
using freshframe::vision::CircleSearch;
using freshframe::vision::CircleTracks;
using freshframe::vision::Features;
using freshframe::vision::PartialSearch;

constexpr const char* kUsage =
    "circles_bench LIST [stride=N] [candidates=1] [features=FILE] [repeat=N] [fps=F] [keep=P] [min_radius=] "
    "[max_radius=] "
    "[max_circles=] "
    "[min_confidence=]\n"
    "LIST has lines `name file width height`; a file holds pictures of width x height bytes one after the\n"
    "other. One JSON object per picture goes to stdout: seq, frame, ms, circles [x, y, r, score], "
    "candidates\n"
    "[x, y, r, score, features...]; features=FILE writes the same as 32 bit floats, after each picture's "
    "number\n"
    "in the list. With fps the circles are tracked, of the P of all frames that a seeded\n"
    "generator keeps, and `ids` printed too.\n";

struct Settings {
  // The set of tools/circles and its kin hold radii from 6 to 200.
  CircleDetectorOptions detector = {
      .min_radius = 5, .max_radius = 230, .max_circles = 64, .min_confidence = 0.5F};
  int stride = 1;
  int repeat = 1;  // the fastest of so many runs counts
  bool candidates = false;
  std::string features;   // file; empty: not wanted
  double fps = 0;         // 0: no tracking
  double keep = 1;        // fraction of the frames
  double full_every = 0;  // seconds between searches of the whole picture; 0: each picture
};

// Time on the processor: other programs on the machine do not count.
double thread_time_ms() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

bool set(Settings& s, const std::string& key, const std::string& value) {
  if (key == "stride")
    s.stride = std::stoi(value);
  else if (key == "repeat")
    s.repeat = std::stoi(value);
  else if (key == "fps")
    s.fps = std::stod(value);
  else if (key == "keep")
    s.keep = std::stod(value);
  else if (key == "full_every")
    s.full_every = std::stod(value);
  else if (key == "features")
    s.features = value;
  else if (key == "candidates")
    s.candidates = value != "0";
  else if (key == "min_radius")
    s.detector.min_radius = std::stof(value);
  else if (key == "max_radius")
    s.detector.max_radius = std::stof(value);
  else if (key == "max_circles")
    s.detector.max_circles = std::stoi(value);
  else if (key == "min_confidence")
    s.detector.min_confidence = std::stof(value);
  else
    return false;
  return true;
}

void print_circle(std::ostream& out, const Circle& c) {
  out << c.x << ',' << c.y << ',' << c.r << ',' << c.confidence;
}

class Bench {
 public:
  explicit Bench(const Settings& settings) : settings_(settings), search_(settings.detector) {
    if (!settings.features.empty()) {
      features_.open(settings.features, std::ios::binary);
      if (!features_) throw std::runtime_error("cannot write " + settings.features);
    }
    if (!settings.candidates && settings.features.empty()) return;
    search_.set_observer([this](const Circle& circle, const Features& features) {
      if (features_.is_open()) write_features(circle, features);
      if (!settings_.candidates) return;
      candidates_ << (first_candidate_ ? "[" : ",[");
      first_candidate_ = false;
      print_circle(candidates_, circle);
      for (const float f : features) candidates_ << ',' << f;
      candidates_ << ']';
    });
  }

  void run(const std::string& name, const std::string& path, int width, int height) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    std::vector<char> picture(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
    // As CircleTracker does it.
    CircleTracks tracks({}, freshframe::vision::circle_rules({.detector = settings_.detector}));
    PartialSearch partial(settings_.full_every);
    const bool track = settings_.fps > 0;
    for (int frame = 0; file.read(picture.data(), static_cast<std::streamsize>(picture.size())); ++frame) {
      if (frame % settings_.stride != 0) continue;
      if (settings_.keep < 1 && chance() > settings_.keep) continue;
      const Plane plane{reinterpret_cast<const std::uint8_t*>(picture.data()), height, width, width};
      double best = 1e30;
      Circles result;
      double share = 1;
      if (track) tracks.advance(frame / settings_.fps);
      const PartialSearch before = partial;
      for (int i = 0; i < settings_.repeat; ++i) {
        candidates_.str({});
        first_candidate_ = true;
        partial = before;
        const double start = thread_time_ms();
        result.circles = track ? partial.find(search_, plane, tracks) : search_.find(plane);
        best = std::min(best, thread_time_ms() - start);
        share = partial.searched_share();
      }
      if (track) {
        tracks.take(result.circles);
        result = tracked_circles(tracks, result.circles);
      }
      print(name, frame, best, result, share);
      ++picture_;
    }
  }

 private:
  void print(const std::string& name, int frame, double ms, const Circles& result, double share) {
    std::ostringstream out;
    out << R"({"seq":")" << name << R"(","frame":)" << frame << R"(,"ms":)" << ms << R"(,"share":)" << share
        << R"(,"circles":[)";
    for (std::size_t i = 0; i < result.circles.size(); ++i) {
      out << (i == 0 ? "[" : ",[");
      print_circle(out, result.circles[i]);
      out << ']';
    }
    out << ']';
    if (settings_.fps > 0) {
      out << R"(,"ids":[)";
      for (std::size_t i = 0; i < result.ids.size(); ++i) out << (i == 0 ? "" : ",") << result.ids[i];
      out << ']';
    }
    if (settings_.candidates) out << R"(,"candidates":[)" << candidates_.str() << ']';
    out << "}\n";
    std::cout << out.str();
  }

  void write_features(const Circle& c, const Features& features) {
    const float head[] = {static_cast<float>(picture_), c.x, c.y, c.r, c.confidence};
    features_.write(reinterpret_cast<const char*>(head), sizeof head);
    features_.write(reinterpret_cast<const char*>(features.data()), sizeof features);
  }

  double chance() { return static_cast<double>(random_()) / static_cast<double>(std::mt19937::max()); }

  Settings settings_;
  std::mt19937 random_{1};
  CircleSearch search_;
  std::ostringstream candidates_;
  bool first_candidate_ = true;
  std::ofstream features_;
  int picture_ = 0;
};

int run(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << kUsage;
    return 2;
  }
  Settings settings;
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto equals = argument.find('=');
    if (equals == std::string::npos ||
        !set(settings, argument.substr(0, equals), argument.substr(equals + 1))) {
      std::cerr << "unknown setting '" << argument << "'\n" << kUsage;
      return 2;
    }
  }
  std::ifstream list(argv[1]);
  if (!list) throw std::runtime_error(std::string("cannot read ") + argv[1]);
  Bench bench(settings);
  std::string name;
  std::string path;
  int width = 0;
  int height = 0;
  while (list >> name >> path >> width >> height) bench.run(name, path, width, height);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "circles_bench: " << e.what() << '\n';
    return 1;
  }
}
