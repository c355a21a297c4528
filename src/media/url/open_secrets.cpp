// Tracks the secrets in open URLs, to mask them in server messages that contain them without the URL.
// SPDX-License-Identifier: Apache-2.0
#include "media/url/open_secrets.hpp"

#include "freshframe/mutex.hpp"

#include <cstddef>
#include <map>

#include "core/fork_hold.hpp"
#include "core/url/masked_url.hpp"

namespace freshframe::media {
namespace {

// limit per process, because each line is searched for all of them
constexpr std::size_t kMostSecrets = 4096;

/// Longer secrets are masked first, because one may contain another.
struct LongerFirst {
  bool operator()(const std::string& one, const std::string& other) const {
    return one.size() != other.size() ? one.size() > other.size() : one < other;
  }
};

struct SecretsInUse {
  Mutex mutex;
  core::ForkHold hold{mutex};
  // Number of URLs with this secret.
  std::map<std::string, int, LongerFirst> uses FRESHFRAME_GUARDED_BY(mutex);
};

SecretsInUse& in_use() {
  return forks::ProcessWide<SecretsInUse>::get();
}

}  // namespace

OpenSecrets::OpenSecrets(std::string_view url, std::string_view key) {
  constexpr std::size_t kShortestKey = 8;  // shorter keys may occur as ordinary words
  auto& all = in_use();
  auto secrets = core::find_secrets(url);
  if (key.size() >= kShortestKey) secrets.emplace_back(key);
  const Lock lock(all.mutex);
  for (auto& secret : secrets) {
    if (all.uses.size() >= kMostSecrets && !all.uses.contains(secret)) continue;
    ++all.uses[secret];
    kept_.push_back(std::move(secret));
  }
}

OpenSecrets::~OpenSecrets() {
  auto& all = in_use();
  const Lock lock(all.mutex);
  for (const auto& secret : kept_) {
    const auto found = all.uses.find(secret);
    if (--found->second == 0) all.uses.erase(found);
  }
}

std::string hide_secrets(std::string text) {
  constexpr std::string_view kMask = "***";
  auto& all = in_use();
  const Lock lock(all.mutex);
  for (const auto& [secret, uses] : all.uses) {
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + kMask.size()))
      text.replace(at, secret.size(), kMask);
  }
  return text;
}

}  // namespace freshframe::media
