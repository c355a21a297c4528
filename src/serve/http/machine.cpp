// The machine's name and the addresses of its interfaces.
// SPDX-License-Identifier: Apache-2.0
#include "serve/http/machine.hpp"

#include <array>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace freshframe::serve {
namespace {

std::string text_of(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(family, address, text.data(), text.size()) == nullptr) return {};
  return text.data();
}

// "" for an address of another family, or a link-local one.
std::string address_of(const sockaddr& address, int family) {
  if (address.sa_family != family) return {};
  if (family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address, sizeof four);
    return text_of(family, &four.sin_addr);
  }
  sockaddr_in6 six{};
  std::memcpy(&six, &address, sizeof six);
  return IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr) ? std::string() : text_of(family, &six.sin6_addr);
}

}  // namespace

std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::vector<std::string> machine_addresses(bool six) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::vector<std::string> result;
  for (const int family : {AF_INET, AF_INET6}) {
    if (family == AF_INET6 && !six) continue;
    for (const auto* one = list; one != nullptr; one = one->ifa_next) {
      const bool usable = (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0;
      if (!usable || one->ifa_addr == nullptr) continue;
      if (auto text = address_of(*one->ifa_addr, family); !text.empty()) result.push_back(std::move(text));
    }
  }
  return result;
}

}  // namespace freshframe::serve
