// Gives objects identities over time: predict each track, pair tracks with finds, confirm or drop them.
// SPDX-License-Identifier: Apache-2.0
//
// The two rounds - confident finds first, then the others for the remaining tracks - follow Y. Zhang et al.,
// "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022. Different: time is real, so
// dropped frames need no special case, and the cost is a likelihood.
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

/// How well a find fits a track: minus twice the log likelihood, up to a constant.
struct Fit {
  bool possible = false;
  double cost = 0;
};

/// Rules for starting and ending tracks.
struct TrackRules {
  double max_gap = 0.5;             // seconds that a track may be unseen
  float sure_confidence = 0.6F;     // a less confident find continues a track but never starts one
  float certain_confidence = 0.8F;  // the track of such a find is confirmed immediately
  int confirming_hits = 2;          // others are confirmed after this many hits
};

/// The tracks of one kind of object. `Model` defines its motion and its match with finds. It has the types
/// Item (a find, with a member `confidence`) and State, and the functions
///   State start(const Item&), void predict(State&, double dt), Fit fit(const State&, const Item&),
///   void hit(State&, const Item&), bool counts(const Item&), double place(const Item&),
///   std::pair<double, double> reach(const State&).
/// predict() starts from the last hit. reach() is the interval of place() (any coordinate) that holds all finds that
/// fit. Finds for which counts() is false, such as finds with NaN, are ignored. One thread at a time; keeps its
/// memory.
template <class Model>
class TrackSet {
 public:
  using Item = typename Model::Item;
  using State = typename Model::State;

  /// Without any picture in between, a track survives for this multiple of max_gap: dropped frames are no
  /// evidence of its end.
  static constexpr double kBlindGaps = 2;
  /// Bounds the time of the pairing. With this number of tracks, a new one begins only after another has ended.
  static constexpr std::size_t kMaxTracks = 512;
  /// Likewise: of more finds the most confident are considered. Detectors without suppression return
  /// thousands.
  static constexpr std::size_t kMaxFinds = 1024;
  /// Seconds. Beyond this the predicted variance overflows.
  static constexpr double kMaxMaxGap = 1e6;

  struct Track {
    State state;
    double born = 0;        // seconds
    double last_seen = 0;   // seconds
    double confidence = 0;  // weighted mean over its finds, the latest with the largest weight
    int hits = 0;
    std::int64_t id = 0;  // 0 until confirmed
    bool paired = false;  // seen in the current picture
  };

  /// `last_id`: ids begin after it.
  TrackSet(Model model, const TrackRules& rules, std::int64_t last_id = 0)
      : model_(std::move(model)), rules_(rules), last_id_(last_id) {
    if (rules.max_gap > 0 && rules.max_gap <= kMaxMaxGap) return;
    std::ostringstream message;
    message << "max_gap must be more than 0 and at most " << kMaxMaxGap << " seconds, got " << rules.max_gap;
    throw OptionError(message.str());
  }

  /// Advances to the time of the next picture, seconds. A step back ends all tracks; ids continue.
  void advance(double pts) {
    check_time(pts);
    if (pts < now_) tracks_.clear();
    // A picture without the object counts towards the end of its track. A missing picture does not, up to
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

  /// Takes the finds of the picture at that time.
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

  /// In no particular order. After advance() all are predictions, after take() the paired ones are measured.
  [[nodiscard]] const std::vector<Track>& tracks() const noexcept { return tracks_; }
  /// The confirmed track of a find of the last take(), nullptr for none.
  [[nodiscard]] const Track* find_confirmed(std::size_t find) const noexcept {
    const int track = track_of_[find];
    if (track < 0 || tracks_[static_cast<std::size_t>(track)].id == 0) return nullptr;
    return &tracks_[static_cast<std::size_t>(track)];
  }
  /// The finds of the last take() whose track is confirmed, by ascending id.
  [[nodiscard]] std::vector<std::size_t> confirmed_finds() const {
    std::vector<std::size_t> order;
    for (std::size_t j = 0; j < track_of_.size(); ++j) {
      if (find_confirmed(j) != nullptr) order.push_back(j);
    }
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return find_confirmed(a)->id < find_confirmed(b)->id; });
    return order;
  }
  /// For users. The state must have a PlaceMotion named `place`.
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
    auto room = 1 + std::count(scores_.begin(), last, least);  // the first of several equal ones are taken
    std::erase_if(considered_, [&](std::size_t j) {
      return found[j].confidence < least || (found[j].confidence == least && --room < 0);
    });
  }

  // The pairing counts the considered finds.
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

  // Ids are given at confirmation, so users see them without gaps.
  void confirm(std::span<const Item> found) {
    for (std::size_t j = 0; j < found.size(); ++j) {
      if (track_of_[j] < 0) continue;
      Track& track = tracks_[static_cast<std::size_t>(track_of_[j])];
      if (track.id == 0 &&
          (track.hits >= rules_.confirming_hits || found[j].confidence >= rules_.certain_confidence))
        track.id = ++last_id_;
    }
  }

  static constexpr double kNewestWeight = 0.125;  // about a quarter of a second at 30 pictures per second

  Model model_;
  TrackRules rules_;
  std::int64_t last_id_;
  double now_ = 0;
  std::vector<Track> tracks_;
  std::vector<int> track_of_;            // index of each find's track, -1 for none
  std::vector<std::size_t> considered_;  // places of the finds that are considered
  std::vector<float> scores_;            // scores of those
  Pairing pairing_;
};

}  // namespace freshframe::vision
