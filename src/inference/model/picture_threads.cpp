// Threads that take one picture after the other.
// SPDX-License-Identifier: Apache-2.0
#include "inference/model/picture_threads.hpp"

#include <utility>

#include <pthread.h>

namespace freshframe::inference {

PictureThreads::PictureThreads(const std::shared_ptr<const Session>& session, const InputForm& form,
                               std::size_t runners) {
  for (std::size_t i = 0; i < runners; ++i) {
    runners_.push_back(std::make_unique<PictureRunner>(session, form));
  }
  helpers_.reserve(runners);
  for (std::size_t i = 1; i < runners; ++i) {
    helpers_.emplace_back([this, &runner = *runners_[i]] { help(runner); });
  }
}

PictureThreads::~PictureThreads() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  begun_.notify_all();
  for (auto& helper : helpers_) helper.join();
}

void PictureThreads::run(std::size_t count, const Work& work) {
  std::unique_lock lock(mutex_);
  batch_ = Batch();
  batch_.work = &work;
  batch_.count = count;
  if (count > 1) begun_.notify_all();
  work_off(first(), lock);
  done_.wait(lock, [&] { return batch_.working == 0; });
  if (batch_.failure) std::rethrow_exception(std::exchange(batch_.failure, nullptr));
}

void PictureThreads::work_off(PictureRunner& runner, std::unique_lock<std::mutex>& lock) {
  while (batch_.next < batch_.count) {
    const auto index = batch_.next++;
    ++batch_.working;
    std::exception_ptr failure;
    lock.unlock();
    try {
      (*batch_.work)(index, runner);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    --batch_.working;
    if (!failure || (batch_.failure && batch_.failed_at < index)) continue;
    batch_.failure = failure;
    batch_.failed_at = index;
  }
  if (batch_.working == 0) done_.notify_one();
}

void PictureThreads::help(PictureRunner& runner) {
  pthread_setname_np(pthread_self(), "ff picture");
  std::unique_lock lock(mutex_);
  while (true) {
    begun_.wait(lock, [&] { return ending_ || batch_.next < batch_.count; });
    if (ending_) return;
    work_off(runner, lock);
  }
}

}  // namespace freshframe::inference
