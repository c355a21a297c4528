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

void work(gil::Held& held, std::packaged_task<void()>& a) {
  gil::release(held, [](std::packaged_task<void()>& b) { b(); }, a);
}
