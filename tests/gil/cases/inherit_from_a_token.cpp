// A class that is a token.
// SPDX-License-Identifier: Apache-2.0
// expect: final
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

#ifdef FIXED
class Mine {};
#else
class Mine : public gil::Held {};
#endif
