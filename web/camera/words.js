// What a page that sends a camera says in each state: to its user, and to the pipeline.
// SPDX-License-Identifier: Apache-2.0

// By state: the sentence for the user, and the words of the button that continues. A state without a button needs none.
export const STATES = {
  idle: { text: "The camera is off.", button: "Use my camera" },
  connecting: { text: "Connecting." },
  asking: { text: "The browser asks whether this page may use the camera. Allow it." },
  live: { text: "This camera is live." },
  paused: { text: "The system has paused the camera. Another app may be using it, or its shutter may be closed." },
  silent: { text: "The camera is not delivering frames. If this continues, stop it and start it again." },
  denied: {
    text: "This page is not allowed to use the camera. Allow it in the address bar, then try again.",
    button: "Try again",
  },
  no_camera: { text: "This device has no camera. Connect one, then try again.", button: "Try again" },
  camera_busy: {
    text: "The camera cannot be started. Close other programs that use it, then try again.",
    button: "Try again",
  },
  unplugged: {
    text: "The camera was unplugged, or its permission was revoked. Connect or allow it, then try again.",
    button: "Try again",
  },
  failed: { text: "The camera cannot be opened.", button: "Try again" },
  insecure: { text: "Browsers allow cameras only on https pages and on this machine (localhost). Choose one of these ways:" },
  busy: { text: "Another browser is already sending this camera.", button: "Send from here instead", takes: true },
  taken: { text: "Another browser has taken over.", button: "Send from here again", takes: true },
  lost: { text: "No connection to the program." },
  refused: { text: "This link is no longer valid. Open the latest one that the program printed." },
  ended: { text: "The pipeline has ended." },
  stopped: { text: "The camera is off.", button: "Use my camera" },
};

// The sentence for the user.
export const sentenceOf = ({ state, detail }) => [STATES[state].text, detail].filter(Boolean).join(" ");

// By state: the words that the pipeline repeats in why(), its page and its log.
export const TOLD = {
  asking: "the browser asks its user for permission to use the camera",
  paused: "the browser's system has paused the camera",
  silent: "the browser's camera delivers no frames",
  denied: "the browser or its user does not allow the use of the camera",
  no_camera: "the browser's device has no camera",
  camera_busy: "another program uses the browser's camera, or it cannot be started",
  unplugged: "the browser's camera was unplugged, or its permission was revoked",
  failed: "the browser cannot open its camera",
  insecure: "the page was opened over http from another machine, where browsers do not allow cameras",
  stopped: "the browser's user has stopped the camera",
};

// By the name of the exception of getUserMedia().
const FAILURES = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "no_camera",
  NotReadableError: "camera_busy",
  AbortError: "camera_busy",
};

// The state after this exception, and a detail if the state does not explain it.
export function failureOf(error) {
  const state = FAILURES[error.name];
  if (state === undefined) return { state: "failed", detail: `${error.name}: ${error.message}` };
  const isFramed = state === "denied" && window.top !== window;
  return { state, detail: isFramed ? 'The <iframe> around this page needs allow="camera".' : "" };
}

// Ways to reach a server so that its page may use the camera: [where the browser is, what to run, what to open].
export function waysTo({ hostname, port, protocol }) {
  const at = port || (protocol === "https:" ? "443" : "80");
  const here = `${protocol}//127.0.0.1:${at}`;
  return [
    ["on the same machine, or on the Windows host of WSL2", "", "the link with localhost"],
    ["on a laptop", `ssh -L ${at}:127.0.0.1:${at} ${hostname}`, "the link with localhost"],
    ["on an Android phone, by USB", `adb reverse tcp:${at} tcp:${at}`, "the link with localhost, on the phone"],
    ["on any phone of yours", `tailscale serve ${at}`, "the link with the address that it prints"],
    [
      "anywhere",
      `cloudflared tunnel --url ${here} --http-host-header 127.0.0.1:${at}`,
      "the link with the address that it prints",
    ],
  ];
}
