// Runs models that take images, and describes their input and outputs.
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

/// The preprocessing for a model with a single image input. `size` is used if the file leaves the size open.
/// Throws OptionError that names the file.
[[nodiscard]] InputForm picture_form(const Session& session, const std::optional<Size>& size);

/// The batch size that the file fixes, or 0 for any.
[[nodiscard]] std::size_t count_pictures(const Session& session);
/// Throws OptionError if the batch size is fixed to more than one.
void refuse_fixed_batch(const Session& session);

/// The outputs of image `index` in a run of `count` images, for the decoders.
[[nodiscard]] std::vector<OutputView> view_tensors(std::span<const Tensor> tensors, std::size_t index = 0,
                                                   std::size_t count = 1);

/// The result of a run.
struct PictureRun {
  std::vector<Tensor> outputs;       // empty if the run was stopped
  std::vector<PicturePlace> places;  // position of each image or of its region
  std::size_t count = 1;             // number of images in the tensor
  double seconds = 0;                // time spent in the model alone

  [[nodiscard]] bool is_stopped() const noexcept { return outputs.empty(); }
  /// Converts float16 and float64 outputs, so that the decoders can read them.
  void widen() {
    for (auto& output : outputs) output.widen();
  }
  [[nodiscard]] std::vector<OutputView> views(std::size_t index) const {
    return view_tensors(outputs, index, count);
  }
};

/// Runs the model on blank images. Throws OptionError that names the file.
[[nodiscard]] PictureRun empty_run(const Session& session, const InputForm& form);
/// Describes the model after empty_run(). Shapes are for one image.
[[nodiscard]] ModelFacts collect_facts(const Session& session, const InputForm& form, const PictureRun& run);

/// An image for a model: a frame or a region of it. The frame must outlive the run.
struct GivenPicture {
  const Frame* frame = nullptr;
  std::optional<Region> roi = {};
};

/// Runs a model on images. Not thread-safe. Several runners may share a session.
class PictureRunner {
 public:
  PictureRunner(std::shared_ptr<const Session> session, const InputForm& form);

  [[nodiscard]] const InputForm& form() const noexcept { return box_.form(); }
  /// Returns true if the image is on a GPU and the model reads it there.
  [[nodiscard]] bool reads_on_card(const GivenPicture& given) const;
  /// Runs all images in one run: at most as many as the file fixes; fewer are padded. Images are kept on the
  /// GPU if the model can read all of them there.
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
  std::vector<Placement> barred_;  // for each image of the tensor: the placement whose bars it contains
  std::unique_ptr<CardLetterbox> card_box_;  // created for the first GPU image
  int card_failures_ = 0;                    // consecutive
  bool is_card_failure_known_ = false;       // a warning was logged
  bool has_given_up_card_ = false;           // the provider cannot fill images
};

}  // namespace freshframe::inference
