// Prints what each stage of the circle search makes of a raw grey picture, as JSON: for the pictures of
// docs/circles.md.
// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <fstream>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "vision/arcs/arcs.hpp"
#include "vision/arcs/candidates.hpp"
#include "vision/arcs/edge_chains.hpp"
#include "vision/picture/gradient_field.hpp"
#include "vision/search/circle_search.hpp"

namespace {

using freshframe::Circle;
using freshframe::CircleDetectorOptions;
using freshframe::Plane;
using freshframe::vision::Arc;
using freshframe::vision::ArcFinder;
using freshframe::vision::CandidateFinder;
using freshframe::vision::CircleSearch;
using freshframe::vision::EdgeChains;
using freshframe::vision::EdgePoint;
using freshframe::vision::Features;
using freshframe::vision::GradientField;

constexpr float kMinRadius = 6;
constexpr float kMaxRadius = 150;

// [..., ...] with what `print` writes for each item.
template <class Items, class Print>
void print_list(const char* name, const Items& items, const Print& print) {
  std::cout << '"' << name << "\":[";
  const char* comma = "";
  for (const auto& item : items) {
    std::cout << comma << '[';
    print(item);
    std::cout << ']';
    comma = ",";
  }
  std::cout << ']';
}

void print_circle(const Circle& c) {
  std::cout << c.x << ',' << c.y << ',' << c.r << ',' << c.confidence;
}

void print_chain(std::span<const EdgePoint> chain) {
  const char* comma = "";
  for (const EdgePoint& p : chain) {
    std::cout << comma << '[' << p.x << ',' << p.y << ']';
    comma = ",";
  }
}

void print_arc(const Arc& a) {
  std::cout << a.x << ',' << a.y << ',' << a.r << ',' << a.span << ',' << a.middle_x << ',' << a.middle_y;
}

void print_stages(const Plane& luma) {
  GradientField field;
  EdgeChains chains;
  ArcFinder arcs;
  CandidateFinder candidates;
  field.compute(luma);
  chains.trace(field);
  arcs.find(chains, field, {kMinRadius, kMaxRadius});
  candidates.find(arcs.arcs(), field.width(), field.height(), {kMinRadius, kMaxRadius});
  std::vector<std::span<const EdgePoint>> all;
  for (int i = 0; i < chains.size(); ++i) all.push_back(chains[i]);

  const CircleDetectorOptions options = {.min_radius = kMinRadius, .max_radius = kMaxRadius};
  std::vector<Circle> judged;
  CircleSearch watched(options);
  watched.set_observer([&](const Circle& circle, const Features&) { judged.push_back(circle); });
  static_cast<void>(watched.find(luma));

  std::cout << '{';
  print_list("chains", all, print_chain);
  std::cout << ',';
  print_list("arcs", arcs.arcs(), print_arc);
  std::cout << ',';
  print_list("candidates", candidates.candidates(), print_circle);
  std::cout << ',';
  print_list("judged", judged, print_circle);
  std::cout << ',';
  print_list("circles", CircleSearch(options).find(luma), print_circle);
  std::cout << "}\n";
}

int run(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "circle_stages_bench FILE WIDTH HEIGHT, FILE of WIDTH x HEIGHT bytes\n";
    return 2;
  }
  const int width = std::stoi(argv[2]);
  const int height = std::stoi(argv[3]);
  std::vector<char> picture(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  std::ifstream file(argv[1], std::ios::binary);
  if (!file.read(picture.data(), static_cast<std::streamsize>(picture.size()))) {
    throw std::runtime_error(std::string("cannot read ") + argv[1]);
  }
  print_stages({reinterpret_cast<const std::uint8_t*>(picture.data()), height, width, width});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "circle_stages_bench: " << e.what() << '\n';
    return 1;
  }
}
