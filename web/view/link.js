// Measures the link of a view: whether it is too slow for the video, and whether the video could be tried again.
// SPDX-License-Identifier: Apache-2.0

const LAGS = { most: 3, within: 30 }; // seconds: a link on which pictures are left out more often is too slow
export const LONG = 0.5; // seconds: a picture that was on its way for less is no sign of a slow link
const SPAN = 0.35; // seconds: two spans one after the other show a slow link, and a stall makes one of them
const RISES = 0.2; // seconds that pictures take longer in each second, at the least, over a link that is too slow
const JITTER = 0.02; // seconds by which the times of pictures differ that wait equally long
const GROUP = 0.5; // seconds of the video whose rate is measured, at the least: from one keyframe to another
const LATELY = 10; // seconds for which the time that a JPEG took counts, if it is not the last one
const NOTICED = 0.005; // seconds: a JPEG that took less shows no limit of the link
const SPARE = 1.2; // times the video's rate that a link must carry before the video is tried again

export class Link {
  rate = 0; // bytes per second of the video; 0 if unknown
  #lags = []; // seconds at which pictures were left out
  #span = null; // {at, delay, bytes, again} since its first picture; again: the one before it was that of a slow link
  #group = null; // {pts, bytes} since a keyframe
  #caughtUp = false; // pictures no longer come at once, as those since the last keyframe do in the beginning
  #last = null; // {at, delay} of the last picture since then
  #jpegs = []; // {at, rate} since the video was given up

  // Another stream begins, or another way to show it. `rate`: bytes in a second of the video, if it is known.
  begin(rate) {
    this.#span = this.#group = this.#last = null;
    this.#caughtUp = false;
    this.rate = rate ?? this.rate;
  }

  // A picture of the video came at `at` seconds. `delay`: seconds that it took on its way, and that it waited at the server;
  // null: not known. `known`: the link is known as slow, so one span is enough. Returns whether it is surely too slow for
  // the video.
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
    // Behind a large keyframe the others come as fast as the camera makes them, and no faster.
    const isSlow = rise >= RISES * seconds || (rise >= -JITTER && rate < this.rate);
    const isSure = isSlow && this.#span.again;
    this.#span = { at, delay, bytes: 0, again: isSlow || known };
    return isSure;
  }

  // Whether the last picture took longer than `most` seconds, and none has come for as long. The server leaves pictures out
  // behind it up to the next keyframe, which may be far.
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

  // Pictures were left out while an old one was shown. Returns whether they are too often.
  lag(at) {
    this.#lags = [...this.#lags.filter((one) => at - one < LAGS.within), at];
    return this.#lags.length >= LAGS.most;
  }

  // The video was given up.
  failed() {
    this.#lags = [];
    this.#span = this.#last = null;
    this.#jpegs = [];
  }

  // A JPEG came that was on its way for so many seconds.
  jpeg(bytes, seconds, at) {
    const rate = seconds < NOTICED ? Infinity : bytes / seconds;
    this.#jpegs = [...this.#jpegs.filter((one) => at - one.at < LATELY), { at, rate }];
  }

  // Whether the video would be too much, beside others of so many bytes in a second, by the fastest JPEG of late, and as
  // long as none has come. Where its rate is not known it would not.
  isTooSlow(others, at) {
    if (this.rate === 0) return false;
    const lately = this.#jpegs.filter((one) => at - one.at < LATELY);
    const jpegs = lately.length > 0 ? lately : this.#jpegs.slice(-1);
    return Math.max(0, ...jpegs.map((one) => one.rate)) < SPARE * (this.rate + others);
  }
}
