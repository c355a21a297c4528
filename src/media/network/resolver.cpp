// Looks up a host's addresses so that neither a stop nor a time limit waits for a name server.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/resolver.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "media/network/left_threads.hpp"
#include "media/network/per_process.hpp"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace freshframe {
namespace {

struct Lookup {
  explicit Lookup(std::string name) : host(std::move(name)) {}

  const std::string host;
  std::mutex mutex;
  std::condition_variable_any changed;
  std::optional<HostAnswer> answer;  // guarded by mutex
  std::atomic<bool> ended{false};    // its thread
};

/// What is being looked up. A lookup cannot be ended: its thread is left behind from the beginning.
class Registry {
 public:
  /// The lookup of this name that is under way, or a new one.
  std::shared_ptr<Lookup> find(const std::string& host, HostLookup lookup) {
    const std::lock_guard lock(mutex_);
    forget_answered_locked();
    for (const auto& known : lookups_) {
      if (known->host == host) return known;
    }
    auto made = std::make_shared<Lookup>(host);
    std::thread thread([made, lookup] {
      HostAnswer answer;
      try {
        answer = lookup(made->host);
      } catch (const std::exception& error) {
        answer.error = error.what();
      }
      {
        const std::lock_guard held(made->mutex);
        made->answer = std::move(answer);
        made->changed.notify_all();
      }
      made->ended.store(true, std::memory_order_release);
    });
    leave_behind(std::move(thread), {made, &made->ended});
    lookups_.push_back(made);
    return made;
  }

 private:
  void forget_answered_locked() {
    const auto answered = [](const std::shared_ptr<Lookup>& lookup) {
      const std::lock_guard lock(lookup->mutex);
      return lookup->answer.has_value();
    };
    lookups_.erase(std::remove_if(lookups_.begin(), lookups_.end(), answered), lookups_.end());
  }

  std::mutex mutex_;
  std::vector<std::shared_ptr<Lookup>> lookups_;  // guarded by mutex_
};

}  // namespace

HostAnswer system_lookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  HostAnswer answer;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    answer.error = ::gai_strerror(error);
    return answer;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      answer.addresses.emplace_back(text.data());
    }
  }
  if (answer.addresses.empty()) answer.error = "it has no address";
  return answer;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> buffer{};
  const std::string bare = host.substr(0, host.find('%'));  // fe80::1%eth0
  return ::inet_pton(AF_INET, host.c_str(), buffer.data()) == 1 ||
         ::inet_pton(AF_INET6, bare.c_str(), buffer.data()) == 1;
}

std::optional<HostAnswer> resolve_host(const std::string& host, TimePoint deadline,
                                       const std::stop_token& stop, HostLookup lookup) {
  const auto query = PerProcess<Registry>::get().find(host, lookup);
  std::optional<HostAnswer> answer;
  {
    std::unique_lock lock(query->mutex);
    query->changed.wait_until(lock, stop, deadline, [&] { return query->answer.has_value(); });
    answer = query->answer;
  }
  join_ended();
  return answer;
}

}  // namespace freshframe
