// Measures the link of a view: whether it is too slow for the video, and whether the video could be tried again.
// SPDX-License-Identifier: Apache-2.0

// A link on which images are skipped more than `most` times in `within` seconds is too slow.
const LAGS = { most: 3, within: 30 };
export const LONG = 0.35; // seconds: an image that was in transit for less does not indicate a slow link
const SPAN = 0.25; // seconds: two consecutive spans indicate a slow link, while a stall causes only one
const RISES = 0.2; // minimum increase of the transit time, in seconds per second, over a link that is too slow
const JITTER = 0.02; // seconds by which the transit times of images differ that are equally late
const GROUP = 0.5; // minimum seconds of video over which its rate is measured, from one keyframe to another
const LATELY = 10; // seconds for which the transit time of a JPEG is used, unless it is the last one
const NOTICED = 0.005; // seconds: a JPEG that took less does not show a limit of the link
const SPARE = 1.2; // how many times the video's rate a link must carry before the video is tried again

export class Link {
  rate = 0; // bytes per second of the video; 0 if unknown
  #lags = []; // times at which images were skipped, in seconds
  #span = null; // {at, delay, bytes, again} since its first image; again: the span before it was also slow
  #group = null; // {pts, bytes} since a keyframe
  #caughtUp = false; // images no longer arrive all at the same time, as those since the last keyframe do at the start
  #last = null; // {at, delay} of the last image since then
  #jpegs = []; // {at, rate} since the video was abandoned

  // Called when another stream starts, or another way to show it. `rate`: bytes per second of the video, if known.
  begin(rate) {
    this.#span = this.#group = this.#last = null;
    this.#caughtUp = false;
    this.rate = rate ?? this.rate;
  }

  // Called when an image of the video arrives at `at` seconds. `delay`: seconds in transit and in the server's queue,
  // or null if unknown. `known`: the link is known to be slow, so one span is enough. Returns true if it is certainly
  // too slow for the video.
  picture({ pts, key, gap, late }, bytes, delay, at, known) {
    this.#measure(pts, key, gap, bytes);
    this.#caughtUp ||= !late;
    if (this.#caughtUp) this.#last = { at, delay };
    if (delay === null || delay < LONG) {
      this.#span = null;
      return false;
    }
    if (this.#span === null) {
      this.#span = { at, delay, bytes: 0, again: known };
      return false;
    }
    this.#span.bytes += bytes;
    const seconds = at - this.#span.at;
    if (seconds < SPAN) return false;
    const [rise, rate] = [delay - this.#span.delay, this.#span.bytes / seconds];
    // After a large keyframe, the other images arrive at the rate of the camera, and no faster.
    const isSlow = rise >= RISES * seconds || (rise >= -JITTER && rate < this.rate);
    const isSure = isSlow && this.#span.again;
    this.#span = { at, delay, bytes: 0, again: isSlow || known };
    return isSure;
  }

  // Returns true if the last image took longer than `most` seconds, and none has arrived for as long. The server skips
  // images after it until the next keyframe, which may be far away.
  stands(most, at) {
    return this.#last !== null && this.#last.delay > most && at - this.#last.at > most;
  }

  #measure(pts, key, gap, bytes) {
    if (gap) this.#group = null;
    if (key && (this.#group === null || pts - this.#group.pts >= GROUP)) {
      if (this.#group !== null) this.rate = this.#group.bytes / (pts - this.#group.pts);
      this.#group = { pts, bytes: 0 };
    }
    if (this.#group !== null) this.#group.bytes += bytes;
  }

  // Called when images were skipped while an old one was shown. Returns true if that happens too often.
  lag(at) {
    this.#lags = [...this.#lags.filter((one) => at - one < LAGS.within), at];
    return this.#lags.length >= LAGS.most;
  }

  // Called when the video is abandoned.
  failed() {
    this.#lags = [];
    this.#span = this.#last = null;
    this.#jpegs = [];
  }

  // Called when a JPEG arrives that was in transit for this many seconds.
  jpeg(bytes, seconds, at) {
    const rate = seconds < NOTICED ? Infinity : bytes / seconds;
    this.#jpegs = [...this.#jpegs.filter((one) => at - one.at < LATELY), { at, rate }];
  }

  // Returns true if the video would be too much in addition to other streams with this many bytes per second, based on
  // the fastest recent JPEG and the time since the last one. False if the video's rate is unknown.
  isTooSlow(others, at) {
    if (this.rate === 0) return false;
    const lately = this.#jpegs.filter((one) => at - one.at < LATELY);
    const jpegs = lately.length > 0 ? lately : this.#jpegs.slice(-1);
    return Math.max(0, ...jpegs.map((one) => one.rate)) < SPARE * (this.rate + others);
  }
}
