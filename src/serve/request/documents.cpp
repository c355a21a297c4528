// Documents by path. The mutex is held only while the table is read or changed.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/clock.hpp"
#include "freshframe/serve.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "core/real_deadline.hpp"

namespace freshframe {

void Documents::set(std::string path, Document document) {
  Entry kept{.document = std::make_shared<const Document>(std::move(document)), .until = {}, .after = {}};
  const std::lock_guard lock(mutex_);
  std::swap(documents_[std::move(path)], kept);
}

void Documents::set(std::string path, Document document, double seconds, Document after) {
  Entry kept{.document = std::make_shared<const Document>(std::move(document)),
             .until = core::real_deadline(Seconds(std::max(0.0, seconds))),
             .after = std::make_shared<const Document>(std::move(after))};
  const std::lock_guard lock(mutex_);
  std::swap(documents_[std::move(path)], kept);
}

std::shared_ptr<const Document> Documents::find(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  const auto found = documents_.find(path);
  if (found == documents_.end()) return nullptr;
  asked_.fetch_add(1, std::memory_order_relaxed);
  const auto& [document, until, after] = found->second;
  return until && std::chrono::steady_clock::now() >= *until ? after : document;
}

}  // namespace freshframe
