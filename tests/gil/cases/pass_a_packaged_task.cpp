// A task may hold any callable; threads, locks and files hold none.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a class that cannot be looked into
#include "freshframe/gil.hpp"

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <thread>

namespace gil = freshframe::gil;

#ifdef FIXED
struct Worker {
  std::thread thread;
  std::jthread second;
  std::mutex mutex;
  std::shared_mutex shared;
  std::condition_variable wake_up;
  std::stop_source stop;
  std::filesystem::path path;
  std::ofstream file;
};

void work(gil::Held& held, Worker& a, std::unique_lock<std::mutex>& lock, std::stop_token stop) {
  gil::release(
      held,
      [](Worker& b, std::unique_lock<std::mutex>& l, const std::stop_token& s) {
        if (!s.stop_requested()) b.wake_up.wait(l);
      },
      a, lock, stop);
}
#else
void work(gil::Held& held, std::packaged_task<void()>& a) {
  gil::release(held, [](std::packaged_task<void()>& b) { b(); }, a);
}
#endif
