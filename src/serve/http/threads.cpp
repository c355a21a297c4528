// Threads without signals.
// SPDX-License-Identifier: Apache-2.0
#include "serve/http/threads.hpp"

#include <csignal>
#include <exception>
#include <utility>

#include <pthread.h>

namespace freshframe::serve {

std::thread start_quiet_thread(const char* name, std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the thread
  std::thread thread;
  std::exception_ptr failure;
  try {
    thread = std::thread([name, body = std::move(body)] {
      pthread_setname_np(pthread_self(), name);
      body();
    });
  } catch (...) {
    failure = std::current_exception();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failure) std::rethrow_exception(failure);
  return thread;
}

}  // namespace freshframe::serve
