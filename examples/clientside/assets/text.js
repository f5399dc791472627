// Functions for callbacks in the browser: callbacks name them by
// ClientsideFunction("text", ...). They take the Inputs, then the States, and
// return the Outputs, as a function in Go would.
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  text: {
    // count says how much of the space is used: text, and how full the meter is.
    count: function (text, limit) {
      const used = Array.from(text || "").length; // letters, not UTF-16 units
      const level = used > limit ? "over" : used > 0.9 * limit ? "near" : "fine";
      return [
        used <= limit ? `${limit - used} left` : `${used - limit} too many`,
        `meter meter-${level}`,
        { width: `${Math.min(100, (100 * used) / limit)}%` },
      ];
    },

    // measure reduces a text to three numbers. In the middle of a word it leaves
    // the Output alone, so that the server hears of whole words only.
    measure: function (text) {
      text = text || "";
      if (/[\p{L}\p{N}]$/u.test(text)) {
        return window.dash_clientside.no_update;
      }
      return {
        letters: (text.match(/[\p{L}\p{N}]/gu) || []).length,
        words: (text.match(/[\p{L}\p{N}'’-]+/gu) || []).length,
        sentences: (text.match(/[.!?]+(\s|$)/g) || []).length,
      };
    },
  },
});
