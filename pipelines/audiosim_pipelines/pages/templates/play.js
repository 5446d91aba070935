"use strict";
// The pictures follow the player, and the player goes where a picture is clicked.
const audio = document.querySelector("audio");
if (audio) {
  const plots = [...document.querySelectorAll(".plot")].map((plot) => ({
    plot,
    cursor: plot.querySelector(".cursor"),
    left: Number(plot.dataset.left),
    inner: 1 - plot.dataset.left - plot.dataset.right,
    end: Number(plot.dataset.end),
  }));
  const follow = () => {
    for (const { cursor, left, inner, end } of plots) {
      cursor.hidden = false;
      cursor.style.left = `${100 * (left + inner * Math.min(audio.currentTime / end, 1))}%`;
    }
    if (!audio.paused) requestAnimationFrame(follow);
  };
  for (const { plot, left, inner, end } of plots) {
    plot.addEventListener("click", (event) => {
      const box = plot.getBoundingClientRect();
      const share = ((event.clientX - box.left) / box.width - left) / inner;
      if (share >= 0 && share <= 1) audio.currentTime = share * end;
    });
  }
  audio.addEventListener("play", follow);
  audio.addEventListener("seeked", follow);
  document.body.classList.add("listening");
}
