// The base of all connections: slow ones are detected and can be cut.
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
  /// Called a few times per second: cuts the connection when its time is over.
  virtual void check(Time now) = 0;
  virtual void cut() = 0;
};

}  // namespace freshframe::serve
