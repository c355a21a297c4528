// What the link of a view carries: whether the video is too much for it, and whether it could be tried again.
// SPDX-License-Identifier: Apache-2.0

const LAGS = { most: 3, within: 30 }; // seconds: a link on which pictures are left out more often is too slow
const OLD = 0.5; // seconds: what is younger as it comes is no sign of a slow link
const RISES = 0.2; // seconds by which pictures come later in each second, at the least, over a link that is too slow
const SURE = 0.7; // seconds for which they do so: after a stall they come in one go, and younger each time
const LATELY = 10; // seconds for which the time that a JPEG took counts, beside that of the last one
const SPARE = 1.2; // times its rate that a link must carry before the video is tried again

export class Link {
  #lags = []; // seconds at which pictures were left out
  #rise = null; // {age, at}: since then pictures come older and older
  #rate = null; // bytes in a second of the video
  #jpegs = []; // {at, rate}

  // Another stream begins, or another way to show it. `rate`: bytes in a second of the video, if it is known.
  begin(rate) {
    this.#rise = null;
    this.#rate = rate ?? this.#rate;
  }

  // A picture of the video came at `at` seconds, `age` seconds after its capture. Returns whether the link is surely too
  // slow for the video.
  picture(age, at) {
    const rise = this.#rise;
    if (age === null || age < OLD) this.#rise = null;
    else if (rise === null || age < rise.age + RISES * (at - rise.at)) this.#rise = { age, at };
    else return at - rise.at > SURE;
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
    this.#jpegs = [];
  }

  // A JPEG came that many seconds after it could be sent.
  jpeg(bytes, seconds, at) {
    this.#jpegs = [...this.#jpegs.filter((one) => at - one.at < LATELY), { at, rate: bytes / Math.max(1e-3, seconds) }];
  }

  // Whether the video would be too much, by the fastest JPEG of late; without one, and without the video's rate, it is
  // not known, so it would not.
  get isTooSlow() {
    const rates = this.#jpegs.map(({ rate }) => rate);
    return this.#rate !== null && rates.length > 0 && Math.max(...rates) < SPARE * this.#rate;
  }
}
