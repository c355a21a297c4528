// The stages behind CircleFinder in their order; here also for training and benchmarks, which look inside.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <functional>
#include <vector>

#include "vision/rim/features.hpp"
#include "vision/rim/focus.hpp"
#include "vision/search/search_pass.hpp"
#include "vision/search/selection.hpp"

namespace freshframe::vision {

/// Throws Error for a picture of no or of too many pixels.
void check_picture(const Plane& luma);

/// Gradient field, edge chains, arcs, candidates, refinement, learned validation, choice. All but the last at
/// full size and once more at half: there the edges of blurred circles are steep again, and faint ones stand
/// out from the noise. Cost is linear in the number of pixels up to the arcs and bounded from there on,
/// whatever the picture shows. One thread at a time; allocates only while it meets a bigger or busier picture
/// than before.
class CircleSearch {
 public:
  /// Throws OptionError for options that make no sense.
  explicit CircleSearch(const CircleDetectorOptions& options);

  [[nodiscard]] std::vector<Circle> find(const Plane& luma) { return find(luma, {}); }

  /// Looks only where `focus` says, and tries what it expects.
  [[nodiscard]] std::vector<Circle> find(const Plane& luma, const CircleFocus& focus);

  /// Sees every refined candidate, its probability as the score, with its features, before the choice. Makes
  /// the search slow: nothing is passed over any more.
  using Observer = std::function<void(const Circle&, const Features&)>;
  void set_observer(Observer observer);

 private:
  void judge(SearchPass& pass, const Plane& luma, const CircleFocus& focus);

  CircleDetectorOptions options_;
  RadiusRange radii_;  // of the options and the error of measuring
  SearchPass full_;
  SearchPass half_;
  std::vector<SearchPass*> passes_;  // of the two, those that the picture has room for
  Selection selection_;
  std::vector<Circle> settled_;  // expected circles that are certainly there
  Observer observer_;
};

}  // namespace freshframe::vision
