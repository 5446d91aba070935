"use strict";
// Hundreds of players would read hundreds of files at once: each reads the length of its own when it comes into sight.
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) {
      target.preload = "metadata";
      seen.unobserve(target);
    }
  }
});
const players = [...document.querySelectorAll("audio")];
for (const player of players) {
  seen.observe(player);
  player.addEventListener("play", () => {
    for (const other of players) if (other !== player) other.pause();
  });
}
