"use strict";
// Weeks of players would read all files at once: each reads the length of its own when it comes into sight.
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) {
      target.preload = "metadata";
      seen.unobserve(target);
    }
  }
});
const all = [...document.querySelectorAll("audio")];
for (const player of all) {
  seen.observe(player);
  player.addEventListener("play", () => {
    for (const other of all) if (other !== player) other.pause();
  });
}
// A list plays on by itself to the end of its day.
for (const day of document.querySelectorAll(".day")) {
  const players = [...day.querySelectorAll("audio")];
  players.slice(0, -1).forEach((player, i) => {
    player.addEventListener("ended", () => void players[i + 1].play());
  });
}
