// A model that takes one picture: what its input wants, and what it then gives.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "inference/boxes/decode.hpp"
#include "inference/boxes/layout.hpp"
#include "inference/picture/letterbox.hpp"
#include "inference/runtime/session.hpp"

namespace freshframe::inference {

using Size = std::pair<int, int>;  // width, height

/// The form of a model's only input, which must be one of pictures. `size` is for a file that leaves it open.
/// Throws OptionError that names the file.
[[nodiscard]] InputForm picture_form(const Session& session, const std::optional<Size>& size);

/// The outputs as the decoders see them.
[[nodiscard]] std::vector<OutputView> views_of(std::span<const Tensor> tensors);

/// The facts of a model after one run with an empty picture.
[[nodiscard]] ModelFacts facts_of(const Session& session, const InputForm& form);

/// One picture at a time on its way through a model. One thread at a time; several may share a session.
class PictureRunner {
 public:
  PictureRunner(std::shared_ptr<const Session> session, const InputForm& form);

  [[nodiscard]] const InputForm& form() const noexcept { return box_.form(); }
  /// The outputs, and where the picture lay; empty outputs: `stop` has ended it.
  std::pair<std::vector<Tensor>, Placement> run(const Frame& frame, const std::stop_token& stop);

 private:
  std::shared_ptr<const Session> session_;
  Letterbox box_;
  std::vector<float> tensor_;
};

}  // namespace freshframe::inference
