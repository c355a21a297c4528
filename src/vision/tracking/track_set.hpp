// Gives objects identities over time: predicts each track, matches tracks with detections ("finds"), and
// confirms or drops tracks.
// SPDX-License-Identifier: Apache-2.0
//
// The two rounds - confident detections first, then the others for the remaining tracks - follow Y. Zhang et
// al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022. Unlike ByteTrack,
// this uses real time, so dropped frames need no special case, and the cost is a likelihood.
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <sstream>
#include <utility>
#include <vector>

#include "vision/plausible_time.hpp"
#include "vision/tracking/pairing.hpp"

namespace freshframe::vision {

/// How well a detection fits a track: minus twice the log likelihood, up to a constant.
struct Fit {
  bool possible = false;
  double cost = 0;
};

/// Rules for starting and ending tracks.
struct TrackRules {
  double max_gap = 0.5;          // seconds for which a track may be unseen
  float sure_confidence = 0.6F;  // a less confident detection continues a track but never starts one
  // the track of a detection at least this confident is confirmed immediately
  float certain_confidence = 0.8F;
  int confirming_hits = 2;  // other tracks are confirmed after this many detections
};

/// The tracks of one kind of object. `Model` defines how it moves and how detections match it. It has the
/// types Item (a detection, with a member `confidence`) and State, and the functions
///   State start(const Item&), void predict(State&, double dt), Fit fit(const State&, const Item&),
///   void hit(State&, const Item&), bool counts(const Item&), double place(const Item&),
///   std::pair<double, double> reach(const State&).
/// predict() starts from the last hit. reach() returns the interval of place() (any coordinate) that contains
/// all detections that may fit. Detections for which counts() is false, for example because they contain NaN,
/// are ignored. Not thread-safe; reuses its memory.
template <class Model>
class TrackSet {
 public:
  using Item = typename Model::Item;
  using State = typename Model::State;

  /// If no images arrive, a track survives for this multiple of max_gap, because dropped frames do not prove
  /// that the object is gone.
  static constexpr double kBlindGaps = 2;
  /// Bounds the time of the matching. With this number of tracks, a new one starts only after another has
  /// ended.
  static constexpr std::size_t kMaxTracks = 512;
  /// Likewise, if there are more detections, only the most confident are considered. Detectors without
  /// suppression return thousands.
  static constexpr std::size_t kMaxFinds = 1024;
  /// In seconds. With a longer gap, the predicted variance would overflow.
  static constexpr double kMaxMaxGap = 1e6;

  struct Track {
    State state;
    double born = 0;        // seconds
    double last_seen = 0;   // seconds
    double confidence = 0;  // weighted mean over its detections; recent ones weigh more
    int hits = 0;
    std::int64_t id = 0;  // 0 until confirmed
    bool paired = false;  // seen in the current image
  };

  /// `last_id`: ids start above it.
  TrackSet(Model model, const TrackRules& rules, std::int64_t last_id = 0)
      : model_(std::move(model)), rules_(rules), last_id_(last_id) {
    if (rules.max_gap > 0 && rules.max_gap <= kMaxMaxGap) return;
    std::ostringstream message;
    message << "max_gap must be more than 0 and at most " << kMaxMaxGap << " seconds, got " << rules.max_gap;
    throw OptionError(message.str());
  }

  /// Advances to the timestamp of the next image, in seconds. If time goes backwards, all tracks end; ids
  /// continue.
  void advance(double pts) {
    check_time(pts);
    if (pts < now_) tracks_.clear();
    // An image without the object counts towards the end of its track. A missing image does not, up to
    // kBlindGaps.
    const double kept = now_;
    now_ = pts;
    std::erase_if(tracks_, [&](const Track& track) {
      return kept - track.last_seen > rules_.max_gap || pts - track.last_seen > kBlindGaps * rules_.max_gap;
    });
    for (Track& track : tracks_) {
      model_.predict(track.state, pts - track.last_seen);
      track.paired = false;
    }
  }

  /// Takes the detections of the image at that time.
  void take(std::span<const Item> found) {
    track_of_.assign(found.size(), -1);
    consider(found);
    pairing_.sort_places(considered_.size(),
                         [&](std::size_t k) { return model_.place(found[considered_[k]]); });
    pair(found, true);
    pair(found, false);
    give_birth(found);
    confirm(found);
  }

  /// In no particular order. After advance() all of them are predictions. After take() the matched ones are
  /// measurements.
  [[nodiscard]] const std::vector<Track>& tracks() const noexcept { return tracks_; }
  /// Returns the confirmed track of a detection of the last take(), or null.
  [[nodiscard]] const Track* find_confirmed(std::size_t find) const noexcept {
    const int track = track_of_[find];
    if (track < 0 || tracks_[static_cast<std::size_t>(track)].id == 0) return nullptr;
    return &tracks_[static_cast<std::size_t>(track)];
  }
  /// Returns the detections of the last take() whose track is confirmed, by ascending id.
  [[nodiscard]] std::vector<std::size_t> confirmed_finds() const {
    std::vector<std::size_t> order;
    for (std::size_t j = 0; j < track_of_.size(); ++j) {
      if (find_confirmed(j) != nullptr) order.push_back(j);
    }
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return find_confirmed(a)->id < find_confirmed(b)->id; });
    return order;
  }
  /// Returns what users see of a track. The state must have a PlaceMotion named `place`.
  [[nodiscard]] TrackInfo info(const Track& track) const {
    return {.velocity_x = static_cast<float>(track.state.place.now().velocity_x()),
            .velocity_y = static_cast<float>(track.state.place.now().velocity_y()),
            .track_age = static_cast<float>(now_ - track.born),
            .track_confidence = static_cast<float>(track.confidence)};
  }
  [[nodiscard]] bool starts_track(const Item& item) const noexcept {
    return item.confidence >= rules_.sure_confidence;
  }
  [[nodiscard]] double now() const noexcept { return now_; }
  [[nodiscard]] std::int64_t last_id() const noexcept { return last_id_; }

 private:
  void consider(std::span<const Item> found) {
    considered_.clear();
    scores_.clear();
    for (std::size_t j = 0; j < found.size(); ++j) {
      if (!model_.counts(found[j])) continue;
      considered_.push_back(j);
      scores_.push_back(found[j].confidence);
    }
    if (scores_.size() <= kMaxFinds) return;
    const auto last = scores_.begin() + (kMaxFinds - 1);
    std::nth_element(scores_.begin(), last, scores_.end(), std::greater<>());
    const float least = *last;
    auto room = 1 + std::count(scores_.begin(), last, least);  // among equal scores, the first ones are taken
    std::erase_if(considered_, [&](std::size_t j) {
      return found[j].confidence < least || (found[j].confidence == least && --room < 0);
    });
  }

  // Indexes in pairing_ refer to considered_.
  void pair(std::span<const Item> found, bool sure) {
    pairing_.start(tracks_.size(), considered_.size());
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
      if (tracks_[i].paired) continue;
      const auto [low, high] = model_.reach(tracks_[i].state);
      for (const std::size_t k : pairing_.between(low, high)) {
        const std::size_t j = considered_[k];
        if (track_of_[j] >= 0 || starts_track(found[j]) != sure) continue;
        const Fit fit = model_.fit(tracks_[i].state, found[j]);
        if (fit.possible) pairing_.allow(i, k, fit.cost);
      }
    }
    for (const auto& [i, k] : pairing_.solve()) {
      const std::size_t j = considered_[k];
      hit(tracks_[i], found[j]);
      track_of_[j] = static_cast<int>(i);
    }
  }

  void hit(Track& track, const Item& item) {
    model_.hit(track.state, item);
    track.last_seen = now_;
    track.paired = true;
    ++track.hits;
    const double weight = std::max(1.0 / track.hits, kNewestWeight);
    track.confidence += weight * (static_cast<double>(item.confidence) - track.confidence);
  }

  void give_birth(std::span<const Item> found) {
    for (const std::size_t j : considered_) {
      if (track_of_[j] >= 0 || !starts_track(found[j]) || tracks_.size() == kMaxTracks) continue;
      track_of_[j] = static_cast<int>(tracks_.size());
      tracks_.push_back({.state = model_.start(found[j]),
                         .born = now_,
                         .last_seen = now_,
                         .confidence = static_cast<double>(found[j].confidence),
                         .hits = 1,
                         .paired = true});
    }
  }

  // Ids are assigned at confirmation, so that users see them without gaps.
  void confirm(std::span<const Item> found) {
    for (std::size_t j = 0; j < found.size(); ++j) {
      if (track_of_[j] < 0) continue;
      Track& track = tracks_[static_cast<std::size_t>(track_of_[j])];
      if (track.id == 0 &&
          (track.hits >= rules_.confirming_hits || found[j].confidence >= rules_.certain_confidence))
        track.id = ++last_id_;
    }
  }

  static constexpr double kNewestWeight = 0.125;  // about a quarter of a second at 30 frames per second

  Model model_;
  TrackRules rules_;
  std::int64_t last_id_;
  double now_ = 0;
  std::vector<Track> tracks_;
  std::vector<int> track_of_;            // index of each detection's track, -1 for none
  std::vector<std::size_t> considered_;  // indexes of the detections that are considered
  std::vector<float> scores_;            // their scores
  Pairing pairing_;
};

}  // namespace freshframe::vision
