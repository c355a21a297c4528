// <freshframe-view src port token labels wait mode>: a camera's own video in any page, with results exactly on it.
// SPDX-License-Identifier: Apache-2.0

import { el } from "./dom.js";
import { Due, Held, now } from "./view/clock.js";
import { Drawing, objectsOf } from "./view/drawing.js";
import { Face } from "./view/face.js";
import { Link, LONG } from "./view/link.js";
import { drawsWhatItSays, kept, Mse } from "./view/mse.js";
import { serverAt } from "./view/socket.js";
import { WebCodecs } from "./view/webcodecs.js";

const PLAYERS = { webcodecs: WebCodecs, mse: Mse };
// Seconds until a mode that failed is tried again. After the last of them, it is tried at each return of the camera or,
// if the link was too slow, at that interval.
const AGAIN = [10, 60];
const PUT_OFF = 600; // maximum seconds by which an attempt is postponed because JPEGs arrive slowly
const BACK_FOR = 2; // seconds of JPEGs that measure the link again after the view was hidden
// Seconds for which a link counts as slow after the video was tried again. A video that has played for that long shows
// that the link is fast enough, and its next failure counts as the first.
const SLOW_FOR = 30;
const SLOW = "the connection is too slow for the video";
const STEP = 160; // px: widths are rounded to this, so that resizing a page does not request each width
const GAP = 1; // seconds for which the last results are shown on later images
const LABELS = "{class_name} {tracker_id}";
const REDUCED = matchMedia("(prefers-reduced-motion: reduce)");
// State of a player, as pts in seconds: the last image of a video, the image whose pts was guessed, and the image whose
// results were last reported.
const UNPLAYED = { last: -Infinity, guessed: null, said: null };
const own = new URL(".", import.meta.url).href;

class FreshframeView extends HTMLElement {
  static observedAttributes = ["src", "port", "token", "mode"];

  #face = new Face(this.attachShadow({ mode: "open" }), {
    pause: () => this.#pause(),
    zoom: () => this.zoom(),
    fullScreen: () => (document.fullscreenElement ? document.exitFullscreen() : this.requestFullscreen?.()),
    save: () => this.#save(),
    pick: (object) => this.#pick(object),
    point: (event) => this.#point(event),
  });
  #drawing = new Drawing(this.#face.canvas);
  #due = new Due();
  #held = new Held(
    this.#due,
    () => this.#wait(),
    (image, pts) => this.#draw(image, pts),
  );
  #server = null;
  #id = null; // of this view, assigned by the server
  #start = null;
  #player = null;
  #since = Infinity; // ms at which it started
  #early = null; // messages that arrived before their player was selected
  #failures = new Map(); // by mode: {why, tries, until, latest}
  #retry = 0; // timer of a view that is watching
  #mode = null;
  #why = "";
  #link = { state: "connecting" };
  #carries = new Link();
  #gone = null;
  #joined = false;
  #ends = false; // only what is on its way still arrives
  #newest = -Infinity; // pts of the newest frame of the video that has arrived
  #owed = false; // whether its acknowledgement is held back
  #leftOut = 0;
  #counts = { came: 0, shown: 0 }; // images since it started watching
  #shown = null; // {pts, captured, objects, at}
  #played = { ...UNPLAYED };
  #paused = false;
  #visible = false;
  #told = "";
  #toldAt = 0;
  #saidAt = 0;
  #timer = 0;
  #seen = new IntersectionObserver((entries) => {
    this.#visible = entries.at(-1).isIntersecting;
    this.#want();
  });
  #width = 0; // px
  #sized = new ResizeObserver(([entry]) => {
    this.#width = entry.contentRect.width;
    this.#resize();
  });
  #hidden = () => this.#want();

  connectedCallback() {
    this.#seen.observe(this);
    this.#sized.observe(this);
    document.addEventListener("visibilitychange", this.#hidden);
    this.#timer = setInterval(() => this.#look(), 250);
    this.#want();
  }

  disconnectedCallback() {
    this.#seen.disconnect();
    this.#sized.disconnect();
    document.removeEventListener("visibilitychange", this.#hidden);
    clearInterval(this.#timer);
    this.#visible = false;
    this.#want();
  }

  attributeChangedCallback() {
    this.#failures.clear();
    this.#carries = new Link();
    this.#leave();
    this.#want();
  }

  // A view that is not visible requests nothing.
  #want() {
    const wanted = this.isConnected && this.#visible && !document.hidden && !this.#paused && this.hasAttribute("port");
    if (wanted && this.#id === null) this.#watch();
    else if (!wanted) this.#leave();
    this.#tell();
  }

  #watch() {
    const address = new URL(this.getAttribute("src") ?? own, document.baseURI).href;
    this.#server = serverAt(address, this.getAttribute("token") ?? "");
    this.#leftOut = 0;
    this.#counts = { came: 0, shown: 0 };
    this.#comeBack();
    const asked = this.getAttribute("mode");
    const left = Object.keys(PLAYERS).some((mode) => this.#failed(mode) === null);
    const mode = asked === "jpeg" || (asked === null && !left) ? "jpeg" : asked === null ? "auto" : "video";
    this.#id = this.#server.watch(
      { port: this.getAttribute("port"), mode, width: this.#pixels },
      {
        message: (head, body) => this.#take(head, body),
        link: (link) => this.#linked(link),
        need: () => this.#need(),
      },
    );
    this.#tryLater();
  }

  // Enlarges the image around the position of a pointer event, by default its center, or shows all of it again.
  zoom(event) {
    this.#face.toggleZoom(event);
    this.#resize();
  }

  #resize() {
    this.#drawing.resize(this.#width * this.#face.zoom);
    this.#server?.resize(this.#id, this.#pixels);
  }

  get #pixels() {
    const width = this.clientWidth * this.#face.zoom * devicePixelRatio;
    return Math.min(1920, Math.max(1, Math.ceil(width / STEP)) * STEP);
  }

  #leave() {
    if (this.#id === null) return;
    clearTimeout(this.#retry);
    this.#server.leave(this.#id);
    this.#id = null;
    this.#stop();
  }

  // Stops the player; the last image stays.
  #stop() {
    this.#player?.close();
    this.#player = null;
    this.#since = Infinity;
    this.#early = null;
    this.#newest = -Infinity;
    this.#held.clear();
    this.#due.clear();
    this.#joined = false;
    this.#ends = false;
    this.#owed = false;
    this.#played = { ...UNPLAYED };
  }

  #again() {
    this.#leave();
    this.#want();
  }

  // What is requested now arrives after the images that are on their way, so these are still shown.
  #againAfterThem() {
    this.#ends = true;
    this.#server.end(this.#id, () => this.#again());
  }

  #linked(link) {
    this.#link = link;
    if (link.state !== "open") this.#stop();
    this.#tell();
  }

  #take(head, body) {
    if (head.kind === "start") this.#begin(head, body);
    else if (head.kind === "gone") this.#end(body);
    else if (this.#early !== null) this.#early.push([head, body]);
    else this.#play(head, body);
  }

  #play(head, body) {
    if (head.view !== this.#id) return;
    if (head.kind === "results") {
      this.#result({ ...JSON.parse(new TextDecoder().decode(body)), pts: head.pts });
      return;
    }
    if (head.leftOut > this.#leftOut || (this.#isSlow && this.#comesLate(head))) this.#lag(head);
    if (head.view !== this.#id) return;
    this.#leftOut = head.leftOut;
    ++this.#counts.came;
    this.#due.picture(head.pts, head.captured);
    if (head.kind === "picture" && this.#comesTooSlowly(head, body)) this.#tooSlow();
    if (head.kind === "jpeg") this.#jpeg(head, body);
    else if (head.kind === "picture") {
      this.#player?.picture(head, body);
      this.#newest = Math.max(this.#newest, head.pts); // with B-frames, the last frame may not be the newest
      this.#acknowledge(this.#newest);
    }
  }

  // A browser that decodes slower than frames arrive acknowledges later, so that the server skips frames.
  #acknowledge(pts) {
    this.#owed = this.#joined && this.#player?.behind > this.#server.most;
    if (!this.#owed) this.#server.acknowledge(this.#id, pts);
  }

  async #begin(head, body) {
    const ends = this.#ends;
    this.#stop();
    this.#ends = ends; // #stop() resets it, but a stream that is ending still ends, even if its frame size changes
    const start = JSON.parse(new TextDecoder().decode(body.subarray(0, body.length - head.sampleSize)));
    start.init = body.slice(body.length - head.sampleSize);
    this.#start = start;
    this.#carries.begin(start.rate);
    this.#drawing.begin(start);
    if (this.#gone !== null) {
      this.#gone = null;
      if (this.#failures.size > 0) {
        this.#failures.clear();
        this.#again();
        return;
      }
    }
    if (start.mode === "jpeg") {
      this.#use("jpeg", start.why ?? this.#refused());
      return;
    }
    this.#early = [];
    const chosen = await this.#choose(start);
    if (this.#start === start && this.#early !== null) this.#choice(start, chosen);
  }

  // The first mode that this browser can play, and why no better one was chosen.
  async #choose(start) {
    const asked = this.getAttribute("mode");
    const reasons = new Set();
    for (const [mode, Player] of Object.entries(PLAYERS)) {
      if (asked !== null && asked !== mode) continue;
      const refusal = this.#failed(mode) ?? (await Player.refusal(start));
      if (refusal === "") return { mode, why: [...reasons].join("; ") };
      reasons.add(refusal);
    }
    return { mode: null, why: [...reasons].join("; ") };
  }

  #choice(start, { mode, why }) {
    const early = this.#early;
    this.#early = null;
    if (mode === null) {
      const asked = this.getAttribute("mode");
      if (asked === null) {
        const tries = { why, tries: 0, until: Infinity };
        for (const one of Object.keys(PLAYERS)) if (!this.#failures.has(one)) this.#failures.set(one, tries);
        this.#again();
      } else {
        this.#use(asked, why);
        this.#gone = { why: "unplayable", text: `mode="${asked}" does not play here: ${why}.` };
        this.#tell();
      }
      return;
    }
    this.#use(mode, why);
    this.#since = performance.now();
    this.#player = new PLAYERS[mode](start, {
      picture: (image, pts) => this.#held.add(image, pts),
      shown: (video, named) => this.#showNamed(video, named),
      failed: (reason) => this.#fail([mode], reason),
    });
    for (const [head, body] of early) this.#play(head, body);
  }

  #use(mode, why) {
    this.#mode = mode;
    this.#why = why;
    this.#tell();
  }

  // The reason why a mode should not be tried, or null.
  #failed(mode) {
    const failure = this.#failures.get(mode);
    return failure !== undefined && performance.now() < failure.until ? failure.why : null;
  }

  #refused() {
    const failures = [...this.#failures.values()];
    return (failures.find(({ why }) => why === SLOW) ?? failures[0])?.why ?? "";
  }

  // Over a link slower than the video, old images would arrive in bursts. JPEGs are as recent as the link allows.
  #lag(head) {
    if (this.#mode === "jpeg" || this.hasAttribute("mode") || !(this.#age() > this.#server.most)) return;
    if (this.#carries.lag(now()) || (this.#isSlow && this.#delay(head) > LONG)) this.#tooSlow();
  }

  #look() {
    const stands = this.#player !== null && this.#carries.stands(this.#server.most, now());
    if (stands && !this.hasAttribute("mode")) this.#tooSlow();
    this.#tell();
  }

  #comesTooSlowly(head, body) {
    const isTooSlow = this.#carries.picture(head, body.length, this.#delay(head), now(), this.#isSlow);
    return isTooSlow && !this.hasAttribute("mode");
  }

  // Seconds that an image took from the server to here, beyond those of a short message; null if unknown. Does not
  // include a delay of the camera itself.
  #delay({ captured, elapsed }) {
    return this.#server.clock.delay(captured + elapsed);
  }

  // Bytes per second of the video; 0 if unknown, or if it never receives one.
  #need() {
    const modes = Object.keys(PLAYERS);
    const never = modes.every((mode) => this.#failures.get(mode)?.until === Infinity);
    return never || this.getAttribute("mode") === "jpeg" || this.#start?.why ? 0 : this.#carries.rate;
  }

  #tooSlow() {
    if (this.#ends) return;
    this.#carries.failed();
    this.#fail(Object.keys(PLAYERS), SLOW);
  }

  // Returns true if the link was too slow for the video, which has not been tried again, or only recently.
  get #isSlow() {
    const since = performance.now() - SLOW_FOR * 1000;
    return [...this.#failures.values()].some(({ why, until }) => why === SLOW && since < until);
  }

  // Of the frames since the last keyframe, which arrive in a burst, only the newest should be recent.
  #comesLate(head) {
    return head.kind === "picture" && !head.late && this.#delay(head) > this.#server.most;
  }

  #fail(modes, why) {
    const at = performance.now();
    const isSlow = why === SLOW;
    const forgets = isSlow && at - this.#since > SLOW_FOR * 1000;
    const failed = forgets ? [] : modes.map((mode) => this.#failures.get(mode)).filter((one) => one !== undefined);
    const tries = Math.max(0, ...failed.filter((one) => (one.why === SLOW) === isSlow).map((one) => one.tries)) + 1;
    const until = at + (AGAIN[isSlow ? Math.min(tries, AGAIN.length) - 1 : tries - 1] ?? Infinity) * 1000;
    const failure = { why, tries, until, latest: until + PUT_OFF * 1000 };
    for (const mode of modes)
      if (!isSlow || this.#failures.get(mode)?.until !== Infinity) this.#failures.set(mode, failure);
    if (isSlow) this.#againAfterThem();
    else this.#again();
  }

  #tryLater() {
    const at = performance.now();
    const failures = [...this.#failures.values()].filter(({ until }) => at < until && until < Infinity);
    if (failures.length === 0) return;
    const next = failures.reduce((a, b) => (b.until < a.until ? b : a));
    this.#retry = setTimeout(
      () => {
        if (this.#putOff()) this.#tryLater();
        else this.#again();
      },
      next.until - at + 1,
    );
  }

  // While JPEGs show that the link cannot carry the video, or its round trip is longer than a viewer may be behind,
  // another attempt would show old images. Returns true if an attempt that is due has to wait.
  #putOff() {
    const at = performance.now();
    const due = this.#dueAttempts(at);
    const { clock, most } = this.#server;
    const isTooSlow = clock.trip > most || this.#carries.isTooSlow(this.#server.neededBeside(this.#id), now());
    const waits = due.filter(({ latest }) => isTooSlow && at < latest);
    for (const one of due) {
      if (waits.includes(one)) one.until = at + AGAIN[0] * 1000;
      else one.latest = 0; // it starts, and is not postponed any more
    }
    return waits.length > 0;
  }

  // A view that was hidden when an attempt was due first measures what its link carries now.
  #comeBack() {
    const at = performance.now();
    for (const one of this.#dueAttempts(at)) {
      one.until = at + BACK_FOR * 1000;
      one.latest = one.until + PUT_OFF * 1000;
    }
  }

  #dueAttempts(at) {
    return [...this.#failures.values()].filter(({ why, until, latest }) => why === SLOW && until <= at && latest > 0);
  }

  #end(body) {
    this.#gone = JSON.parse(new TextDecoder().decode(body));
    this.#stop();
    this.#tell();
  }

  async #jpeg(head, body) {
    const seconds = this.#delay(head);
    if (seconds !== null) this.#carries.jpeg(body.length, seconds, now());
    const image = await createImageBitmap(new Blob([body], { type: "image/jpeg" })).catch(() => null);
    if (head.view !== this.#id) return;
    if (image !== null) this.#held.add(image, head.pts);
    this.#acknowledge(head.pts);
  }

  #result(result) {
    if (result.names) this.#start.names = result.names;
    this.#due.result(result);
    this.#held.pump();
  }

  #wait() {
    const asked = this.getAttribute("wait");
    return this.#due.wait(asked === null ? undefined : Number(asked));
  }

  // When Firefox's player starts, it may report a time between two images, so the first one is a guess. Or it reports
  // an image that it has not received yet.
  #showNamed(video, named) {
    const near = this.#due.near(named);
    const pts = (near ?? this.#due.standing(named, GAP))?.pts ?? named;
    if (pts < this.#played.last && this.#played.last - pts < GAP) return;
    this.#played.last = pts;
    if (near === null) this.#played.guessed = pts;
    this.#show(video, pts);
  }

  // A frame whose result has not arrived is copied, because the video advances in the meantime.
  #show(video, pts) {
    if (this.#due.settled(pts) || this.#wait() === 0) {
      this.#held.clear();
      this.#draw(video, pts);
    } else {
      this.#held.add(kept(video, this.#face.canvas), pts);
    }
  }

  // Draws immediately, because the video would advance in the meantime.
  #draw(image, pts) {
    const at = performance.now();
    if (REDUCED.matches && this.#shown !== null && at - this.#shown.at < 1000) return;
    this.#drawing.picture(image);
    const picture = this.#due.near(pts) ?? { pts, captured: this.#shown?.captured ?? 0 };
    const { result, exact } = this.#due.of(picture.pts, GAP);
    const objects = objectsOf(result, this.#start.names);
    const { lines = this.#start.lines, zones = this.#start.zones } = result ?? {};
    const size = result?.size; // without it, the size of the image in which they were found is unknown
    const named = this.#mode !== "mse" || (drawsWhatItSays && picture.pts !== this.#played.guessed);
    const surely = exact && size !== undefined && named;
    const labels = this.getAttribute("labels") ?? LABELS;
    this.#drawing.overlay({ objects, lines, zones, size, labels, dashed: !exact, chosen: this.#face.chosen });
    const again = picture.pts === this.#played.said; // a video may show the same frame twice
    this.#played.said = picture.pts;
    this.#shown = { pts: picture.pts, captured: picture.captured, objects, at };
    this.#joined ||= this.#player?.caughtUp ?? true;
    if (this.#owed) this.#acknowledge(this.#newest);
    this.#face.list(objects);
    const { captured: utc } = picture;
    if (!again) {
      ++this.#counts.shown;
      this.#say("results", { pts: picture.pts, utc, seq: result?.seq, exact: surely, objects, lines, zones });
    }
    this.#tell();
  }

  #age() {
    return this.#shown === null || this.#server === null ? null : this.#server.clock.age(this.#shown.captured);
  }

  #state(age) {
    if (this.#paused) return "paused";
    if (!this.#visible || document.hidden) return "hidden";
    if (this.#link.state !== "open") return this.#link.state;
    if (this.#gone !== null) return this.#gone.why;
    if (!this.#joined) return this.#shown === null ? "connecting" : "joining";
    return age > this.#server.most ? "old" : "live";
  }

  #message(state) {
    if (state === "lost" || state === "refused") return this.#link.text ?? this.#gone?.text;
    if (this.#gone === null || state === "paused" || state === "hidden") return null;
    const { why, since, text } = this.#gone;
    return why === "away" ? `No image since ${new Date(since * 1000).toLocaleTimeString([], { hourCycle: "h23" })}: ${text}` : text;
  }

  // Shows age and state at each change and four times a second, and emits events at each change and once a second.
  #tell() {
    const age = this.#age();
    const state = this.#state(age);
    const [mode, why] = [this.#mode, this.#why];
    const message = this.#message(state);
    const told = [state, mode, why, message].join("\n");
    const at = performance.now();
    if (told !== this.#told || at - this.#toldAt >= 250) {
      this.#face.tell({ state, mode, why, age, message, slow: why === SLOW });
      this.#face.label(this.getAttribute("port") ?? "", this.#shown?.objects ?? [], age);
      this.#toldAt = at;
    }
    if (told !== this.#told || at - this.#saidAt >= 1000) {
      this.#told = told;
      this.#saidAt = at;
      this.#say("state", { state, mode, why, age, message, left_out: this.#leftOut, ...this.#counts });
    }
  }

  #say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #pause() {
    this.#paused = !this.#paused;
    this.#want();
  }

  #save() {
    this.#face.canvas.toBlob((blob) => {
      const href = URL.createObjectURL(blob);
      el("a", { href, download: `${(this.getAttribute("port") ?? "").replace(/[^\w-]+/g, "_")}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(href), 1000);
    });
  }

  #point(event) {
    const object = this.#shown === null ? null : this.#drawing.at(this.#shown.objects, event);
    if (object !== null) this.#pick(object);
  }

  #pick(object) {
    this.#say("pick", { ...object, pts: this.#shown.pts });
  }
}

customElements.define("freshframe-view", FreshframeView);
