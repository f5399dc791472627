// The components of dpd: window.dpd_components, which the Dash renderer finds
// by that name. A Pipe shows nothing; it sets properties when messages come.
//
// window.dpd_live is the connection behind the pipes of a page. It belongs to
// the outermost window of the same origin, so that a page and its frames share
// one socket. Package live describes the frames that are sent.
(function () {
  "use strict";

  // The address of the socket stands behind the # of this script's own address.
  var script = document.currentScript ? document.currentScript.src : "";
  var address = new URL(script.split("#")[1] || "/dpd/ws/channel", location.href).href;

  var PING = 25000; // milliseconds between signs of life
  var ANSWER = 10000; // for the answer to one
  var SLOWEST = 10000; // between tries to connect
  var AGAIN = 60000; // after which a websocket is tried again

  // Live is a connection: a websocket or, where none can be opened, a stream of
  // events. It connects while it has pipes, and resumes where it was cut.
  function Live(url) {
    this.url = url;
    this.pipes = new Map(); // by uid
    this.positions = new Map(); // by channel: {epoch, seq} of the last message
    this.socket = null;
    this.failures = 0; // in a row
    this.noSocket = 0; // websockets that never opened, in a row
    this.wait = null; // what the server asked for
    this.timer = null;
    var live = this;
    addEventListener("online", function () { live.retry(0); });
    addEventListener("pagehide", function () { live.disconnect(); });
    addEventListener("pageshow", function (event) { if (event.persisted) live.retry(0); });
  }

  Live.prototype.add = function (uid, pipe) {
    this.pipes.set(uid, pipe);
    if (this.socket) this.socket.subscribe(this.subscription(uid, pipe));
    else if (!this.timer) this.connect();
  };

  Live.prototype.remove = function (uid) {
    var pipe = this.pipes.get(uid);
    if (!pipe) return;
    this.pipes.delete(uid);
    if (this.socket) this.socket.unsubscribe({type: "unsubscribe", uid: uid});
    for (var other of this.pipes.values()) if (other.channel === pipe.channel) return;
    this.positions.delete(pipe.channel);
    if (this.pipes.size === 0) this.disconnect();
  };

  // send publishes a message, where the app lets browsers do so.
  Live.prototype.send = function (message) {
    if (!this.socket || !this.socket.send) return false;
    this.socket.send(message);
    return true;
  };

  Live.prototype.subscription = function (uid, pipe) {
    var frame = {type: "connection_triplet", uid: uid, channel_name: pipe.channel, label: pipe.label, claim: pipe.claim};
    return Object.assign(frame, this.positions.get(pipe.channel));
  };

  Live.prototype.subscriptions = function () {
    var live = this;
    return Array.from(this.pipes, function (entry) { return live.subscription(entry[0], entry[1]); });
  };

  Live.prototype.connect = function () {
    this.timer = null;
    if (this.pipes.size === 0 || this.socket) return;
    var streams = this.noSocket >= 2 && Date.now() < this.noSocketUntil;
    this.socket = streams ? new Stream(this) : new Socket(this);
  };

  Live.prototype.disconnect = function () {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.socket) this.socket.close();
    this.socket = null;
  };

  Live.prototype.retry = function (delay) {
    clearTimeout(this.timer);
    var live = this;
    this.timer = setTimeout(function () { live.connect(); }, delay);
  };

  // opened and lost are called by the ends.
  Live.prototype.opened = function (websocket) {
    this.failures = 0;
    if (websocket) this.noSocket = 0;
  };

  Live.prototype.lost = function (socket, code, opened) {
    if (this.socket !== socket) return;
    this.socket = null;
    if (!opened && socket instanceof Socket) {
      this.noSocket++;
      this.noSocketUntil = Date.now() + AGAIN;
    }
    var delay = this.failures === 0 ? Math.random() * 200 : Math.min(SLOWEST, 250 * Math.pow(1.7, this.failures)) * (0.5 + Math.random() / 2);
    if (this.wait !== null) delay = this.wait;
    if (code === 1003 || code === 1007 || code === 1008) delay = 3 * SLOWEST;
    if (code === 1013) delay = SLOWEST * (0.5 + Math.random());
    this.wait = null;
    this.failures++;
    this.retry(delay);
  };

  Live.prototype.receive = function (text) {
    var m = JSON.parse(text);
    var last = this.positions.get(m.channel_name);
    switch (m.type) {
      case "pipe.value":
        if (m.epoch) {
          if (last && last.epoch === m.epoch && m.seq <= last.seq) return; // it came before
          this.positions.set(m.channel_name, {epoch: m.epoch, seq: m.seq});
        }
        break;
      case "pipe.subscribed":
      case "pipe.gap":
        if (!last || last.epoch !== m.epoch || last.seq < m.seq) this.positions.set(m.channel_name, {epoch: m.epoch, seq: m.seq});
        break;
      case "pipe.restart":
        this.wait = m.after_ms;
        return;
      case "pipe.refused":
        console.warn("dashd: no access to channel " + m.channel_name);
        return;
      default:
        return;
    }
    for (var pipe of this.pipes.values()) {
      if (pipe.channel !== m.channel_name) continue;
      if (m.type === "pipe.gap") pipe.gap();
      if (m.type === "pipe.value" && pipe.label === m.label) pipe.message(m);
    }
  };

  // Socket is a connection by websocket.
  function Socket(live) {
    var self = this, opened = false, beat = null, silence = null;
    var ws = this.ws = new WebSocket(live.url.replace(/^http/, "ws"));
    function expect() {
      clearTimeout(silence);
      silence = setTimeout(function () { ended(0); ws.close(); }, ANSWER);
    }
    function ended(code) {
      clearInterval(beat);
      clearTimeout(silence);
      live.lost(self, code, opened);
    }
    this.subscribe = this.unsubscribe = this.send = function (frame) {
      if (ws.readyState === WebSocket.OPEN) ws.send(JSON.stringify(frame));
    };
    expect();
    ws.onopen = function () {
      clearTimeout(silence);
      opened = true;
      live.opened(true);
      live.subscriptions().forEach(self.subscribe);
      beat = setInterval(function () { self.send({type: "ping"}); expect(); }, PING);
    };
    ws.onmessage = function (event) {
      clearTimeout(silence);
      live.receive(event.data);
    };
    ws.onclose = function (event) { ended(event.code); };
  }

  Socket.prototype.close = function () {
    this.ws.onclose = null;
    this.ws.close();
  };

  // Stream is a connection by a stream of events. Its subscriptions are fixed:
  // when they change, another takes its place.
  function Stream(live) {
    var self = this, opened = false;
    this.abort = new AbortController();
    this.timer = null;
    this.subscribe = this.unsubscribe = function () {
      clearTimeout(self.timer);
      self.timer = setTimeout(function () {
        if (live.socket !== self) return;
        live.disconnect();
        live.connect();
      }, 50);
    };
    var body = JSON.stringify(live.subscriptions());
    fetch(live.url, {method: "POST", body: body, headers: {"Content-Type": "application/json", Accept: "text/event-stream"}, signal: this.abort.signal})
      .then(function (response) {
        if (!response.ok) throw new Error(response.status);
        opened = true;
        live.opened(false);
        var reader = response.body.getReader(), decoder = new TextDecoder(), rest = "";
        function next(part) {
          if (part.done) throw new Error("the stream has ended");
          var events = (rest + decoder.decode(part.value, {stream: true})).split("\n\n");
          rest = events.pop();
          events.forEach(function (event) { live.receive(event.slice("data: ".length)); });
          return reader.read().then(next);
        }
        return reader.read().then(next);
      })
      .catch(function () { live.lost(self, 0, opened); });
  }

  Stream.prototype.close = function () {
    clearTimeout(this.timer);
    this.abort.abort();
  };

  // connection gives callback the connection to an address, that of the
  // outermost window which this one may touch.
  var connections = window.dpd_live && window.dpd_live.connections || new Map();
  window.dpd_live = window.dpd_live || {
    connections: connections,
    open: function (url) {
      if (!connections.has(url)) connections.set(url, new Live(url));
      return connections.get(url);
    },
  };

  function outermost() {
    var outer = window;
    try {
      while (outer.parent !== outer && outer.parent.document) outer = outer.parent;
    } catch (e) {} // the next one is of another origin
    return outer;
  }

  function connection(callback) {
    var outer = outermost();
    if (outer.dpd_live) {
      callback(outer.dpd_live.open(address));
      return;
    }
    // Code that runs in a frame ends with it, so the outer window runs its own.
    var tag = outer.document.createElement("script");
    tag.src = script;
    tag.onload = function () { callback((outer.dpd_live || window.dpd_live).open(address)); };
    tag.onerror = function () { callback(window.dpd_live.open(address)); };
    outer.document.head.appendChild(tag);
  }

  if (!window.React) return; // a page around frames

  var React = window.React;
  var KEPT = 1000; // messages that no callback has taken
  var PAUSE = 16; // milliseconds between changes of the properties

  // claim says by which app or instance this page may hear a channel.
  function claim() {
    var config = document.getElementById("_dash-config");
    return config ? "at " + JSON.parse(config.textContent).requests_pathname_prefix : "";
  }

  // Pipe sets value, sequence and messages for each message of its channel and
  // label, and gaps when messages were lost for good.
  function Pipe(props) {
    var setProps = React.useRef(props.setProps);
    setProps.current = props.setProps;
    var channel = props.channel_name, label = props.label === undefined ? null : props.label, grant = props.grant;
    var count = React.useRef({sequence: props.sequence || 0, gaps: props.gaps || 0});

    React.useEffect(function () {
      if (!channel) return undefined;
      var uid = crypto.getRandomValues(new Uint32Array(4)).join("-");
      var live = null, over = false, timer = null, last = 0, waiting = [], given = 0, lost = false;

      function flush() {
        timer = null;
        last = Date.now();
        var change = {};
        var newest = waiting[waiting.length - 1];
        if (newest && newest.count > given) {
          given = newest.count;
          var list = waiting.map(function (m) { return m.value; });
          // The renderer writes the list down when it calls a callback: what is
          // written has been taken.
          Object.defineProperty(list, "toJSON", {value: function () {
            waiting = waiting.filter(function (m) { return m.count > newest.count; });
            return list.slice();
          }});
          change.messages = list;
          change.value = newest.value;
          change.sequence = newest.count;
        }
        if (lost) {
          lost = false;
          change.gaps = ++count.current.gaps;
        }
        setProps.current(change);
      }

      function soon() {
        if (!timer) timer = setTimeout(flush, Math.max(0, last + PAUSE - Date.now()));
      }

      var pipe = {
        channel: channel,
        label: label,
        claim: grant || claim(),
        message: function (m) {
          waiting.push({value: m.value, count: ++count.current.sequence});
          if (waiting.length > KEPT) waiting.shift();
          soon();
        },
        gap: function () {
          lost = true;
          soon();
        },
      };
      function begin() {
        connection(function (opened) {
          if (over) return;
          live = opened;
          live.add(uid, pipe);
        });
      }
      function end() {
        if (live) live.remove(uid);
      }
      // A frame that is taken away ends without unmounting.
      addEventListener("pagehide", end);
      addEventListener("pageshow", begin);
      begin();
      return function () {
        over = true;
        clearTimeout(timer);
        removeEventListener("pagehide", end);
        removeEventListener("pageshow", begin);
        end();
      };
    }, [channel, label, grant]);
    return null;
  }

  window.dpd_components = {Pipe: Pipe};
})();
