// A model that takes pictures: the form of its input, and its outputs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/node.hpp"
#include "freshframe/region.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "inference/boxes/decode.hpp"
#include "inference/boxes/model_facts.hpp"
#include "inference/model/card_letterbox.hpp"
#include "inference/picture/letterbox.hpp"
#include "inference/runtime/session.hpp"

namespace freshframe::inference {

using Size = std::pair<int, int>;  // width, height

/// The form of a model's only input, which must be one of pictures. `size` is for a file that leaves it open.
/// Throws OptionError that names the file.
[[nodiscard]] InputForm picture_form(const Session& session, const std::optional<Size>& size);

/// How many pictures the input takes in a run: a number that the file fixes, or 0: any.
[[nodiscard]] std::size_t count_pictures(const Session& session);
/// Throws OptionError when that is fixed to several.
void refuse_fixed_batch(const Session& session);

/// The outputs for the decoders: the outputs of picture `index` of a run of `count`.
[[nodiscard]] std::vector<OutputView> view_tensors(std::span<const Tensor> tensors, std::size_t index = 0,
                                                   std::size_t count = 1);

/// The result of a run.
struct PictureRun {
  std::vector<Tensor> outputs;       // none means it was stopped
  std::vector<PicturePlace> places;  // of each picture, or its region
  std::size_t count = 1;             // pictures of the tensor
  double seconds = 0;                // time of the network alone

  [[nodiscard]] bool is_stopped() const noexcept { return outputs.empty(); }
  /// So that the decoders can read outputs of float16 and float64.
  void widen() {
    for (auto& output : outputs) output.widen();
  }
  [[nodiscard]] std::vector<OutputView> views(std::size_t index) const {
    return view_tensors(outputs, index, count);
  }
};

/// A run with empty pictures. Throws OptionError that names the file.
[[nodiscard]] PictureRun empty_run(const Session& session, const InputForm& form);
/// The facts of a model after that run: the shapes are for one picture.
[[nodiscard]] ModelFacts collect_facts(const Session& session, const InputForm& form, const PictureRun& run);

/// A picture for a model: a frame, or a region of it. The frame must outlive the run.
struct GivenPicture {
  const Frame* frame = nullptr;
  std::optional<Region> roi = {};
};

/// Runs a model on pictures. One thread at a time; several runners may share a session.
class PictureRunner {
 public:
  PictureRunner(std::shared_ptr<const Session> session, const InputForm& form);

  [[nodiscard]] const InputForm& form() const noexcept { return box_.form(); }
  /// Whether the picture is on a card, and the model reads it there.
  [[nodiscard]] bool reads_on_card(const GivenPicture& given) const;
  /// In one run. At most as many pictures as the file fixes; fewer are padded. Pictures that
  /// the model reads on their card are not copied to the host, if all of them are there.
  PictureRun run(std::span<const GivenPicture> given, const Context& context);
  PictureRun run(const GivenPicture& given, const Context& context);

 private:
  void fill(std::span<const GivenPicture> given, PictureRun& result);
  bool fill_on_card(std::span<const GivenPicture> given, PictureRun& result);
  void note_card_failure(const Error& error);

  std::shared_ptr<const Session> session_;
  Letterbox box_;
  std::size_t fixed_;  // count_pictures()
  std::vector<float> tensor_;
  std::vector<Placement> barred_;            // for each picture of the tensor: the place whose bars it has
  std::unique_ptr<CardLetterbox> card_box_;  // from the first picture on a card on
  int card_failures_ = 0;                    // in a row
  bool is_card_failure_known_ = false;       // there is a warning
  bool has_given_up_card_ = false;           // the provider cannot fill pictures
};

}  // namespace freshframe::inference
