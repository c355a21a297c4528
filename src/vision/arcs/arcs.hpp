// Circular arcs: the pieces of edge chains to which a circle fits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "vision/arcs/edge_chains.hpp"
#include "vision/picture/gradient_field.hpp"

namespace freshframe::vision {

/// A circle with the root mean square distance of the points from it.
struct FittedCircle {
  double x = 0;
  double y = 0;
  double r = 0;
  double rms = 0;
};

/// Moments of a point set up to fourth order. All points of one set, and of sets that are joined, are
/// relative to the same origin, which should be near the points to preserve precision.
///
/// The fit is I. Kasa, "A circle fitting procedure and its error analysis", IEEE Trans. Instrum. Meas. 1976:
/// x^2 + y^2 = a x + b y + c is linear. It is biased towards small radii on short noisy arcs. The refinement
/// on the gradient field corrects that later.
class CircleMoments {
 public:
  void add(double x, double y) noexcept {
    const double z = x * x + y * y;
    n_ += 1;
    x_ += x;
    y_ += y;
    z_ += z;
    xx_ += x * x;
    yy_ += y * y;
    xy_ += x * y;
    xz_ += x * z;
    yz_ += y * z;
    zz_ += z * z;
  }

  void add(const CircleMoments& other) noexcept {
    n_ += other.n_;
    x_ += other.x_;
    y_ += other.y_;
    z_ += other.z_;
    xx_ += other.xx_;
    yy_ += other.yy_;
    xy_ += other.xy_;
    xz_ += other.xz_;
    yz_ += other.yz_;
    zz_ += other.zz_;
  }

  /// Returns nullopt when the points lie on a line or coincide.
  [[nodiscard]] std::optional<FittedCircle> fit() const noexcept {
    if (n_ < 3) return std::nullopt;
    const double mx = x_ / n_;
    const double my = y_ / n_;
    const double mz = z_ / n_;
    const double sxx = xx_ / n_ - mx * mx;
    const double syy = yy_ / n_ - my * my;
    const double sxy = xy_ / n_ - mx * my;
    const double sxz = xz_ / n_ - mx * mz;
    const double syz = yz_ / n_ - my * mz;
    const double determinant = sxx * syy - sxy * sxy;
    const double spread = sxx + syy;
    // Ratio of the scatter's axes below 1e-3: straight within the precision of a double.
    if (determinant < 1e-6 * spread * spread + 1e-9) return std::nullopt;
    const double a = (sxz * syy - syz * sxy) / determinant;
    const double b = (syz * sxx - sxz * sxy) / determinant;
    const double c = mz - a * mx - b * my;
    const double r2 = c + (a * a + b * b) / 4;
    if (r2 <= 0) return std::nullopt;
    const double r = std::sqrt(r2);
    const double residual = zz_ / n_ - mz * mz - a * sxz - b * syz;  // residual of z, and dz = 2 r dr
    return FittedCircle{a / 2, b / 2, r, std::sqrt(std::max(0.0, residual)) / (2 * r)};
  }

 private:
  double n_ = 0;
  double x_ = 0, y_ = 0, z_ = 0;
  double xx_ = 0, yy_ = 0, xy_ = 0;
  double xz_ = 0, yz_ = 0, zz_ = 0;
};

/// The range of radii in pixels.
struct RadiusRange {
  float min = 0;
  float max = 0;
};

struct Arc {
  float x = 0;  // fitted circle
  float y = 0;
  float r = 0;
  float span = 0;      // angle covered, radians
  float middle_x = 0;  // the middle of the arc
  float middle_y = 0;
  float normal_x = 0;  // unit vector from the middle towards the centre
  float normal_y = 0;
  bool brighter_inside = false;
  float quality = 0;      // number of points, reduced for short spans, so that long clear arcs come first
  CircleMoments moments;  // relative to the image's centre, so that arcs can be joined
};

/// Finds the arcs of one image, best quality first. Returns at most kMaxArcs, to bound the time of pairing
/// them.
class ArcFinder {
 public:
  static constexpr int kMaxArcs = 600;

  void find(const EdgeChains& chains, const GradientField& field, RadiusRange radii);
  [[nodiscard]] std::span<const Arc> arcs() const noexcept { return arcs_; }

 private:
  void split(std::span<const EdgePoint> chain, const GradientField& field, RadiusRange radii);
  void keep(std::span<const EdgePoint> points, const GradientField& field, RadiusRange radii);

  std::vector<Arc> arcs_;
};

}  // namespace freshframe::vision
