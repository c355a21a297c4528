// Finds where an image changes: a native node in C++, with state, options and a table as its result.
// SPDX-License-Identifier: Apache-2.0
//
//   c++ -std=c++17 -O3 -shared -fPIC -I"$(python -c 'import freshframe; print(freshframe.native.get_include())')" motion.cpp -o libmotion.so
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <freshframe/plugin.hpp>

namespace ff = freshframe::plugin;

/// Finds the cells of a grid whose luma differs from the previous frame, and by how much.
class Motion final : public ff::Node<ff::Frame, ff::Table> {
 public:
  explicit Motion(const ff::Options& options)
      : cell_(options.get("cell", 16)), threshold_(options.get("threshold", 8.0)) {
    if (cell_ < 1) throw std::invalid_argument("cell must be at least 1 pixel");
  }

  std::optional<ff::Table> process(const ff::Sample<ff::Frame>& sample, ff::Context& /*context*/) override {
    const ff::Plane luma = sample.value.gray();  // the decoder's memory, not a copy
    const std::vector<std::uint8_t> before = std::move(before_);
    before_.resize(static_cast<std::size_t>(luma.rows) * static_cast<std::size_t>(luma.row_bytes));
    for (int y = 0; y < luma.rows; ++y)
      std::memcpy(&before_[offset(luma, 0, y)], luma.row(y), row_size(luma));
    if (before.size() != before_.size()) return std::nullopt;  // the first frame, or a new size

    std::vector<float> places;
    std::vector<float> changes;
    for (int y = 0; y + cell_ <= luma.rows; y += cell_) {
      for (int x = 0; x + cell_ <= luma.row_bytes; x += cell_) {
        const float change = difference(luma, before, x, y);
        if (change < threshold_) continue;
        places.insert(places.end(), {static_cast<float>(x), static_cast<float>(y)});
        changes.push_back(change);
      }
    }
    const auto count = static_cast<std::int64_t>(changes.size());
    ff::Table table;
    table.add("xy", std::move(places), {count, 2}).add("change", std::move(changes));
    return table;
  }

 private:
  static std::size_t row_size(const ff::Plane& luma) { return static_cast<std::size_t>(luma.row_bytes); }
  static std::size_t offset(const ff::Plane& luma, int x, int y) {
    return static_cast<std::size_t>(y) * row_size(luma) + static_cast<std::size_t>(x);
  }
  // Mean absolute difference of one cell.
  [[nodiscard]] float difference(const ff::Plane& luma, const std::vector<std::uint8_t>& before, int x,
                                 int y) const {
    int sum = 0;
    for (int row = y; row < y + cell_; ++row) {
      const std::uint8_t* now = luma.row(row) + x;
      const std::uint8_t* then = &before[offset(luma, x, row)];
      for (int i = 0; i < cell_; ++i) sum += std::abs(now[i] - then[i]);
    }
    return static_cast<float>(sum) / static_cast<float>(cell_ * cell_);
  }

  int cell_;
  double threshold_;
  std::vector<std::uint8_t> before_;
};
FRESHFRAME_NODE(Motion, "motion");
