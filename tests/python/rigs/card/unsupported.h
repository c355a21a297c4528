// Functions that FFmpeg looks up before it decodes, and that no test calls.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "driver_types.h"

#define UNSUPPORTED(name) \
  Result name(void);      \
  Result name(void) {     \
    return kNotSupported; \
  }
