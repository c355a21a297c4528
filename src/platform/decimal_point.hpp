// Numbers with a decimal point, whatever the program's locale is.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe::platform {

/// While it lives, this thread reads and writes numbers with a decimal point: FFmpeg reads its options and the lengths in
/// playlists by the program's locale, which a toolkit may have set to one with a decimal comma. It changes nothing if memory
/// runs out.
class DecimalPoint {
 public:
  DecimalPoint();
  DecimalPoint(const DecimalPoint&) = delete;
  DecimalPoint& operator=(const DecimalPoint&) = delete;
  ~DecimalPoint();

 private:
  void* const before_;  // the thread's locale
};

}  // namespace freshframe::platform
