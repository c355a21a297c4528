// An axis of a picture that is scaled.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe::inference {

/// An axis of which `outputs` outputs are wanted, from output `first` on.
struct ScaledAxis {
  int samples = 0;
  double samples_per_output = 1;
  int first = 0;
  int outputs = 0;
};

}  // namespace freshframe::inference
