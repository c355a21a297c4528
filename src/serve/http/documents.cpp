// A table of texts by path, under a mutex that nothing else is done under.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/serve.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace freshframe {

void Documents::set(std::string path, Document document) {
  auto kept = std::make_shared<const Document>(std::move(document));
  const std::lock_guard lock(mutex_);
  documents_[std::move(path)].swap(kept);
}

std::shared_ptr<const Document> Documents::find(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  const auto found = documents_.find(path);
  if (found == documents_.end()) return nullptr;
  asked_.fetch_add(1, std::memory_order_relaxed);
  return found->second;
}

}  // namespace freshframe
