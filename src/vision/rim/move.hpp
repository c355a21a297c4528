// Least squares for the small move that brings a circle onto its edges.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <optional>

namespace freshframe::vision {

struct Move {
  double x = 0;
  double y = 0;
  double r = 0;
};

/// Normal equations of  offset = x ux + y uy + r  with weights, after S. J. Ahn, W. Rauh, H.-J. Warnecke,
/// "Least-squares orthogonal distances fitting of circle", Pattern Recognition 2001.
class MoveEquations {
 public:
  /// An edge `offset` pixels outside of the rim in the direction (ux, uy).
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

  /// Cramer's rule on the damped system; nullopt: too few edges.
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

}  // namespace freshframe::vision
