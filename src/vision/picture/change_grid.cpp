// Detects changes by the means of cells, measured against the noise of the image itself.
// SPDX-License-Identifier: Apache-2.0
#include "vision/picture/change_grid.hpp"

#include <algorithm>
#include <cmath>

#include "core/median.hpp"
#include "vision/picture/cell_means.hpp"

namespace freshframe::vision {
namespace {

// A change must exceed this, in grey levels of a cell's mean, which is the faintest detectable ball in half a
// cell. It must also exceed kOfNoise times the median over all cells, which measures the noise after
// compression.
constexpr float kMinChange = 5 * kMeanScale;
constexpr float kOfNoise = 8;
// Cells that touch a changed one need only half of that, so that all parts of a changed region are searched
// in the same image.
constexpr float kOfNeighbours = 0.5F;
// If the median exceeds this, the whole image has moved.
constexpr float kMaxNoise = 2 * kMeanScale;
constexpr std::size_t kSamples = 512;     // number of cells from which medians are computed
constexpr float kDark = 16 * kMeanScale;  // darker cells do not determine a factor

}  // namespace

bool ChangeGrid::measure(const Plane& luma) {
  const bool same = luma.row_bytes == width_ && luma.rows == height_;
  width_ = luma.row_bytes;
  height_ = luma.rows;
  now_.resize(CellMask::count_cells(width_, height_));
  measure_cell_means(luma, now_.data());
  return same;
}

float ChangeGrid::brightness() {
  const std::size_t step = std::max<std::size_t>(1, now_.size() / kSamples);
  samples_.clear();
  for (std::size_t i = 0; i < now_.size(); i += step) {
    if (then_[i] >= kDark) samples_.push_back(static_cast<float>(now_[i]) / then_[i]);
  }
  return samples_.empty() ? 1 : core::find_median(samples_);
}

float ChangeGrid::noise() {
  const std::size_t step = std::max<std::size_t>(1, now_.size() / kSamples);
  samples_.clear();
  for (std::size_t i = 0; i < differences_.size(); i += step) samples_.push_back(differences_[i]);
  return core::find_median(samples_);
}

bool ChangeGrid::mark_changes(CellMask& out) {
  brightness_ = brightness();
  differences_.resize(now_.size());
  for (std::size_t i = 0; i < now_.size(); ++i) {
    differences_[i] = std::abs(static_cast<float>(now_[i]) - brightness_ * then_[i]);
  }
  const float noise = this->noise();
  if (noise > kMaxNoise) return false;
  const float limit = std::max(kMinChange, kOfNoise * noise);
  for (std::size_t i = 0; i < differences_.size(); ++i) {
    if (differences_[i] > limit) spread_change(i, kOfNeighbours * limit, out);
  }
  return true;
}

// Marks the cell and, recursively, all adjacent cells whose difference exceeds the limit.
void ChangeGrid::spread_change(std::size_t cell, float limit, CellMask& out) {
  const auto columns = static_cast<std::size_t>(out.columns());
  stack_.assign(1, cell);
  while (!stack_.empty()) {
    const std::size_t i = stack_.back();
    stack_.pop_back();
    const auto column = static_cast<int>(i % columns);
    const auto row = static_cast<int>(i / columns);
    if (out(column, row)) continue;
    out.mark(column, row);
    if (column > 0 && differences_[i - 1] > limit) stack_.push_back(i - 1);
    if (column + 1 < out.columns() && differences_[i + 1] > limit) stack_.push_back(i + 1);
    if (row > 0 && differences_[i - columns] > limit) stack_.push_back(i - columns);
    if (row + 1 < out.rows() && differences_[i + columns] > limit) stack_.push_back(i + columns);
  }
}

void ChangeGrid::note_search(const CellMask& cells) {
  const float scale = brightness_ > 0 ? 1 / brightness_ : 1;
  std::size_t i = 0;
  for (int row = 0; row < cells.rows(); ++row) {
    for (int column = 0; column < cells.columns(); ++column, ++i) {
      if (cells(column, row)) then_[i] = scale * static_cast<float>(now_[i]);
    }
  }
}

void ChangeGrid::searched_all() {
  brightness_ = 1;
  then_.assign(now_.begin(), now_.end());
}

}  // namespace freshframe::vision
