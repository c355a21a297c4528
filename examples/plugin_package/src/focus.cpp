// Measures how sharp an image is: the variance of the Laplacian of its luma.
// SPDX-License-Identifier: Apache-2.0
//
// The measure is LAPV of Pertuz, Puig and Garcia, Analysis of focus measure operators for shape-from-focus, 2013.
#include <cstdint>
#include <optional>
#include <stdexcept>

#include <freshframe/plugin.hpp>

namespace ff = freshframe::plugin;

namespace {

class Sharpness final : public ff::Node<ff::Frame, double> {
 public:
  explicit Sharpness(const ff::Options& options) : step_(options.get("step", 1)) {
    if (step_ < 1) throw std::invalid_argument("step must be at least 1 pixel");
  }

  std::optional<double> process(const ff::Sample<ff::Frame>& sample, ff::Context& /*context*/) override {
    const ff::Plane luma = sample.value.gray();  // the decoder's memory, not a copy
    double sum = 0;
    double squares = 0;
    double count = 0;
    for (int y = 1; y + 1 < luma.rows; y += step_) {
      for (int x = 1; x + 1 < luma.row_bytes; x += step_) {
        const std::uint8_t* row = luma.row(y);
        const int laplacian = luma.row(y - 1)[x] + luma.row(y + 1)[x] + row[x - 1] + row[x + 1] - 4 * row[x];
        sum += laplacian;
        squares += static_cast<double>(laplacian) * laplacian;
        ++count;
      }
    }
    if (count == 0) return std::nullopt;  // an image without inner pixels
    const double mean = sum / count;
    return squares / count - mean * mean;
  }

 private:
  int step_;
};
FRESHFRAME_NODE(Sharpness, "sharpness");

}  // namespace
