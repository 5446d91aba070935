"use strict";
// A list plays on by itself to the end of its day.
for (const day of document.querySelectorAll(".day")) {
  const list = [...day.querySelectorAll("audio")];
  list.slice(0, -1).forEach((player, i) => {
    player.addEventListener("ended", () => void list[i + 1].play());
  });
}
