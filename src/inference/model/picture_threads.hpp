// Several pictures at once through one model, each on a thread of its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "inference/model/picture_input.hpp"

namespace freshframe::inference {

/// A thread per runner, of which the caller's is the first. The runners share one session, so the weights are
/// in memory once. On a CPU this is faster than one tensor of several pictures: no operator waits for others.
class PictureThreads {
 public:
  /// `runners`: at least 1.
  PictureThreads(const std::shared_ptr<const Session>& session, const InputForm& form, std::size_t runners);
  PictureThreads(const PictureThreads&) = delete;
  PictureThreads& operator=(const PictureThreads&) = delete;
  ~PictureThreads();

  using Work = std::function<void(std::size_t index, PictureRunner& runner)>;
  /// Calls `work` once for each index below `count`, each runner's calls on one thread. When all have ended,
  /// rethrows the exception of the lowest index. One caller at a time.
  void run(std::size_t count, const Work& work);

  [[nodiscard]] PictureRunner& first() noexcept { return *runners_.front(); }

 private:
  struct Batch {
    const Work* work = nullptr;
    std::size_t count = 0;
    std::size_t next = 0;     // the lowest free index
    std::size_t working = 0;  // threads that are in a call
    std::size_t failed_at = 0;
    std::exception_ptr failure;
  };

  void help(PictureRunner& runner);
  void work_off(PictureRunner& runner, std::unique_lock<std::mutex>& lock);

  std::vector<std::unique_ptr<PictureRunner>> runners_;
  std::mutex mutex_;
  std::condition_variable begun_;  // of helpers: there is work, or the end
  std::condition_variable done_;   // of the caller: no thread works
  Batch batch_;                    // guarded by mutex_, as `ending_`
  bool ending_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace freshframe::inference
