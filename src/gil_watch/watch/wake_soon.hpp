// Asks the scheduler to let a thread run soon after it wakes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe::gil {

/// The calling thread needs microseconds at a time: Linux 6.12 and newer then prefer it over threads with
/// long slices, without any privilege or larger share. Older kernels ignore it.
void wake_soon() noexcept;

}  // namespace freshframe::gil
