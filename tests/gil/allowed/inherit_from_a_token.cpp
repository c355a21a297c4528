// The twin of ../refused/inherit_from_a_token.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

namespace gil = freshframe::gil;

class Mine {};
