// The components of dpd: window.dpd_components, where the Dash renderer looks
// for them. A Pipe shows nothing; it sets properties when messages come.
//
// window.dpd_live is the connection behind the pipes of a page. It belongs to
// the outermost window of the same origin, so that a page and its frames share
// one socket. Package live describes the frames that are sent.
(() => {
  "use strict";

  // The address of the socket stands behind the # of this script's own, and in
  // the configuration of each app.
  const script = document.currentScript.src;
  const address = new URL(script.split("#")[1], script).href;

  // In milliseconds.
  const ANSWER = 10000; // until the server has answered
  const BEAT = 25000; // between signs of life; the server gives one in less
  const SLOWEST = 10000; // between tries to connect
  const PATIENCE = 60000; // of a stream, until a websocket is tried again; doubles
  const LONGEST = 3600000; // that it becomes
  const PAUSE = 16; // between changes of a Pipe's properties
  const RETRY = 1000; // after a callback that did not reach the server

  const KEPT = 1000; // messages of a Pipe that no callback has taken

  // Live is the connection to an address: a websocket or, where none can be
  // opened, a stream of events. It connects while it has pipes, and resumes
  // where it was cut. A pipe has a channel, a label and a claim, and functions
  // message(value), gap(), and resume() for when the connection is there again.
  class Live {
    constructor(url) {
      this.url = url;
      this.pipes = new Map(); // by uid
      this.positions = new Map(); // by channel: {epoch, seq} of the last message
      this.given = new WeakMap(); // by pipe: {epoch, seq} of the last message that it had
      this.end = null; // the Socket or Stream
      this.trial = null; // a Socket that may take the place of a Stream
      this.again = 0; // when that is tried
      this.patience = PATIENCE;
      this.heard = false; // anything from the server, since the last beat
      this.failures = 0; // to connect, in a row
      this.wait = null; // what a server that restarts has asked for
      this.timer = null; // for the next beat or try
      addEventListener("online", () => this.reconnect());
      addEventListener("pagehide", () => this.disconnect());
      addEventListener("pageshow", event => { if (event.persisted) this.reconnect(); });
    }

    add(uid, pipe) {
      this.pipes.set(uid, pipe);
      if (this.end) this.change(this.subscription(uid, pipe));
      else if (!this.timer) this.connect();
    }

    remove(uid) {
      const pipe = this.pipes.get(uid);
      if (!pipe) return;
      this.pipes.delete(uid);
      this.given.delete(pipe);
      if (this.pipes.size === 0) this.disconnect();
      if (this.end) this.change({type: "unsubscribe", uid});
      if (this.on(pipe.channel).length === 0) this.positions.delete(pipe.channel);
    }

    // publish sends a message, where an app lets browsers do so. It returns
    // false when there is no websocket at the moment.
    publish(channel, label, value) {
      return Boolean(this.end) && this.end.send({type: "publish", channel_name: channel, label, value});
    }

    get isOpen() {
      return this.end !== null && this.end.opened && this.wait === null;
    }

    on(channel) {
      return [...this.pipes.values()].filter(pipe => pipe.channel === channel);
    }

    subscription(uid, {channel, label, claim}) {
      return {type: "connection_triplet", uid, channel_name: channel, label, claim, ...this.positions.get(channel)};
    }

    subscriptions() {
      return Array.from(this.pipes, ([uid, pipe]) => this.subscription(uid, pipe));
    }

    change(frame) {
      this.end.change(frame);
      if (this.trial) this.trial.change(frame);
    }

    connect() {
      this.timer = null;
      if (this.pipes.size === 0 || this.end) return;
      this.begin(Date.now() < this.again ? new Stream(this) : new Socket(this));
    }

    begin(end) {
      this.end = end;
      this.heard = false;
      this.timer = setTimeout(() => this.beat(), ANSWER);
    }

    disconnect() {
      clearTimeout(this.timer);
      const ends = [this.end, this.trial];
      this.timer = this.end = this.trial = null;
      for (const end of ends) if (end) end.close();
    }

    reconnect() {
      this.disconnect();
      this.connect();
    }

    beat() {
      if (!this.heard) {
        this.lost(this.end, 0);
        return;
      }
      this.heard = false;
      this.end.send({type: "ping"});
      if (this.end instanceof Stream && !this.trial && Date.now() >= this.again) this.trial = new Socket(this);
      this.timer = setTimeout(() => this.beat(), BEAT);
    }

    // lost is called by an end that is over, with the code of a websocket.
    lost(end, code) {
      if (end === this.trial) {
        this.trial = null;
        this.again = Date.now() + this.patience;
      }
      if (end !== this.end) return;
      this.disconnect();
      const neverOpened = !end.opened && (code === 0 || code === 1006);
      if (neverOpened && end instanceof Socket) {
        this.begin(new Stream(this));
        return;
      }
      if (neverOpened) this.again = 0;
      this.timer = setTimeout(() => this.connect(), this.delay(code));
      this.wait = null;
      this.failures++;
    }

    delay(code) {
      if (this.wait !== null) return this.wait;
      const part = 0.5 + Math.random() / 2; // not all pages at once
      if (code === 1003 || code === 1007 || code === 1008 || code === 1009) return 3 * SLOWEST; // our fault
      if (code === 1013) return SLOWEST * part; // the server is full
      return this.failures === 0 ? 200 * Math.random() : Math.min(SLOWEST, 250 * 1.7 ** this.failures) * part;
    }

    // hear notes that an end works. It returns false for one of the past.
    hear(end) {
      if (end === this.trial) {
        this.end.close();
        this.end = end;
        this.trial = null;
      }
      if (end !== this.end) return false;
      this.heard = true;
      if (end.opened) return true;
      end.opened = true;
      this.failures = 0;
      if (end instanceof Socket) {
        this.again = 0;
        this.patience = PATIENCE;
      } else if (Date.now() >= this.again) {
        this.again = Date.now() + this.patience;
        this.patience = Math.min(2 * this.patience, LONGEST);
      }
      for (const pipe of this.pipes.values()) pipe.resume();
      return true;
    }

    // give gives a message to a pipe, once.
    give(pipe, {epoch, seq, value}) {
      const last = this.given.get(pipe);
      if (last && last.epoch === epoch && last.seq >= seq) return;
      this.given.set(pipe, {epoch, seq});
      pipe.message(value);
    }

    // receive takes a frame from an end.
    receive(end, text) {
      if (!this.hear(end)) return;
      const m = JSON.parse(text);
      if (m.type === "pipe.restart") this.wait = m.after_ms;
      const pipes = this.on(m.channel_name);
      if (pipes.length === 0) return;
      const last = this.positions.get(m.channel_name);
      const isNew = !last || last.epoch !== m.epoch || last.seq < m.seq;
      const here = () => this.positions.set(m.channel_name, {epoch: m.epoch, seq: m.seq});
      switch (m.type) {
        case "pipe.value":
          if (m.uid) { // retained, for a pipe that came late or had it
            if (this.pipes.has(m.uid)) this.give(this.pipes.get(m.uid), m);
          } else if (isNew) {
            here();
            for (const pipe of pipes) if (pipe.label === m.label) this.give(pipe, m);
          }
          break;
        case "pipe.subscribed":
          if (isNew) here();
          break;
        case "pipe.gap":
          here();
          for (const pipe of pipes) pipe.gap();
          break;
        case "pipe.refused":
          console.warn(`dashd: this page may not hear the channel ${m.channel_name}`);
      }
    }
  }

  // Socket is a connection by websocket.
  class Socket {
    constructor(live) {
      this.opened = false; // the server has said something
      this.ws = new WebSocket(live.url.replace(/^http/, "ws"));
      this.ws.onopen = () => {
        for (const frame of live.subscriptions()) this.send(frame);
        this.send({type: "ping"});
      };
      this.ws.onmessage = event => live.receive(this, event.data);
      this.ws.onclose = event => live.lost(this, event.code);
    }

    change(frame) {
      this.send(frame);
    }

    send(frame) {
      if (this.ws.readyState !== WebSocket.OPEN) return false;
      this.ws.send(JSON.stringify(frame));
      return true;
    }

    close() {
      this.ws.close();
    }
  }

  // Stream is a connection by a stream of events. Its subscriptions are fixed:
  // when they change, another takes its place.
  class Stream {
    constructor(live) {
      this.opened = false;
      this.live = live;
      this.timer = null;
      this.abort = new AbortController();
      this.read().catch(() => {}).then(() => live.lost(this, 0));
    }

    async read() {
      const response = await fetch(this.live.url, {
        method: "POST",
        headers: {"Content-Type": "application/json", Accept: "text/event-stream"},
        body: JSON.stringify(this.live.subscriptions()),
        signal: this.abort.signal,
      });
      const type = response.headers.get("Content-Type") || "";
      if (!response.ok || !type.startsWith("text/event-stream")) return; // it is that of a proxy, perhaps
      this.live.hear(this);
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      let rest = "";
      for (;;) {
        const {done, value} = await reader.read();
        if (done) return;
        const events = (rest + decoder.decode(value, {stream: true})).split("\n\n");
        rest = events.pop();
        for (const event of events) this.live.receive(this, event.slice("data: ".length));
      }
    }

    change() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.live.reconnect(), PAUSE); // after other changes
    }

    send() {
      return false;
    }

    close() {
      clearTimeout(this.timer);
      this.abort.abort();
    }
  }

  const connections = new Map(); // by address
  window.dpd_live = window.dpd_live || {
    open(url) {
      if (!connections.has(url)) connections.set(url, new Live(url));
      return connections.get(url);
    },
    hear,
  };

  // hear adds a pipe to the connection to an address, that of this script if none
  // is given, and calls back with it. It returns a function that takes the pipe
  // away.
  function hear(pipe, callback = () => {}, url = address) {
    const uid = crypto.getRandomValues(new Uint32Array(4)).join("-");
    let live = null, over = false;
    function end() {
      over = true;
      removeEventListener("pagehide", leave);
      if (live) live.remove(uid);
    }
    function leave(event) { // a frame that is taken away ends without unmounting
      if (!event.persisted) end();
    }
    addEventListener("pagehide", leave);
    withOutermost(window => {
      if (over) return;
      live = window.dpd_live.open(url);
      callback(live);
      live.add(uid, pipe);
    });
    return end;
  }

  // withOutermost calls back with the outermost window which this one may touch
  // and which has the connections: code of a frame ends with it, so the outer
  // window runs its own.
  function withOutermost(callback) {
    let outer = window;
    try {
      while (outer.parent !== outer && outer.parent.document) outer = outer.parent;
    } catch (e) {} // the next one is of another origin
    if (outer.dpd_live) {
      callback(outer);
      return;
    }
    const tag = outer.document.createElement("script");
    tag.src = script;
    tag.onload = () => callback(outer);
    tag.onerror = () => callback(window);
    outer.document.head.append(tag);
  }

  if (!window.React) return; // a page around frames

  const {useEffect, useRef} = window.React;

  // The stages in which a callback is under way. The renderer drops what it
  // answers when one of its inputs changes meanwhile.
  const STAGES = ["requested", "prioritized", "blocked", "executing", "watched", "executed"];

  // Inbox gives the messages of a Pipe to the renderer, when there is a server
  // and no callback that hears the Pipe is under way: none is to be overtaken.
  class Inbox {
    constructor(store) {
      this.store = store;
      this.props = {}; // of the Pipe, at present
      this.live = null; // where the messages come from
      this.sequence = null; // until the first message
      this.messages = []; // that the renderer does not have
      this.untaken = []; // that no callback of the server has taken
      this.taken = []; // by a callback that the server has not answered
      this.watched = new WeakSet(); // such callbacks
      this.lost = 0; // gaps that the renderer does not know
      this.isAgain = false; // untaken are for the renderer once more
      this.timer = null;
      this.next = 0; // time of the next flush at the earliest
    }

    // open returns a function that closes.
    open() {
      const unsubscribe = this.store.subscribe(() => {
        this.watch();
        this.soon();
      });
      return () => {
        unsubscribe();
        clearTimeout(this.timer);
        this.timer = null;
      };
    }

    message(value) {
      for (const list of [this.messages, this.untaken]) {
        list.push(value);
        if (list.length > KEPT) list.shift();
      }
      this.sequence = (this.sequence ?? this.props.sequence ?? 0) + 1;
      this.soon();
    }

    gap() {
      this.lost++;
      this.soon();
    }

    soon() {
      if (this.timer || !this.isAgain && this.messages.length + this.lost === 0) return;
      this.timer = setTimeout(() => this.flush(), Math.max(0, this.next - Date.now()));
    }

    flush() {
      this.timer = null;
      if (!this.live.isOpen || this.isAwaited()) return; // until that changes
      this.next = Date.now() + PAUSE;
      const change = {};
      if (this.messages.length > 0) {
        change.value = this.messages[this.messages.length - 1];
        change.sequence = this.sequence;
      }
      if (this.messages.length > 0 || this.isAgain) change.messages = this.batch();
      if (this.lost > 0) change.gaps = (this.props.gaps ?? 0) + this.lost;
      this.messages = [];
      this.lost = 0;
      this.isAgain = false;
      this.props.setProps(change);
    }

    // batch is the value of messages: for a clientside function those since the
    // last change; for the server all that it has not taken. The renderer writes
    // the value down (toJSON) each time when it calls the server, and leaves a
    // property as it is when equals says so.
    batch() {
      return Object.defineProperties(this.messages, {
        equals: {value: () => false},
        toJSON: {value: () => {
          const taken = this.untaken.splice(0);
          this.taken.push(...taken);
          return taken;
        }},
      });
    }

    // watch takes back what a callback has taken that does not reach the server.
    watch() {
      const {callbacks, paths} = this.store.getState();
      for (const callback of callbacks.watched) {
        const execution = callback.executionPromise;
        if (!execution || this.watched.has(execution)) continue;
        this.watched.add(execution);
        if (!this.isOf([callback.getInputs(paths), callback.getState(paths)], "messages")) continue;
        execution.then(({error}) => {
          const taken = this.taken.splice(0);
          if (!error || error.status < 502 || taken.length === 0) return;
          this.untaken.unshift(...taken);
          this.isAgain = true;
          this.next = Date.now() + RETRY;
          this.soon();
        });
      }
    }

    // isAwaited reports whether a callback is under way that hears the Pipe.
    isAwaited() {
      const {callbacks, paths} = this.store.getState();
      return STAGES.some(stage => callbacks[stage].some(callback => this.isOf(callback.getInputs(paths))));
    }

    // isOf reports whether one of some dependencies is the Pipe's, of a property
    // or of any.
    isOf(dependencies, property) {
      if (!this.props.id) return false;
      const {stringifyId} = window.dash_component_api;
      const id = stringifyId(this.props.id);
      return dependencies.flat(2).some(d => stringifyId(d.id) === id && (!property || d.property === property));
    }
  }

  // pathOf is the path of an app's URL, which has a host in pages of other sites.
  const pathOf = url => new URL(url, location.href).pathname;

  // Pipe sets value, sequence and messages for each message of its channel and
  // label, and gaps when messages were lost for good.
  function Pipe(props) {
    const store = window.dash_component_api.useDashContext().useStore();
    const ref = useRef(null);
    const inbox = ref.current = ref.current || new Inbox(store);
    inbox.props = props;
    const {channel_name: channel, grant} = props;
    const label = props.label || "";
    useEffect(() => inbox.open(), [inbox]);
    useEffect(() => {
      if (!channel) return undefined;
      const {config} = store.getState();
      const pipe = {
        channel,
        label,
        claim: grant || "at " + pathOf(config.requests_pathname_prefix),
        message: value => inbox.message(value),
        gap: () => inbox.gap(),
        resume: () => inbox.soon(),
      };
      return hear(pipe, live => { inbox.live = live; }, config.live && new URL(config.live, location.href).href);
    }, [channel, label, grant]);
    return null;
  }

  window.dpd_components = {Pipe};
})();
