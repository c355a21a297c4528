// What all connections have in common: they are watched for being too slow, and can be cut.
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
  /// A few times per second: cuts it when its time is up.
  virtual void check(Time now) = 0;
  virtual void cut() = 0;
};

}  // namespace freshframe::serve
