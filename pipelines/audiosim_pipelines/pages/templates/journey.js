"use strict";
// One track after the other: when one ends the next of its day begins, and when one is started the others stop.
for (const day of document.querySelectorAll(".day")) {
  const players = [...day.querySelectorAll("audio")];
  players.forEach((player, i) => {
    player.addEventListener("ended", () => {
      const next = players[i + 1];
      if (next) next.play().catch(() => undefined);
    });
  });
}
const all = [...document.querySelectorAll("audio")];
for (const player of all) {
  player.addEventListener("play", () => {
    for (const other of all) if (other !== player) other.pause();
  });
}
