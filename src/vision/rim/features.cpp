// Numbers that distinguish a real circle from edges that are on one by chance, and the probability that they are of one.
// SPDX-License-Identifier: Apache-2.0
//
// A change of one requires a new training (tools/circles).
#include "vision/rim/features.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace freshframe::vision {

namespace {

// The brightness across and along a circle's rim, independent of which side is brighter.
// Samples brightness on rings around a circle's rim.

/// Brightness is sampled on kRings circles around the centre, four inside of the rim and four outside. Means
/// are over the rays with all samples inside the picture, in grey levels.
struct RimProfile {
  static constexpr int kRings = 8;
  static constexpr int kSectors = 8;

  std::array<float, kRings - 1> jumps{};    // mean absolute difference between neighbouring rings
  std::array<float, kRings> roughness{};    // mean absolute difference between neighbouring rays
  std::array<float, kSectors> contrasts{};  // absolute mean difference across the rim, ascending
  float central = 0;                        // fraction of rays whose largest jump is at the rim
  float near = 0;                           // ... at the rim or next to it
  float shading = 0;                        // share of the contrast that light from one side explains, 0..1
  float lopsided = 0;                       // difference of the contrast between opposite sides, 0..1
  float reversals = 0;                      // changes of the contrast's sign per ray
};

constexpr int kRings = RimProfile::kRings;
constexpr int kSectors = RimProfile::kSectors;
using Samples = std::array<float, kRings>;

// The positions of the rings, in units of a fraction of the radius, with bounds in pixels.
constexpr Samples kRingsAt = {-4, -2.5F, -1.5F, -0.5F, 0.5F, 1.5F, 2.5F, 4};
constexpr float kUnitOfRadius = 0.06F, kMinUnit = 1, kMaxUnit = 3;
constexpr int kAtRim = 3;  // the jump between the innermost outer ring and the outermost inner one
constexpr int kInside = 2, kOutside = 5;  // rings between which the contrast is taken
constexpr std::size_t kEnoughRays = 48;   // of more rays every other one is used
constexpr float kClear = 2;               // grey levels; a smaller contrast has no sign

// Reads brightness along rays.
class Sampler {
 public:
  Sampler(const GradientField& field, const Circle& circle) : field_(field), x_(circle.x), y_(circle.y) {
    const float unit = std::clamp(kUnitOfRadius * circle.r, kMinUnit, kMaxUnit);
    for (std::size_t k = 0; k < distances_.size(); ++k) distances_[k] = circle.r + kRingsAt[k] * unit;
  }

  // Returns false when a sample is outside of the picture. It is enough to check the first and the last one.
  bool read(const Ray& ray, Samples& to) const {
    if (!holds(ray, distances_.front()) || !holds(ray, distances_.back())) return false;
    for (std::size_t k = 0; k < to.size(); ++k) {
      // Coordinates within the picture are not negative. NOLINTBEGIN(bugprone-incorrect-roundings)
      const auto column = static_cast<int>(x_ + distances_[k] * ray.ux + 0.5F);
      const auto row = static_cast<int>(y_ + distances_[k] * ray.uy + 0.5F);
      // NOLINTEND(bugprone-incorrect-roundings)
      to[k] = static_cast<float>(field_.smoothed(row * field_.stride() + column)) / kLumaScale;
    }
    return true;
  }

 private:
  [[nodiscard]] bool holds(const Ray& ray, float distance) const {
    const float x = x_ + distance * ray.ux;
    const float y = y_ + distance * ray.uy;
    return x >= 1 && y >= 1 && x < static_cast<float>(field_.width() - 2) &&
           y < static_cast<float>(field_.height() - 2);
  }

  const GradientField& field_;
  float x_;
  float y_;
  Samples distances_{};
};

// Running sums over the rays.
class ProfileSums {
 public:
  void add(const Samples& now, const Ray& ray, std::size_t sector) {
    ++rays_;
    add_jumps(now);
    if (after_ray_) {
      ++neighbours_;
      for (std::size_t k = 0; k < now.size(); ++k) roughness_[k] += std::abs(now[k] - before_[k]);
    }
    before_ = now;
    after_ray_ = true;
    add_contrast(now[kOutside] - now[kInside], ray, sector);
  }
  void skip() { after_ray_ = false; }

  [[nodiscard]] RimProfile result() const {
    RimProfile profile;
    const auto rays = static_cast<float>(std::max(1, rays_));
    const auto neighbours = static_cast<float>(std::max(1, neighbours_));
    for (std::size_t k = 0; k < profile.jumps.size(); ++k) profile.jumps[k] = jumps_[k] / rays;
    for (std::size_t k = 0; k < profile.roughness.size(); ++k)
      profile.roughness[k] = roughness_[k] / neighbours;
    for (std::size_t s = 0; s < kSectors; ++s) {
      profile.contrasts[s] = std::abs(sector_sums_[s]) / static_cast<float>(std::max(1, sector_rays_[s]));
    }
    std::sort(profile.contrasts.begin(), profile.contrasts.end());
    profile.central = static_cast<float>(central_) / rays;
    profile.near = static_cast<float>(near_) / rays;
    profile.reversals = static_cast<float>(reversals_) / rays;
    // First two terms of the contrast's Fourier series around the circle.
    const float mean = sum_ / rays;
    const float cosine = 2 * cosines_ / rays;
    const float sine = 2 * sines_ / rays;
    const float first = cosine * cosine + sine * sine;
    profile.shading = std::min(1.0F, (mean * mean + first / 2) / (squares_ / rays + 1));
    profile.lopsided = std::sqrt(first) / (std::sqrt(first) + std::abs(mean) + 1);
    return profile;
  }

 private:
  void add_jumps(const Samples& now) {
    std::array<float, kRings - 1> jumps;
    for (std::size_t k = 0; k < jumps.size(); ++k) jumps[k] = std::abs(now[k + 1] - now[k]);
    for (std::size_t k = 0; k < jumps.size(); ++k) jumps_[k] += jumps[k];
    const auto largest = static_cast<int>(std::max_element(jumps.begin(), jumps.end()) - jumps.begin());
    if (largest == kAtRim) ++central_;
    if (std::abs(largest - kAtRim) <= 1) ++near_;
  }

  void add_contrast(float contrast, const Ray& ray, std::size_t sector) {
    sector_sums_[sector] += contrast;
    ++sector_rays_[sector];
    sum_ += contrast;
    cosines_ += contrast * ray.ux;
    sines_ += contrast * ray.uy;
    squares_ += contrast * contrast;
    if (std::abs(contrast) < kClear) return;
    const int sign = contrast > 0 ? 1 : -1;
    if (sign_ == -sign) ++reversals_;
    sign_ = sign;
  }

  Samples before_{};
  bool after_ray_ = false;
  int rays_ = 0, neighbours_ = 0, sign_ = 0;
  int central_ = 0, near_ = 0, reversals_ = 0;
  std::array<float, kRings - 1> jumps_{};
  Samples roughness_{};
  std::array<float, kSectors> sector_sums_{};
  std::array<int, kSectors> sector_rays_{};
  float sum_ = 0, cosines_ = 0, sines_ = 0, squares_ = 0;
};

[[nodiscard]] RimProfile measure_rim_profile(const GradientField& field, const Circle& circle,
                                             const Rim& rim) noexcept {
  const Sampler sampler(field, circle);
  const auto rays = rim.rays();
  const std::size_t step = rays.size() > kEnoughRays ? 2 : 1;
  ProfileSums sums;
  for (std::size_t i = 0; i < rays.size(); i += step) {
    Samples samples;
    if (sampler.read(rays[i], samples)) {
      sums.add(samples, rays[i], i * kSectors / rays.size());
    } else {
      sums.skip();
    }
  }
  return sums.result();
}

// The picture's brightness and edges on both sides of a circle's rim.
// Samples brightness and edges on rings inside and outside of a circle.

/// Mean and deviation of brightness, grey levels.
struct Brightness {
  int count = 0;
  double sum = 0;
  double squares = 0;

  void add(double value) noexcept {
    ++count;
    sum += value;
    squares += value * value;
  }
  [[nodiscard]] double mean() const noexcept { return sum / std::max(1, count); }
  [[nodiscard]] double deviation() const noexcept {
    return std::sqrt(std::max(0.0, squares / std::max(1, count) - mean() * mean()));
  }
};

/// The share of the sampled places that are edges: a circle has none there, texture has.
struct EdgeDensity {
  int edges = 0;
  int places = 0;
  [[nodiscard]] double fraction() const noexcept { return double(edges) / std::max(1, places); }
};

struct RimSurroundings {
  Brightness inner;  // just inside and just outside of the rim
  Brightness outer;
  double differences = 0;  // outer minus inner along each ray
  double absolute_differences = 0;
  int agreeing = 0;        // rays along which the difference has the majority's sign and is clear
  EdgeDensity inner_ring;  // further from the rim
  EdgeDensity outer_ring;
  Brightness middle;  // around the centre
  EdgeDensity middle_edges;
};

// Distances of the rings from the rim: fraction of the radius, pixels at least.
constexpr float kSideOfRadius = 0.12F, kMinSide = 2;
constexpr float kRingOfRadius = 0.3F, kMinRing = 3;
constexpr float kMiddleRings[] = {0.25F, 0.5F};  // of the radius, from the centre
constexpr double kClearDifference = 4;           // grey levels between inside and outside

// The pixel on a ray at this distance from the centre, -1 outside of the picture.
int pixel_on_ray(const GradientField& field, const Circle& circle, const Ray& ray, float distance) {
  const float right = circle.x + distance * ray.ux + 0.5F;
  const float down = circle.y + distance * ray.uy + 0.5F;
  const int x = static_cast<int>(right);
  const int y = static_cast<int>(down);
  if (x < 1 || y < 1 || x >= field.width() - 1 || y >= field.height() - 1) return -1;
  return y * field.stride() + x;
}

double grey(const GradientField& field, int pixel) {
  return double(field.smoothed(pixel)) / kLumaScale;
}

void add_place(EdgeDensity& density, const GradientField& field, int pixel) {
  if (pixel < 0) return;
  ++density.places;
  if (field.magnitude(pixel) >= kEdgeMagnitude) ++density.edges;
}

[[nodiscard]] RimSurroundings measure_rim_surroundings(const GradientField& field, const Circle& circle,
                                                       const Rim& rim) noexcept {
  const float side = std::max(kMinSide, kSideOfRadius * circle.r);
  const float ring = std::max(kMinRing, kRingOfRadius * circle.r);
  const int sign = rim.majority() == Ray::Edge::Brighter ? 1 : -1;
  RimSurroundings around;
  const auto rays = rim.rays();
  for (std::size_t i = 0; i < rays.size(); i += 2) {  // every other ray is enough for means
    const Ray& ray = rays[i];
    const int inner = pixel_on_ray(field, circle, ray, circle.r - side);
    const int outer = pixel_on_ray(field, circle, ray, circle.r + side);
    for (const float part : kMiddleRings) {
      const int pixel = pixel_on_ray(field, circle, ray, part * circle.r);
      add_place(around.middle_edges, field, pixel);
      if (pixel >= 0) around.middle.add(grey(field, pixel));
    }
    if (inner < 0 || outer < 0) continue;
    const double difference = grey(field, outer) - grey(field, inner);
    around.inner.add(grey(field, inner));
    around.outer.add(grey(field, outer));
    around.differences += difference;
    around.absolute_differences += std::abs(difference);
    if (difference * sign >= kClearDifference) ++around.agreeing;
    add_place(around.inner_ring, field, pixel_on_ray(field, circle, ray, circle.r - ring));
    add_place(around.outer_ring, field, pixel_on_ray(field, circle, ray, circle.r + ring));
  }
  return around;
}

constexpr std::size_t kAround = 11;
constexpr std::size_t kProfile = std::size_t{kFeatures} - std::size_t{kEdgeFeatures} - kAround;

// Features of a flawless disc: their indices above, and the least or greatest values.
constexpr std::size_t kTightAt = 0, kScatterAt = 3, kUnevenAt = 14, kClearAt = 26, kMiddleAt = 28,
                      kLopsidedAt = 34;
constexpr float kMinTight = 0.9F, kMaxScatter = 0.25F, kMaxUneven = 0.4F, kMinClear = 0.9F, kMaxMiddle = 1,
                kMaxLopsided = 0.25F;

// Grey levels enter as logarithms, because ratios matter.
std::array<double, kProfile> profile_numbers(const RimProfile& profile) {
  std::array<double, kProfile> numbers = {
      double{profile.central},    // 31 largest change of brightness at the rim
      double{profile.near},       // 32
      double{profile.shading},    // 33 contrast as caused by light from one side
      double{profile.lopsided},   // 34
      double{profile.reversals},  // 35 changes of polarity along the rim
  };
  auto next = numbers.begin() + 5;
  const auto add = [&](const auto& values) {
    next = std::transform(values.begin(), values.end(), next, [](float v) { return std::log(1 + v) - 2; });
  };
  add(profile.jumps);      // 36 to 42 change of brightness, from inside to outside
  add(profile.roughness);  // 43 to 50 texture along the rings, from inside to outside
  add(profile.contrasts);  // 51 to 58 contrast of the sectors, from the weakest to the strongest
  return numbers;
}

template <std::size_t kCount>
void put(Features& features, std::size_t first, const std::array<double, kCount>& values) {
  std::transform(values.begin(), values.end(), features.begin() + static_cast<std::ptrdiff_t>(first),
                 [](double v) { return static_cast<float>(v); });
}

}  // namespace

RimEdges add_edge_features(const GradientField& field, const Circle& circle, const Rim& rim,
                           const Origin& origin, Features& features) noexcept {
  const RimEdges edges = measure_rim_edges(field, circle, rim);
  const auto rays = static_cast<double>(rim.rays().size());
  const double agreeing = std::max(1, edges.agreeing);
  const double strength = edges.log_magnitudes / agreeing;
  const double spread = edges.square_log_magnitudes / agreeing - strength * strength;
  const double radius{circle.r};
  put(features, 0,
      std::array<double, kEdgeFeatures>{
          edges.tight / rays,                          // 0 coverage, tight
          edges.agreeing / rays,                       // 1 coverage
          edges.opposing / rays,                       // 2 coverage by the other polarity
          std::sqrt(edges.square_offsets / agreeing),  // 3 scatter around the rim
          edges.cosines / agreeing,                    // 4 how well gradients point to the centre
          strength - 5,                                // 5 strength of the edges
          edges.strong / rays,                         // 6 coverage, clear contrast
          edges.longest_gap / rays,                    // 7
          std::log(radius) - 3,                        // 8 size
          10 / radius,                                 // 9
          rim.inside() / rays,                         // 10 share of the rim in the picture
          edges.elongated.amplitude() / agreeing,      // 11 an ellipse, pixels
          edges.one_sided.amplitude() / rays,          // 12 an arc only
          edges.two_sided.amplitude() / rays,          // 13 two opposite arcs: motion blur
          std::sqrt(std::max(0.0, spread)),            // 14 uneven strength
          double{origin.arcs} / 6,                     // 15 coverage by the candidate's arcs
          (rim.darker() + rim.brighter()) / rays,      // 16 rays that found an edge
          edges.tight_either / rays,                   // 17 coverage by either polarity, tight
          edges.longest_gap_either / rays,             // 18
          origin.half_size ? 1.0 : 0.0,                // 19
      });
  return edges;
}

void add_brightness_features(const GradientField& field, const Circle& circle, const Rim& rim,
                             const RimEdges& edges, Features& features) noexcept {
  const RimSurroundings around = measure_rim_surroundings(field, circle, rim);
  const double inner = around.inner.deviation();
  const double outer = around.outer.deviation();
  const double contrast = std::abs(around.outer.mean() - around.inner.mean());
  const double pairs = std::max(1, around.inner.count);
  const double difference = around.absolute_differences / pairs;
  const double strength = edges.log_magnitudes / std::max(1, edges.agreeing);
  put(features, kEdgeFeatures,
      std::array<double, kAround>{
          contrast / (4 + inner + outer),  // 20 contrast against texture
          std::log(1 + inner) - 2,         // 21 texture inside
          std::log(1 + outer) - 2,         // 22 texture outside
          around.inner_ring.fraction(),    // 23 unexpected edges: inside
          difference / 40,                 // 24 contrast
          around.outer_ring.fraction(),    // 25 unexpected edges: outside
          around.agreeing / pairs,         // 26 clear difference of the right sign across the rim
          std::abs(around.differences) / (1 + around.absolute_differences),  // 27 its differences agree
          std::log(1 + around.middle.deviation()) - 2,                       // 28 texture in the middle
          around.middle_edges.fraction(),                                    // 29 edges in the middle
          strength - std::log(1 + 8 * difference),  // 30 sharpness: slope against contrast
      });
  put(features, kEdgeFeatures + kAround, profile_numbers(measure_rim_profile(field, circle, rim)));
}

bool is_flawless(const Features& features) noexcept {
  return features[kTightAt] >= kMinTight && features[kScatterAt] <= kMaxScatter &&
         features[kUnevenAt] <= kMaxUneven && features[kClearAt] >= kMinClear &&
         features[kMiddleAt] <= kMaxMiddle && features[kLopsidedAt] <= kMaxLopsided;
}

// Evaluates the network whose weights tools/circles/train.py writes.

namespace {

#include "vision/rim/model.inc"

// Weighted sums of the inputs, then ReLU.
template <std::size_t kInputs, std::size_t kOutputs>
std::array<float, kOutputs> rectified_layer(const std::array<float, kInputs>& inputs,
                                            const float (&weights)[kInputs][kOutputs],
                                            const float (&biases)[kOutputs]) {
  std::array<float, kOutputs> sums;
  std::copy_n(biases, kOutputs, sums.begin());
  for (std::size_t i = 0; i < kInputs; ++i) {
    for (std::size_t unit = 0; unit < kOutputs; ++unit) sums[unit] += weights[i][unit] * inputs[i];
  }
  for (float& sum : sums) sum = std::max(0.0F, sum);
  return sums;
}

}  // namespace

bool may_be_circle(const Features& features) noexcept {
  float sum = kGlanceBias;
  for (std::size_t i = 0; i < std::size_t{kEdgeFeatures}; ++i) sum += kGlanceWeights[i] * features[i];
  return sum > 0;
}

float circle_probability(const Features& features) noexcept {
  const auto first = rectified_layer(features, kWeights, kBiases);
  const auto second = rectified_layer(first, kSecondWeights, kSecondBiases);
  float logit = kOutputBias;
  for (std::size_t unit = 0; unit < second.size(); ++unit) logit += kOutputs[unit] * second[unit];
  return 1 / (1 + std::exp(-logit));
}

}  // namespace freshframe::vision
