// The set of open connections and its limits.
// SPDX-License-Identifier: Apache-2.0
#include "serve/http/connections.hpp"

namespace freshframe::serve {

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

// check() and similar calls below may remove any connection while these loops run.

void Connections::tell(const std::shared_ptr<const std::string>& state) {
  const std::vector<StateViewer*> viewers(viewers_.begin(), viewers_.end());
  for (auto* viewer : viewers) {
    if (viewers_.contains(viewer)) viewer->tell(state);
  }
}

void Connections::count_views(std::vector<ViewInfo>& views) const {
  for (const auto* watcher : watchers_) watcher->count_views(views);
}

void Connections::check(Connection::Time now) {
  const std::vector<Connection*> connections(all_.begin(), all_.end());
  for (auto* connection : connections) {
    if (all_.contains(connection)) connection->check(now);
  }
}

void Connections::cut_all() {
  const std::vector<Connection*> connections(all_.begin(), all_.end());
  for (auto* connection : connections) {
    if (all_.contains(connection)) connection->cut();
  }
}

}  // namespace freshframe::serve
