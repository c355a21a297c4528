// Resolves host names so that stops and time limits need not wait for a name server.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/resolver.hpp"

#include "freshframe/forks.hpp"

#include <exception>
#include <memory>
#include <mutex>
#include <utility>

#include "media/stream/detached_call.hpp"

namespace freshframe::media {
namespace {

struct Lookup {
  Lookup(std::string name, HostLookup lookup)
      : host(std::move(name)), call([host = host, answer = answer, lookup] {
          try {
            *answer = lookup(host);
          } catch (const std::exception& error) {
            answer->error = error.what();
          }
        }) {}

  const std::string host;
  const std::shared_ptr<HostAnswer> answer = std::make_shared<HostAnswer>();  // shared with the running call
  const DetachedCall call;
};

/// Lookups in progress, one per name, shared by all callers that wait for it.
class Lookups {
 public:
  /// Returns the lookup in progress for this name, or starts one.
  std::shared_ptr<const Lookup> join(const std::string& host, HostLookup lookup) {
    const std::lock_guard lock(mutex_);
    forget_ended_locked();
    for (const auto& known : lookups_) {
      if (known->host == host) return known;
    }
    return lookups_.emplace_back(std::make_shared<const Lookup>(host, lookup));
  }

  void forget_ended() {
    const std::lock_guard lock(mutex_);
    forget_ended_locked();
  }

 private:
  void forget_ended_locked() {
    std::erase_if(lookups_, [](const auto& lookup) { return lookup->call.wait(TimePoint{}, {}); });
  }

  std::mutex mutex_;
  std::vector<std::shared_ptr<const Lookup>> lookups_;  // guarded by mutex_
};

}  // namespace

std::optional<HostAnswer> resolve_host(const std::string& host, TimePoint deadline,
                                       const std::stop_token& stop, HostLookup lookup) {
  auto& lookups = forks::PerProcess<Lookups>::get();
  const auto query = lookups.join(host, lookup);
  std::optional<HostAnswer> answer;
  if (query->call.wait(deadline, stop)) answer = *query->answer;
  lookups.forget_ended();
  join_ended_calls();
  return answer;
}

}  // namespace freshframe::media
