// Included first in each file that is compiled for another system: forks.hpp calls what is a macro there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#undef pthread_atfork

inline int pthread_atfork(void (*)(), void (*)(), void (*)()) {
  return 0;  // no process forks
}
