// The set of open connections and its limits.
// SPDX-License-Identifier: Apache-2.0
#include "serve/page/connections.hpp"

namespace freshframe::serve {
namespace {

/// `call` may remove any member.
template <class Members, class Call>
void for_each_member(const Members& members, const Call& call) {
  const std::vector present(members.begin(), members.end());
  for (auto* member : present) {
    if (members.contains(member)) call(*member);
  }
}

}  // namespace

void Connections::leave(Connection& connection) {
  all_.erase(&connection);
  std::erase(unknown_, &connection);
}

void Connections::enter_unknown(Connection& connection) {
  while (unknown_.size() >= limits_.unknown) {
    auto* oldest = unknown_.front();
    unknown_.pop_front();
    oldest->cut();
  }
  unknown_.push_back(&connection);
}

bool Connections::make_known(Connection& connection) {
  if (all_.size() - unknown_.size() >= limits_.connections) return false;
  std::erase(unknown_, &connection);
  return true;
}

void Connections::tell(const std::shared_ptr<const std::string>& state) {
  for_each_member(viewers_, [&](StateViewer& viewer) { viewer.tell(state); });
}

void Connections::count_views(std::vector<ViewInfo>& views) const {
  for (const auto* watcher : watchers_) watcher->count_views(views);
}

void Connections::check(Connection::Time now) {
  for_each_member(all_, [&](Connection& connection) { connection.check(now); });
}

void Connections::cut_all() {
  for_each_member(all_, [](Connection& connection) { connection.cut(); });
}

}  // namespace freshframe::serve
