// Makes the iframes with the class "dashd-auto" of a page as high as what is in
// them. It is the second part of /embed.js, after embed.js, but stands for
// itself, and may run again in the same page.
//
// frame.js, in the iframe, says how high its content is:
//
//   {type: "dashd:height", height: pixels}
//
// and says it again when it is asked, which carries nothing:
//
//   {type: "dashd:measure"}
(() => {
  "use strict";

  if (window.dashdFrames) return;
  window.dashdFrames = true;

  const HIGHEST = 100000; // pixels that a frame can get

  const frames = () => [...document.querySelectorAll("iframe.dashd-auto")];
  const urlOf = frame => new URL(frame.src, document.baseURI);

  // originOf is the origin that messages of a frame must have: one that has left
  // the app does not count any more.
  function originOf(frame) {
    const opaque = frame.hasAttribute("sandbox") && !frame.sandbox.contains("allow-same-origin");
    return opaque ? "null" : urlOf(frame).origin;
  }

  // keyOf names a frame for the next visit of the page, where initial arguments
  // and tokens are others.
  function keyOf(frame) {
    const {origin, pathname} = urlOf(frame);
    const app = origin + pathname.replace(/\/(initial|embed)\/[^/]+/g, "");
    return ["dashd:height", location.pathname, frames().indexOf(frame), app].join(" ");
  }

  // Storage may be refused. Then the frames grow at each visit anew.
  function remember(frame) {
    try {
      sessionStorage.setItem(keyOf(frame), frame.style.height);
    } catch (e) {}
  }

  function recall(frame) {
    try {
      frame.style.height = sessionStorage.getItem(keyOf(frame)) || frame.style.height;
    } catch (e) {}
  }

  function resize(frame, height) {
    const style = getComputedStyle(frame);
    if (style.boxSizing === "border-box") {
      height += parseFloat(style.borderTopWidth) + parseFloat(style.borderBottomWidth);
    }
    frame.style.height = height + "px";
  }

  addEventListener("message", ({data, source, origin}) => {
    if (!data || data.type !== "dashd:height") return;
    const frame = frames().find(frame => frame.contentWindow === source);
    if (!frame || origin !== originOf(frame)) return;
    if (typeof data.height !== "number" || !(data.height > 0 && data.height <= HIGHEST)) return;
    resize(frame, data.height);
    remember(frame);
  });

  for (const frame of frames()) {
    recall(frame);
    frame.contentWindow.postMessage({type: "dashd:measure"}, "*");
  }
})();
