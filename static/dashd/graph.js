// Makes maps draw from our own topojson: plotly.js would fetch it from another
// host. The URL of the topojson directory is the fragment of this script's URL,
//
//   graph.js#/static/<hash>/plotly/package_data/topojson/
//
// so that it needs neither an attribute nor an inline script. It may load
// before plotly.js, as it does when dcc fetches that for the first graph, or
// after it. A graph's own config.topojsonURL still wins.
(function () {
  "use strict";

  var self = new URL(document.currentScript.src);
  var topojsonURL = new URL(self.hash.slice(1), self).href;

  function configure(plotly) {
    if (plotly && plotly.setPlotConfig) {
      plotly.setPlotConfig({topojsonURL: topojsonURL});
    }
  }

  if (window.Plotly) {
    configure(window.Plotly);
    return;
  }

  // The first assignment turns this into the plain property it stands for.
  Object.defineProperty(window, "Plotly", {
    configurable: true,
    get: function () {
      return undefined;
    },
    set: function (plotly) {
      Object.defineProperty(window, "Plotly", {
        configurable: true,
        enumerable: true,
        writable: true,
        value: plotly
      });
      configure(plotly);
    }
  });
})();
