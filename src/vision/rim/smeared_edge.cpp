// Fits a step, blurred by lens and motion, to the brightness on a ray.
// SPDX-License-Identifier: Apache-2.0
//
// The model. A point of the rim that moves evenly while the shutter is open blurs the edge with a box, as
// wide as the motion is long in the ray's direction. The lens and the smoothing add a bell, here a triangle.
// At the distance d outwards from the edge the brightness is
//
//   y(d) = a + b S(d) + c R(d),
//
// S the step, from 0 inside to 1 outside, that box and triangle have blurred, and R(d) = min(0, d) a ramp
// that ends at the edge: the shading of a ball. With T1 and T2 the first and the second integral of the
// triangle, and w the width of the box,
//
//   S(d)        = (T2(d + w/2) - T2(d - w/2)) / w
//   dS / dd     = (T1(d + w/2) - T1(d - w/2)) / w
//   dS / d(w^2) = ((T1(d + w/2) + T1(d - w/2)) / 2 - S(d)) / (2 w^2).
//
// The unknowns that all rays share are the edge's offset and w^2; the square, because that is linear in the
// smear's matrix (polish.cpp), and because its derivative does not vanish where w is small.
//
// The fit. Level a, contrast b and shading c are linear and of this ray alone. So they are eliminated, after
// G. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
// variables separate", SIAM Journal on Numerical Analysis 1973: with the columns A = (1, S, R), the samples y
// and their residual e after the best a, b, c, and the columns J of the derivatives by the two shared
// unknowns, a step of Gauss-Newton needs
//
//   the curvature  J'J - J'A (A'A)^-1 A'J   and the direction  J'e,
//
// in which the change of A itself is left out, as L. Kaufman does ("A variable projection method for solving
// separable nonlinear least squares problems", BIT 1975). Small priors on b and c, on the diagonal of A'A,
// keep it invertible if there is no edge, and where a wide edge looks like a ramp.
#include "vision/rim/smeared_edge.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace freshframe::vision {

namespace {

constexpr float kBell = 2.6F;        // half the base of the triangle, pixels
constexpr double kRampPrior = 0.5;   // damps the ramp, which a wide edge resembles
constexpr double kStepPrior = 1e-3;  // keeps the equations solvable if there is no edge

using Vector = std::array<double, 3>;

// Symmetric, positive definite.
struct Matrix {
  double m00 = 0, m01 = 0, m02 = 0, m11 = 0, m12 = 0, m22 = 0;
};

// Inverse of a Matrix by cofactors.
class Inverse {
 public:
  explicit Inverse(const Matrix& m)
      : c_{.m00 = m.m11 * m.m22 - m.m12 * m.m12,
           .m01 = m.m02 * m.m12 - m.m01 * m.m22,
           .m02 = m.m01 * m.m12 - m.m02 * m.m11,
           .m11 = m.m00 * m.m22 - m.m02 * m.m02,
           .m12 = m.m01 * m.m02 - m.m00 * m.m12,
           .m22 = m.m00 * m.m11 - m.m01 * m.m01},
        scale_(1 / (m.m00 * c_.m00 + m.m01 * c_.m01 + m.m02 * c_.m02)) {}

  [[nodiscard]] Vector operator*(const Vector& v) const {
    return {scale_ * (c_.m00 * v[0] + c_.m01 * v[1] + c_.m02 * v[2]),
            scale_ * (c_.m01 * v[0] + c_.m11 * v[1] + c_.m12 * v[2]),
            scale_ * (c_.m02 * v[0] + c_.m12 * v[1] + c_.m22 * v[2])};
  }

 private:
  Matrix c_;
  double scale_;
};

double dot(const Vector& a, const Vector& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

// First and second integral of the triangle.
struct BellIntegrals {
  explicit BellIntegrals(float x) {
    const float left = std::max(0.0F, kBell - std::abs(x));
    const float tail = left * left / (2 * kBell * kBell);
    first = x < 0 ? tail : 1 - tail;
    second = std::max(0.0F, x) + left * tail / 3;
  }
  float first;
  float second;
};

// The model's shapes and their derivatives at every sample.
struct Shapes {
  using Values = std::array<float, kMaxEdgeSamples>;

  Shapes(std::size_t size, float width, float offset) {
    const float per_width = 1 / width;
    const std::size_t middle = size / 2;
    for (std::size_t k = 0; k < size; ++k) {
      const float d = static_cast<float>(k) - static_cast<float>(middle) - offset;
      const BellIntegrals far(d + width / 2);
      const BellIntegrals near(d - width / 2);
      step[k] = (far.second - near.second) * per_width;
      slope[k] = (far.first - near.first) * per_width;
      widening[k] = ((far.first + near.first) / 2 - step[k]) * per_width * per_width / 2;
      ramp[k] = std::min(0.0F, d);
      inside[k] = d < 0 ? 1.0F : 0.0F;
    }
  }

  Values step, slope, widening, ramp, inside;
};

}  // namespace

EdgeEvidence fit_edge(EdgeSamples samples, float width, float offset) noexcept {
  const Shapes shapes(samples.size(), width, offset);
  float s = 0, r = 0, ss = 0, sr = 0, rr = 0, i = 0, si = 0, ri = 0;
  for (std::size_t k = 0; k < samples.size(); ++k) {
    const float step = shapes.step[k];
    const float ramp = shapes.ramp[k];
    s += step;
    r += ramp;
    ss += step * step;
    sr += step * ramp;
    rr += ramp * ramp;
    i += samples[k];
    si += step * samples[k];
    ri += ramp * samples[k];
  }
  const auto size = static_cast<double>(samples.size());
  const Inverse inverse({.m00 = size,
                         .m01 = double{s},
                         .m02 = double{r},
                         .m11 = double{ss} + kStepPrior,
                         .m12 = double{sr},
                         .m22 = double{rr} + kRampPrior});
  const Vector linear = inverse * Vector{double{i}, double{si}, double{ri}};
  const auto level = static_cast<float>(linear[0]);
  const auto contrast = static_cast<float>(linear[1]);
  const auto shading = static_cast<float>(linear[2]);

  // Derivatives: f by the offset, g by the square of the width. e is the residual of the model.
  float f = 0, fs = 0, fr = 0, g = 0, gs = 0, gr = 0, ff = 0, fg = 0, gg = 0, fe = 0, ge = 0, ee = 0;
  for (std::size_t k = 0; k < samples.size(); ++k) {
    const float step = shapes.step[k];
    const float ramp = shapes.ramp[k];
    const float by_offset = -contrast * shapes.slope[k] - shading * shapes.inside[k];
    const float by_width = contrast * shapes.widening[k];
    const float error = samples[k] - level - contrast * step - shading * ramp;
    f += by_offset;
    fs += by_offset * step;
    fr += by_offset * ramp;
    g += by_width;
    gs += by_width * step;
    gr += by_width * ramp;
    ff += by_offset * by_offset;
    fg += by_offset * by_width;
    gg += by_width * by_width;
    fe += by_offset * error;
    ge += by_width * error;
    ee += error * error;
  }
  const Vector of_offset{double{f}, double{fs}, double{fr}};
  const Vector of_width{double{g}, double{gs}, double{gr}};
  const Vector left_of_offset = inverse * of_offset;
  return {
      .residual = double{ee} / size,
      .curvature = {double{ff} - dot(of_offset, left_of_offset), double{fg} - dot(of_width, left_of_offset),
                    double{gg} - dot(of_width, inverse * of_width)},
      .direction = {double{fe}, double{ge}}};
}

}  // namespace freshframe::vision
