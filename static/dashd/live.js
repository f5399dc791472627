// Keeps the table of the channels in the administration up to date: the server
// sends its rows when they have changed. It runs after dpd_components.js.
(() => {
  "use strict";

  const [rows] = document.getElementById("channels").tBodies;
  window.dpd_live.hear({
    channel: "dashd.channels",
    label: "rows",
    claim: "",
    message(html) { rows.innerHTML = html; },
    gap() {},
    resume() {},
  });
})();
