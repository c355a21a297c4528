// The names of a pipeline's nodes, by number. Numbers are never used again, so names are only added.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace freshframe::core {

/// Any number of threads read while one adds. A name keeps its place, so a reference to it is valid as long as
/// the table. There is no lock: samples read their names here, also in a forked child.
class NameTable {
 public:
  NameTable() = default;
  NameTable(const NameTable&) = delete;
  NameTable& operator=(const NameTable&) = delete;
  ~NameTable() = default;

  /// The number of the next node.
  [[nodiscard]] int size() const noexcept { return static_cast<int>(size_.load(std::memory_order_acquire)); }
  /// `stream`: of the stream that begins at the node. One thread at a time.
  void add(std::string node, std::string stream) {
    const auto number = size_.load(std::memory_order_relaxed);
    const auto [chunk, place] = place_of(number);
    if (!chunks_[chunk]) chunks_[chunk] = std::make_unique<Names[]>(kFirst << chunk);
    chunks_[chunk][place] = {std::move(node), std::move(stream)};
    size_.store(number + 1, std::memory_order_release);
  }
  /// Empty: there is no such node.
  [[nodiscard]] const std::string& of(int number) const noexcept { return at(number).node; }
  /// The name of the stream that begins there.
  [[nodiscard]] const std::string& stream_of(int number) const noexcept { return at(number).stream; }
  /// The nodes' names by number.
  [[nodiscard]] std::vector<std::string> all() const {
    std::vector<std::string> nodes;
    for (int i = 0, count = size(); i < count; ++i) nodes.push_back(of(i));
    return nodes;
  }

 private:
  struct Names {
    std::string node;
    std::string stream;
  };
  static constexpr std::size_t kFirst = 64;   // names in the first chunk; each further one has twice as many
  static constexpr std::size_t kChunks = 26;  // enough for all numbers

  [[nodiscard]] static std::pair<std::size_t, std::size_t> place_of(std::size_t number) noexcept {
    const auto shifted = number + kFirst;
    const auto chunk = static_cast<std::size_t>(std::bit_width(shifted) - std::bit_width(kFirst));
    return {chunk, shifted - (kFirst << chunk)};
  }
  [[nodiscard]] const Names& at(int number) const noexcept {
    if (number < 0 || number >= size()) return unknown_;
    const auto [chunk, place] = place_of(static_cast<std::size_t>(number));
    return chunks_[chunk][place];
  }

  const Names unknown_;
  std::array<std::unique_ptr<Names[]>, kChunks> chunks_;  // written before size_ grows, read after
  std::atomic<std::size_t> size_{0};
};

}  // namespace freshframe::core
