// An error of a live source for which another attempt would fail, too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"

namespace freshframe::media {

/// No permission, an unknown option, a size that the camera does not have.
class SourceRefused final : public SourceError {
 public:
  using SourceError::SourceError;
};

}  // namespace freshframe::media
