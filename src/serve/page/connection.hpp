// Base class of all connections. Detects slow ones so that they can be closed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace freshframe::serve {

class Connection {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;
  /// Called a few times per second. Closes the connection if its deadline has passed.
  virtual void check(Time now) = 0;
  virtual void cut() = 0;
};

}  // namespace freshframe::serve
