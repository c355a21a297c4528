// The frames of a camera, each with the time when it was captured.
// SPDX-License-Identifier: Apache-2.0

import { Lowest, median, now } from "./server_clock.js";

const TIES = 31; // frames whose captureTime is compared with their timestamp
const HIDDEN = 1000; // ms between the frames of a hidden page whose video element has no callbacks
const INTERVALS = 31; // frames from which the camera's frame interval is computed
const BREAK = 10_000; // ms: a longer gap is a pause, not a loss

const USUAL = 30; // frames per second of a track that does not report its rate

// Opens a camera. Throws the DOMException of getUserMedia(). `device` is a deviceId or null, `facing` "user", "environment"
// or null.
export async function openCamera({ width, height, fps, device, facing }) {
  const video = { frameRate: { ideal: fps ?? 30 } };
  if (width) Object.assign(video, { width: { ideal: width }, height: { ideal: height } });
  if (device) video.deviceId = { exact: device };
  else if (facing) video.facingMode = facing;
  const stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
  return stream.getVideoTracks()[0];
}

// The capture time of frames by the clock of performance.now(), in ms. A camera's timestamps are regular, so only their
// offset to that clock is estimated: from captureTime if the browser supports it, otherwise from the fastest arrival.
class CaptureTimes {
  #ties = [];
  #earliest = new Lowest(); // arrival after the timestamp, in ms

  get source() {
    return this.#ties.length > 0 ? "capture" : "arrival";
  }

  get isComplete() {
    return this.#ties.length >= TIES;
  }

  tie(captureTime, timestamp) {
    this.#ties.push(captureTime - timestamp);
  }

  at(timestamp, arrived) {
    if (this.#ties.length > 0) return Math.min(arrived, timestamp + median(this.#ties));
    this.#earliest.add(arrived, arrived - timestamp);
    return timestamp + this.#earliest.value;
  }
}

// Counts frames that the browser lost before the page could see them, by gaps in their timestamps.
class Gaps {
  #last = Infinity;
  #intervals = [];

  // Returns the number of frames that were lost since the previous one.
  add(timestamp) {
    const interval = timestamp - this.#last;
    this.#last = timestamp;
    if (interval <= 0 || interval > BREAK) return 0;
    const usual = this.#intervals.length < INTERVALS ? interval : median(this.#intervals);
    this.#intervals = [...this.#intervals.slice(1 - INTERVALS), interval];
    return Math.max(0, Math.round(interval / usual) - 1);
  }
}

// Half of the interval between frames in ms.
const halfInterval = (track) => 500 / (track.getSettings().frameRate || USUAL);

function playing(track) {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, srcObject: new MediaStream([track]) });
  video.play().catch(() => {}); // stopped before it started
  return video;
}

// Reads the track itself, also while the page is hidden. The video element only relates timestamps to captureTime.
class ProcessedFrames {
  #times = new CaptureTimes();
  #gaps = new Gaps();
  #video;
  #reader;
  #take;
  #half;
  #ended = false;

  constructor(track, take) {
    this.#take = take;
    this.#half = halfInterval(track);
    this.#video = playing(track);
    this.#video.requestVideoFrameCallback((_, meta) => this.#tie(meta));
    this.#reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    this.#read().catch(() => {}); // another event reports that the track has ended
  }

  get stamped() {
    return this.#times.source;
  }

  get error() {
    return this.stamped === "capture" ? 0 : this.#half;
  }

  #tie({ captureTime }) {
    if (this.#ended) return;
    if (captureTime !== undefined) {
      const frame = new VideoFrame(this.#video);
      this.#times.tie(captureTime, frame.timestamp / 1000);
      frame.close();
    }
    if (captureTime === undefined || this.#times.isComplete) this.#rest();
    else this.#video.requestVideoFrameCallback((_, meta) => this.#tie(meta));
  }

  #rest() {
    this.#video.pause();
    this.#video.srcObject = null;
  }

  async #read() {
    for (;;) {
      const { value: frame, done } = await this.#reader.read();
      if (done) return;
      if (this.#ended) {
        frame.close();
        return;
      }
      const timestamp = frame.timestamp / 1000;
      this.#take(frame, this.#times.at(timestamp, now()), timestamp, this.#gaps.add(timestamp));
    }
  }

  end() {
    this.#ended = true;
    this.#rest();
    this.#reader.cancel().catch(() => {});
  }
}

// Copies what a video element presents, for browsers without MediaStreamTrackProcessor. A frame is presented up to one
// interval after its capture.
class PresentedFrames {
  stamped = "presentation";
  #gaps = new Gaps();
  #video;
  #take;
  #last = -Infinity;
  #ended = false;
  #timer;
  error;

  constructor(track, take) {
    this.#take = take;
    this.error = halfInterval(track);
    this.#video = playing(track);
    this.#next();
    this.#timer = setInterval(() => this.#hidden(), HIDDEN);
  }

  #next() {
    this.#video.requestVideoFrameCallback((_, { captureTime, presentationTime }) => {
      if (this.#ended) return;
      this.#next();
      const shown = captureTime ?? Math.min(presentationTime, now());
      if (captureTime !== undefined) [this.stamped, this.error] = ["capture", 0];
      this.#give(shown, this.#gaps.add(shown));
    });
  }

  // A hidden page has no frame callbacks.
  #hidden() {
    if (document.hidden && now() - this.#last > HIDDEN - 100 && this.#video.readyState >= 2) this.#give(now(), 0);
  }

  #give(shown, missed) {
    this.#last = now();
    const timestamp = Math.round(shown * 1000);
    const frame = typeof VideoFrame === "undefined" ? this.#video : new VideoFrame(this.#video, { timestamp });
    this.#take(frame, shown - this.error, shown, missed);
  }

  end() {
    this.#ended = true;
    clearInterval(this.#timer);
    this.#video.srcObject = null;
  }
}

// Calls take(frame, captured, timestamp, missed) for each frame of the track until end(), with times in ms: `captured` by
// performance.now(), `timestamp` by the camera's own clock. A frame is a VideoFrame that the callee closes, or a video
// element in browsers without VideoFrame. `missed` is the number of frames that the browser lost before this one.
// `stamped` is the source of the times ("capture", "presentation" or "arrival"), and `error` their error in ms.
export function follow(track, take) {
  return "MediaStreamTrackProcessor" in window ? new ProcessedFrames(track, take) : new PresentedFrames(track, take);
}
