// The unwinding by which pthread_exit() and pthread_cancel() end a thread: no exception.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <version>  // names the standard library

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

namespace freshframe::platform {

#ifdef __GLIBCXX__
/// Passes through `catch (...)` like an exception, and must not be swallowed there. Catch it by reference first, and
/// throw it on.
using ForcedUnwind = abi::__forced_unwind;
#else
/// Never thrown: without libstdc++ no thread is ended by an unwind.
class ForcedUnwind {
 protected:
  ForcedUnwind() = default;
};
#endif

}  // namespace freshframe::platform
