// Changes a stream's bytes before FFmpeg's demuxer reads them, so that it sees the end of a picture when it
// has come.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "media/network/filter/filtered_bytes.hpp"

namespace freshframe::media {

/// Does no I/O. One thread.
class ByteFilter {
 public:
  ByteFilter() = default;
  ByteFilter(const ByteFilter&) = delete;
  ByteFilter& operator=(const ByteFilter&) = delete;
  virtual ~ByteFilter() = default;

  /// The next bytes of the network. What the demuxer is to read of them now goes to `out`. Throws Error when the
  /// stream cannot go on.
  virtual void add(Bytes bytes, TimePoint arrived, FilteredBytes& out) = 0;
  /// The stream is over: what was held back goes to `out`.
  virtual void finish(FilteredBytes& out) = 0;
};

}  // namespace freshframe::media
