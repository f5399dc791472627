// Loads each script and stylesheet once. When a callback returns components of
// a suite that the page has not loaded, the answer names the suite's files and
// the renderer appends them to the head, with every such answer anew. A second
// run of a suite would replace its components, and they would lose their state.
(function () {
  "use strict";

  var head = document.head;
  var append = head.appendChild;
  var loads = new Map(); // URL -> promise

  head.appendChild = function (element) {
    var url = element.tagName === "SCRIPT" ? element.src : element.rel === "stylesheet" ? element.href : "";
    if (!url) {
      return append.call(head, element);
    }
    var known = loads.get(url);
    if (known) {
      known.then(
        function () { element.dispatchEvent(new Event("load")); },
        function () { element.dispatchEvent(new Event("error")); }
      );
      return element;
    }
    loads.set(url, new Promise(function (resolve, reject) {
      element.addEventListener("load", resolve);
      element.addEventListener("error", function () {
        loads.delete(url); // the next one tries again
        reject();
      });
    }));
    loads.get(url).catch(function () {}); // the renderer sees the error itself
    return append.call(head, element);
  };
})();
