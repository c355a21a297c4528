// Samples brightness and edges on rings inside and outside of a circle's rim.
// SPDX-License-Identifier: Apache-2.0
//
// measure_rim_profile() reads eight rings close to the rim on every ray, to measure how sharp and even the
// rim is, and how well centred between the rings. measure_rim_surroundings() reads a few places farther
// inwards and outwards on every other ray, to find out whether there is texture, edges or nothing next to the
// rim.
#include "vision/rim/brightness.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace freshframe::vision {

namespace {

constexpr int kRings = RimProfile::kRings;
constexpr int kSectors = RimProfile::kSectors;
using RingSamples = std::array<float, kRings>;

// The positions of the rings, in units of a fraction of the radius, with bounds in pixels.
constexpr RingSamples kProfileRings = {-4, -2.5F, -1.5F, -0.5F, 0.5F, 1.5F, 2.5F, 4};
constexpr float kRingUnitOfRadius = 0.06F, kMinRingUnit = 1, kMaxRingUnit = 3;
// index of the jump between the innermost outer ring and the outermost inner one
constexpr int kJumpAtRim = 3;
constexpr int kRingInside = 2, kRingOutside = 5;  // rings whose difference is the contrast
constexpr std::size_t kEnoughProfileRays = 48;    // rays; if there are more, every other one is used
constexpr float kLeastSignedContrast = 2;         // grey levels; a smaller contrast has no sign

// Reads brightness along rays.
class RingSampler {
 public:
  RingSampler(const GradientField& field, const Circle& circle) : field_(field), x_(circle.x), y_(circle.y) {
    const float unit = std::clamp(kRingUnitOfRadius * circle.r, kMinRingUnit, kMaxRingUnit);
    for (std::size_t k = 0; k < distances_.size(); ++k) distances_[k] = circle.r + kProfileRings[k] * unit;
  }

  // Returns false if a sample is outside of the image. Only the first and the last one need to be checked.
  bool read(const Ray& ray, RingSamples& to) const {
    if (!holds(ray, distances_.front()) || !holds(ray, distances_.back())) return false;
    for (std::size_t k = 0; k < to.size(); ++k) {
      // Coordinates within the image are not negative. NOLINTBEGIN(bugprone-incorrect-roundings)
      const auto column = static_cast<int>(x_ + distances_[k] * ray.ux + 0.5F);
      const auto row = static_cast<int>(y_ + distances_[k] * ray.uy + 0.5F);
      // NOLINTEND(bugprone-incorrect-roundings)
      to[k] = static_cast<float>(field_.read_smoothed(row * field_.stride() + column)) / kLumaScale;
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
  RingSamples distances_{};
};

// Running sums over the rays.
class ProfileSums {
 public:
  void add(const RingSamples& now, const Ray& ray, std::size_t sector) {
    ++rays_;
    add_jumps(now);
    if (after_ray_) {
      ++neighbours_;
      for (std::size_t k = 0; k < now.size(); ++k) roughness_[k] += std::abs(now[k] - before_[k]);
    }
    before_ = now;
    after_ray_ = true;
    add_contrast(now[kRingOutside] - now[kRingInside], ray, sector);
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
    // The first two terms of the contrast's Fourier series around the circle.
    const float mean = sum_ / rays;
    const float cosine = 2 * cosines_ / rays;
    const float sine = 2 * sines_ / rays;
    const float first = cosine * cosine + sine * sine;
    profile.shading = std::min(1.0F, (mean * mean + first / 2) / (squares_ / rays + 1));
    profile.lopsided = std::sqrt(first) / (std::sqrt(first) + std::abs(mean) + 1);
    return profile;
  }

 private:
  void add_jumps(const RingSamples& now) {
    std::array<float, kRings - 1> jumps;
    for (std::size_t k = 0; k < jumps.size(); ++k) jumps[k] = std::abs(now[k + 1] - now[k]);
    for (std::size_t k = 0; k < jumps.size(); ++k) jumps_[k] += jumps[k];
    const auto largest = static_cast<int>(std::max_element(jumps.begin(), jumps.end()) - jumps.begin());
    if (largest == kJumpAtRim) ++central_;
    if (std::abs(largest - kJumpAtRim) <= 1) ++near_;
  }

  void add_contrast(float contrast, const Ray& ray, std::size_t sector) {
    sector_sums_[sector] += contrast;
    ++sector_rays_[sector];
    sum_ += contrast;
    cosines_ += contrast * ray.ux;
    sines_ += contrast * ray.uy;
    squares_ += contrast * contrast;
    if (std::abs(contrast) < kLeastSignedContrast) return;
    const int sign = contrast > 0 ? 1 : -1;
    if (sign_ == -sign) ++reversals_;
    sign_ = sign;
  }

  RingSamples before_{};
  bool after_ray_ = false;
  int rays_ = 0, neighbours_ = 0, sign_ = 0;
  int central_ = 0, near_ = 0, reversals_ = 0;
  std::array<float, kRings - 1> jumps_{};
  RingSamples roughness_{};
  std::array<float, kSectors> sector_sums_{};
  std::array<int, kSectors> sector_rays_{};
  float sum_ = 0, cosines_ = 0, sines_ = 0, squares_ = 0;
};

}  // namespace

RimProfile measure_rim_profile(const GradientField& field, const Circle& circle, const Rim& rim) noexcept {
  const RingSampler sampler(field, circle);
  const auto rays = rim.rays();
  const std::size_t step = rays.size() > kEnoughProfileRays ? 2 : 1;
  ProfileSums sums;
  for (std::size_t i = 0; i < rays.size(); i += step) {
    RingSamples samples;
    if (sampler.read(rays[i], samples)) {
      sums.add(samples, rays[i], i * kSectors / rays.size());
    } else {
      sums.skip();
    }
  }
  return sums.result();
}

namespace {

// Distances of the rings from the rim: a fraction of the radius, but at least kMinSide pixels.
constexpr float kSideOfRadius = 0.12F, kMinSide = 2;
constexpr float kRingOfRadius = 0.3F, kMinRing = 3;
constexpr float kMiddleRings[] = {0.25F, 0.5F};  // shares of the radius, from the centre
constexpr double kLeastClearDifference = 4;      // grey levels between inside and outside

// Returns the pixel on a ray at this distance from the centre, or -1 outside of the image.
int pixel_on_ray(const GradientField& field, const Circle& circle, const Ray& ray, float distance) {
  const float right = circle.x + distance * ray.ux + 0.5F;
  const float down = circle.y + distance * ray.uy + 0.5F;
  const int x = static_cast<int>(right);
  const int y = static_cast<int>(down);
  if (x < 1 || y < 1 || x >= field.width() - 1 || y >= field.height() - 1) return -1;
  return y * field.stride() + x;
}

double grey(const GradientField& field, int pixel) {
  return double(field.read_smoothed(pixel)) / kLumaScale;
}

void add_place(EdgeDensity& density, const GradientField& field, int pixel) {
  if (pixel < 0) return;
  ++density.places;
  if (field.magnitude(pixel) >= kEdgeMagnitude) ++density.edges;
}

}  // namespace

RimSurroundings measure_rim_surroundings(const GradientField& field, const Circle& circle,
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
    if (difference * sign >= kLeastClearDifference) ++around.agreeing;
    add_place(around.inner_ring, field, pixel_on_ray(field, circle, ray, circle.r - ring));
    add_place(around.outer_ring, field, pixel_on_ray(field, circle, ray, circle.r + ring));
  }
  return around;
}

}  // namespace freshframe::vision
