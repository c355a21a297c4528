// The results of the process's watch, for native code that must not wait for Python.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gil_watch/watch/findings_table.hpp"
#include "gil_watch/watch/stall.hpp"

namespace freshframe::gil {

/// The single record of the watch's results, shown by the dashboard, `stats()` and freshframe.gil.
/// Thread-safe.
class Findings {
 public:
  static constexpr std::size_t kRecent = 32;         // stalls
  static constexpr std::size_t kShown = 5;           // culprits
  static constexpr std::size_t kMaxCulprits = 1000;  // further ones are counted together
  static constexpr std::size_t kDurations = 1000;    // kept per culprit, the latest ones, for the median

  /// The stalls of one culprit. Times are in seconds.
  struct Culprit {
    std::string native;
    std::string python;
    std::string program;
    std::uint64_t count = 0;
    double total = 0;
    double max = 0;
    double p50 = 0;
  };
  struct Summary {
    std::uint64_t stalls = 0;
    double stalled = 0;
    std::vector<Culprit> culprits;  // worst first
  };

  /// The single instance of the process. A forked child starts with a new one.
  [[nodiscard]] static Findings& instance();

  /// Starts a watch and drops the results of the previous one.
  void begin();
  void end();
  void add(const Stall& stall);
  /// Updates the stall in progress. It counts as ended if this is not called again for a while.
  void going_on(const Stall& stall);
  /// Returns at most `most` culprits.
  [[nodiscard]] Summary summary(std::size_t most = kMaxCulprits + 1) const;
  /// Passes everything to `sink` while the lock is held.
  void read(const FindingsSink& sink) const;

 private:
  struct Words {
    std::string thread;
    std::string native;
    std::string python;
    std::string program;
  };
  struct Count {
    std::string python;
    std::string program;
    std::uint64_t count = 0;
    double total = 0;
    double max = 0;
    std::deque<double> durations;
  };
  struct Recent {
    std::uint64_t id = 0;
    double seconds = 0;
    Words words;
  };
  struct GoingOn {
    Clock::time_point began;
    Clock::time_point said;
    Words words;
  };
  using Key = std::pair<std::string, std::string>;  // native, python

  static Words words_of(const Stall& stall);
  [[nodiscard]] Summary summary_locked(std::size_t most) const;

  mutable std::mutex mutex_;
  bool watching_ = false;  // guarded by mutex_, like all members below
  std::uint64_t stalls_ = 0;
  std::uint64_t last_id_ = 0;  // number of the latest stall of any watch, by which readers recognize new ones
  double stalled_ = 0;
  std::map<Key, Count> counts_;
  std::deque<Recent> recent_;
  std::optional<GoingOn> now_;
};

}  // namespace freshframe::gil
