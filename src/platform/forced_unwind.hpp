// How pthread_exit() and pthread_cancel() unwind a thread, which is not a real exception.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <version>  // defines the macro of the standard library

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

namespace freshframe::platform {

#ifdef __GLIBCXX__
/// Is caught by `catch (...)` like an exception, but must not be swallowed there. Catch it by reference first
/// and rethrow it.
using ForcedUnwind = abi::__forced_unwind;
#else
/// Never thrown: without libstdc++, threads are not ended by unwinding.
class ForcedUnwind {
 protected:
  ForcedUnwind() = default;
};
#endif

}  // namespace freshframe::platform
