// Makes a thread read and write numbers with a decimal point, whatever the program's locale.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe::platform {

/// While this exists, the thread uses a decimal point. Needed because FFmpeg parses options and playlist
/// durations by the program's locale, which a GUI toolkit may have set to one with a decimal comma. Has no
/// effect if out of memory.
class DecimalPoint {
 public:
  DecimalPoint();
  DecimalPoint(const DecimalPoint&) = delete;
  DecimalPoint& operator=(const DecimalPoint&) = delete;
  ~DecimalPoint();

 private:
  void* const before_;  // the thread's previous locale
};

}  // namespace freshframe::platform
