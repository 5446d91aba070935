"use strict";
// Plays both tracks from wherever the picture or a passage is clicked. While both play, B follows the tempo of A.
const players = { a: document.querySelector("#deck-a audio"), b: document.querySelector("#deck-b audio") };
const sides = ["a", "b"].filter((side) => players[side]);
const buttons = [...document.querySelectorAll("[data-play]")];
const now = document.querySelector("#now");
const courses = [...document.querySelectorAll(".passage")].map((button, index) => ({
  button, number: index + 1, ...JSON.parse(button.dataset.course),
}));
const plots = [...document.querySelectorAll(".plot")].map((plot) => {
  const { left, right, bottom, top, below, beside, endA, endB } = plot.dataset;
  return {
    plot, left: +left, bottom: +bottom, width: 1 - left - right, height: 1 - bottom - top,
    below: +below, beside: +beside, ends: { a: +endA, b: +endB },
    box: plot.querySelector(".box"), cursors: { a: plot.querySelector(".of-a"), b: plot.querySelector(".of-b") },
  };
});
const NEAR = 14; // pixels from a line within which a click means its passage
const LATE = 0.4; // seconds that B may be off before it jumps
const EAGERNESS = 0.6; // how much of being off B makes up for in a second

let course = courses[0] ?? null; // the passage that is played, or null
let playing = ""; // "a", "b", "ab" or nothing
let leader = sides[0]; // whose time counts

const other = (side) => (side === "a" ? "b" : "a");
const first = (side) => course[side][0];
const last = (side) => course[side].at(-1);
const within = (found, side, time) => found && time >= found[side][0] - 0.05 && time < found[side].at(-1) - 0.05;
const show = (seconds) => {
  const tenths = Math.floor(10 * seconds + 1e-6);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
};

// The time in one track at which it plays what the other one plays at `time`.
const partner = (found, from, to, time) => {
  const [xs, ys] = [found[from], found[to]];
  if (time <= xs[0]) return ys[0];
  if (time >= xs.at(-1)) return ys.at(-1);
  let [low, high] = [0, xs.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= time) low = middle;
    else high = middle;
  }
  const length = xs[high] - xs[low];
  return length > 0 ? ys[low] + ((ys[high] - ys[low]) * (time - xs[low])) / length : ys[high];
};

const place = (plot, side, time) => {
  const share = Math.min(time / plot.ends[side], 1);
  return side === "a" ? plot.left + plot.width * share : plot.bottom + plot.height * share;
};
const percent = (share) => `${100 * share}%`;

const follow = () => {
  const times = {};
  for (const side of sides) times[side] = players[side].currentTime;
  for (const plot of plots) {
    plot.box.hidden = !course;
    if (course) {
      plot.box.style.left = percent(place(plot, "a", first("a")));
      plot.box.style.width = percent(place(plot, "a", last("a")) - place(plot, "a", first("a")));
      plot.box.style.bottom = percent(place(plot, "b", first("b")));
      plot.box.style.height = percent(place(plot, "b", last("b")) - place(plot, "b", first("b")));
    }
    for (const side of sides) {
      const { style } = plot.cursors[side];
      plot.cursors[side].hidden = false;
      if (side === "a") {
        style.left = percent(place(plot, "a", times.a));
        style.bottom = percent(plot.below);
        style.height = percent(plot.bottom - plot.below + plot.height);
      } else {
        style.bottom = percent(place(plot, "b", times.b));
        style.left = percent(plot.beside);
        style.width = percent(plot.left - plot.beside + plot.width);
      }
    }
  }
  const where = course ? `passage ${course.number}` : "free";
  now.textContent = [where, ...sides.map((side) => `${side.toUpperCase()} ${show(times[side])}`)].join(" · ");
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.play === playing));
  for (const found of courses) found.button.setAttribute("aria-pressed", String(found === course));
};
const watch = () => {
  follow();
  if (sides.some((side) => !players[side].paused)) requestAnimationFrame(watch);
};

const stop = () => {
  playing = "";
  for (const side of sides) players[side].pause();
  follow();
};
const keepInTime = () => {
  if (!playing) return;
  if (course && players[leader].currentTime >= last(leader)) {
    stop();
    return;
  }
  if (playing !== "ab" || !course) return;
  const time = players.a.currentTime;
  const wanted = partner(course, "a", "b", time);
  const late = wanted - players.b.currentTime;
  if (Math.abs(late) > LATE) players.b.currentTime = wanted;
  const tempo = partner(course, "a", "b", time + 0.5) - partner(course, "a", "b", time - 0.5);
  players.b.playbackRate = Math.min(2, Math.max(0.5, tempo + EAGERNESS * late));
};

// Where to go on from: what the leader plays now, or the beginning of the passage.
const here = () => {
  const time = players[leader].currentTime;
  if (playing && !within(course, leader, time)) course = courses.find((found) => within(found, leader, time)) ?? course;
  if (within(course, leader, time)) return { [leader]: time, [other(leader)]: partner(course, leader, other(leader), time) };
  if (course) return { a: first("a"), b: first("b") };
  return { [leader]: time };
};
const play = (which, from) => {
  const times = from ?? here();
  for (const side of sides) {
    if (times[side] !== undefined) players[side].currentTime = Math.min(times[side], players[side].duration || 0);
    players[side].playbackRate = 1;
  }
  playing = sides.filter((side) => which.includes(side)).join("");
  if (!playing) return;
  leader = playing[0];
  for (const side of sides) {
    if (playing.includes(side)) players[side].play().catch(() => {});
    else players[side].pause();
  }
  keepInTime();
  watch();
};

// A click's place in the picture, in shares of the matrix; outside of it below 0 or above 1.
const clicked = (plot, event) => {
  const box = plot.plot.getBoundingClientRect();
  const across = ((event.clientX - box.left) / box.width - plot.left) / plot.width;
  const upwards = ((box.bottom - event.clientY) / box.height - plot.bottom) / plot.height;
  const pixels = { a: plot.width * box.width, b: plot.height * box.height };
  return { a: across, b: upwards, pixels };
};
const nearest = (plot, at) => {
  let best = { distance: NEAR };
  for (const found of courses) {
    found.a.forEach((time, i) => {
      const x = (time / plot.ends.a - at.a) * at.pixels.a;
      const y = (found.b[i] / plot.ends.b - at.b) * at.pixels.b;
      const distance = Math.hypot(x, y);
      if (distance < best.distance) best = { distance, found, a: time, b: found.b[i] };
    });
  }
  return best;
};
const jump = (plot, event) => {
  const at = clicked(plot, event);
  const inside = (share) => share >= 0 && share <= 1;
  const free = { a: at.a * plot.ends.a, b: at.b * plot.ends.b };
  if (inside(at.a) && inside(at.b)) {
    const near = nearest(plot, at);
    course = near.found ?? null;
    play("ab", near.found ? { a: near.a, b: near.b } : free);
  } else if (inside(at.a) && at.b < 0) {
    course = null;
    play("a", { a: free.a });
  } else if (inside(at.b) && at.a < 0) {
    course = null;
    play("b", { b: free.b });
  }
};

for (const plot of plots) plot.plot.addEventListener("click", (event) => jump(plot, event));
for (const found of courses) {
  found.button.addEventListener("click", () => {
    course = found;
    play("ab", { a: first("a"), b: first("b") });
  });
}
for (const button of buttons) {
  button.disabled = [...button.dataset.play].some((side) => !players[side]);
  button.addEventListener("click", () => (playing === button.dataset.play ? stop() : play(button.dataset.play)));
}
for (const side of sides) {
  const player = players[side];
  player.addEventListener("timeupdate", keepInTime);
  player.addEventListener("seeked", follow);
  player.addEventListener("play", watch);
  // Paused by its own controls, or at its end.
  player.addEventListener("pause", () => {
    if (playing.includes(side) && player.paused) stop();
  });
  const sources = player.querySelectorAll("source");
  sources[sources.length - 1].addEventListener("error", () => {
    player.parentElement.querySelector(".unplayable").hidden = false;
  });
}
document.body.classList.add("listening");
