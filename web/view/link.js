// What the link of a view carries: whether the video is too much for it, and whether it could be tried again.
// SPDX-License-Identifier: Apache-2.0

const LAGS = { most: 3, within: 30 }; // seconds: a link on which pictures are left out more often is too slow
const OLD = 0.5; // seconds: what is younger as it comes is no sign of a slow link
const RISES = 0.2; // seconds by which pictures come later in each second, at the least, over a link that is too slow
// Seconds for which they do so, and in the last half of them: a camera that gets later makes one step, and after a
// stall pictures come in one go, and younger each time.
const SURE = 0.7;
const LATELY = 10; // seconds for which the time that a JPEG took counts
const SPARE = 1.2; // times its rate that a link must carry before the video is tried again

export class Link {
  #lags = []; // seconds at which pictures were left out
  #rise = []; // {age, at} of the pictures since which they come older and older
  #rate = null; // bytes in a second of the video
  #jpegs = []; // {at, rate}

  // Another stream begins, or another way to show it. `rate`: bytes in a second of the video, if it is known.
  begin(rate) {
    this.#rise = [];
    this.#rate = rate ?? this.#rate;
  }

  // A picture of the video came at `at` seconds, `age` seconds after its capture. `late`: a newer one waited at the
  // server, so it is not the camera alone that is late. Returns whether the link is surely too slow for the video.
  picture(age, late, at) {
    const [first] = this.#rise;
    const rises = (since) => age >= since.age + RISES * (at - since.at);
    if (age === null || age < OLD || !late) {
      this.#rise = [];
    } else if (first === undefined || !rises(first)) {
      this.#rise = [{ age, at }];
    } else {
      this.#rise.push({ age, at });
      return at - first.at > SURE && rises(this.#rise.findLast((one) => one.at <= at - SURE / 2));
    }
    return false;
  }

  // Pictures were left out while an old one was shown. Returns whether they are too often.
  lag(at) {
    this.#lags = [...this.#lags.filter((one) => at - one < LAGS.within), at];
    return this.#lags.length >= LAGS.most;
  }

  // The video was given up.
  failed() {
    this.#lags = [];
    this.#rise = [];
    this.#jpegs = [];
  }

  // A JPEG came that many seconds after it could be sent.
  jpeg(bytes, seconds, at) {
    this.#jpegs = [...this.#jpegs.filter((one) => at - one.at < LATELY), { at, rate: bytes / Math.max(1e-3, seconds) }];
  }

  // Whether the video would be too much, by the fastest JPEG of late; without one, and without the video's rate, it is
  // not known, so it would not.
  isTooSlow(at) {
    const rates = this.#jpegs.filter((one) => at - one.at < LATELY).map(({ rate }) => rate);
    return this.#rate !== null && rates.length > 0 && Math.max(...rates) < SPARE * this.#rate;
  }
}
