// The components of dpd: window.dpd_components, which the Dash renderer finds
// by that name. A Pipe shows nothing; its value is there for callbacks.
(function () {
  "use strict";

  function Pipe() {
    return null;
  }

  window.dpd_components = {Pipe: Pipe};
})();
