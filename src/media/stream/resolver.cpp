// Looks up a host's addresses so that neither a stop nor a time limit waits for a name server.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/resolver.hpp"

#include "freshframe/forks.hpp"

#include <array>
#include <memory>
#include <mutex>
#include <utility>

#include "media/stream/detached_call.hpp"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

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
  const std::shared_ptr<HostAnswer> answer = std::make_shared<HostAnswer>();  // owned by the running call
  const DetachedCall call;
};

/// The lookups in progress: one per name, for all that wait for it.
class Lookups {
 public:
  /// The lookup of this name that is in progress, or a new one.
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
  auto& lookups = forks::PerProcess<Lookups>::get();
  const auto query = lookups.join(host, lookup);
  std::optional<HostAnswer> answer;
  if (query->call.wait(deadline, stop)) answer = *query->answer;
  lookups.forget_ended();
  join_ended_calls();
  return answer;
}

}  // namespace freshframe::media
