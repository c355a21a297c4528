// Moves a candidate onto the edges around it, with a search window that narrows.
// SPDX-License-Identifier: Apache-2.0
//
// Robust Gauss-Newton on the radial distances of the edges: Tukey's biweight on the orthogonal distance fit
// of S. J. Ahn, W. Rauh, H.-J. Warnecke, "Least-squares orthogonal distances fitting of circle", Pattern
// Recognition 2001.
#include "vision/rim/refinement.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace freshframe::vision {

namespace {

struct Move {
  double x = 0;
  double y = 0;
  double r = 0;
};

/// Normal equations of  offset = x ux + y uy + r  with weights, after S. J. Ahn, W. Rauh, H.-J. Warnecke,
/// "Least-squares orthogonal distances fitting of circle", Pattern Recognition 2001.
class MoveEquations {
 public:
  /// Adds an edge that is `offset` pixels outside of the rim in the direction (ux, uy).
  void add(double ux, double uy, double offset, double weight) noexcept {
    uu_ += weight * ux * ux;
    uv_ += weight * ux * uy;
    u1_ += weight * ux;
    vv_ += weight * uy * uy;
    v1_ += weight * uy;
    w_ += weight;
    eu_ += weight * offset * ux;
    ev_ += weight * offset * uy;
    e1_ += weight * offset;
  }

  /// Solves the damped system by Cramer's rule. Returns nullopt if there are too few edges.
  [[nodiscard]] std::optional<Move> solve() const noexcept {
    if (w_ < kMinWeight) return std::nullopt;
    const double a = uu_ + kCentreDamping * w_;
    const double d = vv_ + kCentreDamping * w_;
    const double f = w_ * (1 + kRadiusDamping);
    const double m00 = d * f - v1_ * v1_;
    const double m01 = uv_ * f - v1_ * u1_;
    const double m02 = uv_ * v1_ - d * u1_;
    const double determinant = a * m00 - uv_ * m01 + u1_ * m02;
    if (std::abs(determinant) < 1e-9) return std::nullopt;
    const double x = eu_ * m00 - uv_ * (ev_ * f - v1_ * e1_) + u1_ * (ev_ * v1_ - d * e1_);
    const double y = a * (ev_ * f - v1_ * e1_) - eu_ * m01 + u1_ * (uv_ * e1_ - ev_ * u1_);
    const double r = a * (d * e1_ - ev_ * v1_) - uv_ * (uv_ * e1_ - ev_ * u1_) + eu_ * m02;
    return Move{x / determinant, y / determinant, r / determinant};
  }

 private:
  static constexpr double kMinWeight = 4;  // sum of the weights, three unknowns
  // Damps the unknowns that the edges do not determine (the centre, when only a short arc is seen).
  static constexpr double kCentreDamping = 0.02, kRadiusDamping = 0.002;

  double uu_ = 0, uv_ = 0, u1_ = 0, vv_ = 0, v1_ = 0, w_ = 0;
  double eu_ = 0, ev_ = 0, e1_ = 0;
};

// Search window of the first round: a fraction of the radius, within bounds in pixels.
constexpr float kWindowOfRadius = 0.08F, kMinWindow = 2, kMaxWindow = 6;
constexpr float kSecondWindow = 0.6F;  // size of the second round's window relative to the first
// Fractions of all rays that must be inside the image, find an edge in the first round, and agree in polarity
// in the second.
constexpr float kMinInside = 0.4F, kMinFound = 0.4F, kMinAgreeing = 0.3F;
constexpr float kSameCircleDistance = 0.6F;  // sum of the differences in centre and radius, pixels

// A candidate this close to a refined circle would move to it: a fraction of the radius, but at least so many
// pixels.
constexpr float kNear = 2, kNearOfRadius = 0.1F;

// Scale of the biweight in the first and second pass of a round: a fraction of the window, but at least so
// many pixels.
constexpr double kScales[] = {0.6, 0.4};
constexpr double kMinScale = 0.7;
constexpr double kCutOff = 4;            // square of the scales beyond which an edge has no weight
constexpr double kMinorityWeight = 0.5;  // for edges with the other polarity

std::optional<Move> fit_move(const Rim& rim, double window) {
  Move total;
  for (const double fraction : kScales) {
    const double scale = std::max(kMinScale, window * fraction);
    MoveEquations equations;
    for (const Ray& ray : rim.rays()) {
      if (ray.edge == Ray::Edge::None) continue;
      const double ux{ray.ux};
      const double uy{ray.uy};
      const double error = double{ray.offset} - total.x * ux - total.y * uy - total.r;
      const double t2 = error * error / (scale * scale);
      if (t2 >= kCutOff) continue;
      const double biweight = (1 - t2 / kCutOff) * (1 - t2 / kCutOff);
      equations.add(ux, uy, error, ray.edge == rim.majority() ? biweight : kMinorityWeight * biweight);
    }
    const auto move = equations.solve();
    if (!move) return std::nullopt;
    total.x += move->x;
    total.y += move->y;
    total.r += move->r;
  }
  return total;
}

}  // namespace

bool leads_to(const Circle& candidate, const Circle& known) noexcept {
  const float near = std::max(kNear, kNearOfRadius * known.r);
  return std::abs(candidate.x - known.x) + std::abs(candidate.y - known.y) < near &&
         std::abs(candidate.r - known.r) < near;
}

void Refinement::start(const GradientField& field) {
  field_ = &field;
  seen_.clear();
}

bool Refinement::remember_new(const Circle& circle) {
  for (const Circle& s : seen_) {
    if (std::abs(s.x - circle.x) + std::abs(s.y - circle.y) + std::abs(s.r - circle.r) < kSameCircleDistance)
      return false;
  }
  seen_.push_back(circle);
  return true;
}

bool Refinement::refine(Circle& circle, Rim& rim) {
  constexpr int kRefineRounds = 3;
  constexpr int kExactRound = 2;  // before this round, the error of the circle is more than a pixel
  const int rays = Rim::rays_for(circle.r);
  const auto all = static_cast<float>(rays);
  const float first_window = std::clamp(kWindowOfRadius * circle.r, kMinWindow, kMaxWindow);
  const float windows[kRefineRounds + 1] = {first_window, std::max(kMinWindow, kSecondWindow * first_window),
                                            kMinWindow, kMinWindow};
  for (int round = 0; round <= kRefineRounds; ++round) {
    const int step = round == 0 ? 2 : 1;
    rim.cast(*field_, circle, rays, {.window = windows[round], .step = step, .exact = round >= kExactRound});
    if (static_cast<float>(rim.inside() * step) < kMinInside * all) return false;
    if (round == 0 && static_cast<float>((rim.darker() + rim.brighter()) * step) < kMinFound * all)
      return false;
    if (round == 1 && static_cast<float>(std::max(rim.darker(), rim.brighter())) < kMinAgreeing * all)
      return false;
    if (round == 2 && !remember_new(circle)) return false;
    if (round == kRefineRounds) return true;
    const auto move = fit_move(rim, double{windows[round]});
    if (!move) return false;
    circle.x += static_cast<float>(move->x);
    circle.y += static_cast<float>(move->y);
    circle.r += static_cast<float>(move->r);
    if (!(circle.r >= radii_.min && circle.r <= radii_.max)) return false;
  }
  return true;
}

}  // namespace freshframe::vision
