// Tells the page around an app how high its content is. The app's page has this
// script when it is in an iframe with automatic height, which its URL says
// (?embed=auto); frames.js, in the page around, describes the messages. A height
// is no secret: who may put the app into a frame is for its
// Content-Security-Policy to say.
(() => {
  "use strict";

  if (window.parent === window) return;

  // In milliseconds.
  const PAUSE = 30; // from a change to its measurement
  const SOON = 600; // in which content that follows the frame grows after it
  const PROBE = 150; // for the content to follow
  const PATIENCE = 5000; // for the app to load

  const STEP = 64; // pixels by which a probe makes the frame higher
  const MENU = 400; // pixels of a menu that count at most

  let told = innerHeight; // the height that the frame should have
  let toldAt = -Infinity;
  let growths = 0; // in a row, each soon after the one before
  let before = told; // these growths
  let locked = 0; // height of a frame that its content follows
  let probing = false;
  let loaded = false;
  let timer = 0;

  const boxOf = element => element.getBoundingClientRect();
  const isOutOfFlow = element => /fixed|absolute/.test(getComputedStyle(element).position);

  // contentHeight is the height of what there is. That of the document would
  // never be less than the frame's.
  function contentHeight() {
    const {body} = document, style = getComputedStyle(body);
    let height = boxOf(body).bottom + parseFloat(style.marginBottom);
    for (const child of body.children) {
      if (!isOutOfFlow(child)) height = Math.max(height, boxOf(child).bottom);
    }
    height += scrollY;
    if (body.scrollHeight > innerHeight || style.overflowY !== "visible") height = Math.max(height, body.scrollHeight);
    for (const popup of popups()) {
      height = Math.max(height, Math.max(0, boxOf(popup).top) + scrollY + menuHeight(popup.firstElementChild || popup) + 12);
    }
    return Math.ceil(height);
  }

  // popups are menus and calendars, which stand out of the flow: those of dcc in
  // the layout, those of dbc in the body. What covers the frame follows it.
  function popups() {
    return [...document.body.children, ...document.querySelectorAll("[data-radix-popper-content-wrapper]")].filter(element => {
      if (!isOutOfFlow(element)) return false;
      const {height} = boxOf(element);
      return height > 0 && (height < innerHeight || getComputedStyle(element).position === "absolute");
    });
  }

  // menuHeight is what a menu would have if the frame did not squeeze it.
  function menuHeight(menu) {
    let hidden = menu.scrollHeight - menu.clientHeight;
    for (const part of [...menu.querySelectorAll("*")].slice(0, MENU)) {
      const more = part.scrollHeight - part.clientHeight;
      if (more > hidden && part.clientHeight > 0 && /auto|scroll/.test(getComputedStyle(part).overflowY)) hidden = more;
    }
    return Math.min(MENU, boxOf(menu).height + hidden);
  }

  // isLoaded reports whether the app has been there once. Until then the frame
  // does not shrink: what it has may be its height of the last visit.
  function isLoaded() {
    loaded = loaded || performance.now() > PATIENCE ||
      !document.querySelector("._dash-loading, ._dash-loading-callback, .dash-graph--pending");
    return loaded;
  }

  function tell(height) {
    told = height;
    toldAt = performance.now();
    window.parent.postMessage({type: "dashd:height", height}, "*");
  }

  function measure() {
    timer = 0;
    if (probing) return;
    const height = contentHeight();
    if (locked && height >= locked) return;
    locked = 0;
    if (height === told && Math.abs(height - innerHeight) < 2) return;
    if (height < innerHeight && !isLoaded()) return;
    if (height <= told || performance.now() - toldAt > SOON) growths = 0;
    if (height > told && growths++ === 0) before = told;
    if (growths > 4) probe(height);
    else tell(height);
  }

  // probe finds out whether the content follows the frame, as with a height in
  // vh: it grows and shrinks with it. Such a frame would grow for ever, so it
  // gets the height that it had, and scrolls.
  async function probe(height) {
    const wait = () => new Promise(resolve => setTimeout(resolve, PROBE));
    probing = true;
    growths = 0;
    tell(height + STEP);
    await wait();
    const higher = contentHeight();
    tell(height);
    await wait();
    probing = false;
    if (higher - height > STEP / 2 && higher - contentHeight() > STEP / 2) {
      locked = before;
      tell(before);
    } else {
      measure();
    }
  }

  function soon() {
    timer = timer || setTimeout(measure, PAUSE);
  }

  function start() {
    for (const {style} of [document.documentElement, document.body]) { // 100% would be that of the frame
      style.setProperty("height", "auto", "important");
      style.setProperty("min-height", "0", "important");
    }
    const sizes = new ResizeObserver(soon);
    const observe = () => {
      for (const child of document.body.children) {
        sizes.observe(child);
        if (child.firstElementChild) sizes.observe(child.firstElementChild);
      }
      soon();
    };
    sizes.observe(document.body);
    new MutationObserver(observe).observe(document.body, {childList: true, subtree: true});
    observe();
    addEventListener("resize", soon);
    addEventListener("load", soon);
    setTimeout(soon, PATIENCE);
  }

  addEventListener("message", ({data, source}) => {
    if (source !== window.parent || !data || data.type !== "dashd:measure") return;
    if (toldAt >= 0) tell(told);
    soon();
  });
  start();
})();
