// <dash-app src="/app/simpleexample/"></dash-app> is a Dash app in a page's own
// DOM. A page has as many as it likes, of different apps or of the same one, in
// its HTML or put there by a script at any time.
//
// React, plotly.js and the component suites are loaded once for all of them. So
// is Dash's renderer, which knows of one app per page: it is unmodified but for
// a function around it, which runs once per app, with a window, a document and
// a fetch of the app's own. What shared code asks of a global is answered for
// the app that asks: see current.
//
// The attributes of the element:
//
//   src      an app or instance, also with initial/<id>/ or embed/<token>/; of
//            another site, if the app's EmbedOrigins have this page's
//   css      "layer": the app's stylesheets are in @layer dash, so that rules of
//            the page come before them; "none": they are not loaded
//   storage  what begins the keys of the app's localStorage and sessionStorage
//            (persistence, dcc.Store), so that two of the same app differ
//
// A change of one of them loads the app anew.
//
// Its methods are setProps(id, props) and getProps(id). Its events, which
// bubble, are dash-ready, when the layout is there, and dash-error, with the
// Error as detail. What it contains is shown until the app takes its place.
//
// A page with a Content-Security-Policy permits, beside 'self' or the server of
// the apps: style-src 'unsafe-inline', img-src data: blob:, font-src data:, and
// worker-src blob:. Nothing needs eval.
//
// Limits, for which an iframe is better:
//
//   - dcc.Location and dcc.Link see and change the URL of the page.
//   - Stylesheets are the page's: those of Bootstrap change its fonts, margins
//     and headings, and the page's own rules reach the app.
//   - Modal dialogs, toasts and fullscreen loading cover the whole page.
//   - A suite has one version per page: the first one that is loaded.
//   - Of equal component ids in two apps, <label for> and code that runs in
//     timers or in the lifecycle of class components find the first.
//   - Scripts of the app's server run in the page, with all its rights.
//   - A global React of the page's own becomes that of Dash; a bundled one does
//     not. Of document.getElementById and React's effects the page sees
//     wrappers, which change nothing for its own code.
(() => {
  "use strict";
  if (window.dashEmbed) return;

  // ---- Files: each once per page, whichever app names it first ----

  const files = new Map(); // key -> promise that it has been loaded
  const urls = new Map(); // key -> URL of which

  // keyOf is what the URLs of a file have in common: those of other servers and
  // of other versions differ before the name of its package.
  function keyOf(url) {
    const {origin, pathname, search} = new URL(url, document.baseURI);
    const [, file] = /\/static\/[0-9a-f]{8,}\/(.+)$/.exec(pathname) || [];
    return file || origin + pathname + search;
  }

  // once adds the element that make returns, unless the page has the file.
  function once(url, make) {
    const key = keyOf(url);
    if (files.has(key)) {
      if (new URL(urls.get(key)).pathname !== new URL(url).pathname) {
        console.warn(`dash-app: ${url} is not loaded; the page has ${urls.get(key)}`);
      }
      return files.get(key);
    }
    const element = make();
    const loaded = new Promise((resolve, reject) => {
      element.addEventListener("load", resolve);
      element.addEventListener("error", () => {
        files.delete(key); // the next app tries again
        element.remove();
        reject(new Error(`The file ${url} cannot be loaded.`));
      });
    });
    files.set(key, loaded);
    urls.set(key, url);
    document.head.append(element);
    return loaded;
  }

  const create = (tag, properties) => Object.assign(document.createElement(tag), properties);

  // Scripts load at the same time, and run in the order in which they were added.
  const addScript = (url, type = "") => once(url, () => create("script", {src: url, type, async: false}));

  // An app without one of its stylesheets is better than none. The mode is the
  // element's attribute css.
  const addStylesheet = async (url, mode) => mode === "none" || once(url, () => mode === "layer"
    ? create("style", {textContent: `@import url(${JSON.stringify(url)}) layer(dash);`})
    : create("link", {rel: "stylesheet", href: url})).catch(error => console.warn(`dash-app: ${error.message}`));

  // ---- Which app is meant when shared code asks a global ----

  const renderers = new Set(); // that run
  const mounts = new WeakMap(); // element -> the Renderer that is mounted there
  let Owner = null; // React context: the Renderer of a component
  let active = null; // Renderer of the effect that runs

  // rendering is the Renderer of the component that React renders now, which
  // may be a class.
  function rendering() {
    if (!Owner) return null;
    const {ReactCurrentDispatcher: {current}} = window.React.__SECRET_INTERNALS_DO_NOT_USE_OR_YOU_WILL_BE_FIRED;
    try {
      return current ? current.readContext(Owner) : null;
    } catch {
      return null; // nothing is rendered
    }
  }

  function during(renderer, run) {
    const before = active;
    active = renderer;
    try {
      return run();
    } finally {
      active = before;
    }
  }

  // followEffects makes an effect known as that of the Renderer whose component
  // asked for it.
  function followEffects(hook) {
    const original = window.React[hook];
    window.React[hook] = function (effect, dependencies) {
      const renderer = rendering();
      return original.call(this, !renderer ? effect : () => {
        const cleanUp = during(renderer, effect);
        return typeof cleanUp === "function" ? () => during(renderer, cleanUp) : cleanUp;
      }, dependencies);
    };
  }

  function current() {
    if (active) return active;
    for (const renderer of renderers) { // one that calls a clientside function
      if (Object.hasOwn(renderer.clientside, "callback_context")) return renderer;
    }
    const owner = rendering();
    if (owner) return owner;
    for (const node of window.event?.composedPath?.() || []) {
      if (mounts.has(node)) return mounts.get(node);
    }
    return renderers.size === 1 ? [...renderers][0] : null;
  }

  // ---- One run of the renderer ----

  let run = null; // the wrapped renderer
  let base = null; // the Renderer of no app, whose functions the suites take when they are loaded
  const contexts = []; // what the renderer creates, in this order: the same for all

  // Properties of components in which an asset may stand as "assets/x".
  const URL_PROPERTIES = new Set(["src", "href", "poster"]);

  // scoped is an object like target, with some properties of its own.
  function scoped(target, own) {
    return new Proxy({}, {
      get(_, key) {
        if (Object.hasOwn(own, key)) return own[key];
        const value = target[key];
        return typeof value === "function" && !Object.hasOwn(value, "prototype") ? value.bind(target) : value;
      },
      set(_, key, value) {
        (Object.hasOwn(own, key) ? own : target)[key] = value;
        return true;
      },
      has: (_, key) => Object.hasOwn(own, key) || key in target,
    });
  }

  // extendOnly gives an object a property whose value stays the same object:
  // scripts put a copy with more in it in the place of dash_clientside.
  function extendOnly(object, property, value) {
    Object.defineProperty(object, property, {
      configurable: true,
      enumerable: true,
      get: () => value,
      set: more => { Object.assign(value, more); },
    });
  }

  // prefixed is a part of a Storage.
  function prefixed(storage, prefix) {
    const keys = () => Object.keys(storage).filter(key => key.startsWith(prefix)).map(key => key.slice(prefix.length));
    return {
      getItem: key => storage.getItem(prefix + key),
      setItem: (key, value) => storage.setItem(prefix + key, value),
      removeItem: key => storage.removeItem(prefix + key),
      key: i => keys()[i] ?? null,
      get length() { return keys().length; },
    };
  }

  class Renderer {
    // Without options it is the base.
    constructor({config = {}, css = null, storage = "", credentials = "same-origin"} = {}) {
      this.mount = create("div", {className: "dash-app-mount"});
      mounts.set(this.mount, this);
      this.config = JSON.stringify(config);
      this.prefix = config.requests_pathname_prefix ?? "";
      this.css = css;
      this.credentials = credentials;
      this.clientside = Object.create(window.dash_clientside);
      this.ended = new AbortController();
      this.root = null;
      this.changes = null; // of the mount, until the layout is there
      this.storages = {};
      if (storage) {
        for (const area of ["localStorage", "sessionStorage"]) this.storages[area] = prefixed(window[area], storage);
      }

      this.document = scoped(document, {
        getElementById: id => this.element(id),
        querySelector: selector => selector === "head" ? this.head() : selector === "title" ? null : document.querySelector(selector),
        addEventListener: this.listener(document),
        title: "", // the page's own is not touched
      });
      const own = {
        React: this.react(),
        ReactDOM: this.reactDOM(),
        dash_stores: [],
        dash_component_api: {},
        dash_renderer: undefined,
        DashRenderer: undefined,
        store: undefined,
        addEventListener: this.listener(window),
        ...this.storages,
      };
      this.window = scoped(window, own);
      for (const name of ["window", "self", "globalThis"]) own[name] = this.window;
      extendOnly(own, "dash_clientside", this.clientside);

      this.created = 0; // contexts, while the script runs
      run.call(this.window, this.window, this.document, (...args) => this.fetch(...args));
      this.created = null;

      this.Dash = own.DashRenderer;
      this.api = own.dash_component_api;
      this.stores = own.dash_stores;
      this.setProps = this.clientside.set_props;
    }

    // start mounts the app, at once, and returns a promise that its layout is
    // there. The renderer's hook for that comes too early, and with any hook the
    // sign that it loads stays in apps without a first callback.
    start() {
      renderers.add(this);
      window.ReactDOM.flushSync(() => new this.Dash());
      const [store] = this.stores;
      return new Promise((resolve, reject) => {
        this.changes = new MutationObserver(() => {
          if (store.getState().appLifecycle !== "HYDRATED" || this.mount.querySelector("._dash-loading")) return;
          this.changes.disconnect();
          resolve();
        });
        this.changes.observe(this.mount, {childList: true, subtree: true});
        const unsubscribe = store.subscribe(() => { // of a request without an answer the mount shows nothing
          const {appLifecycle, error, layoutRequest, dependenciesRequest} = store.getState();
          const refused = [layoutRequest, dependenciesRequest].find(({status}) => status >= 400);
          if (appLifecycle === "HYDRATED") unsubscribe();
          else if (refused) reject(refusal(refused.status, refused.content));
          else if (!error.backEndConnected) reject(unreachable());
        });
      });
    }

    end() {
      this.changes?.disconnect();
      this.mount.remove();
      this.root?.unmount();
      this.ended.abort();
      this.stores.length = 0;
      renderers.delete(this);
    }

    // layout returns a component, or undefined.
    layout(at) {
      try {
        return this.api.getLayout(at);
      } catch {
        return undefined; // there is none
      }
    }

    // find returns an element of the app with an id, before all others.
    find(id) {
      return this.mount.querySelector("#" + CSS.escape(id)) || getElementById(id);
    }

    element(id) {
      switch (id) {
        case "react-entry-point": return this.mount;
        case "_dash-config": return {textContent: this.config};
        default: return this.find(id);
      }
    }

    // head takes what the renderer adds to the page: its own styles, and the files
    // of suites that a callback's answer needs, whose URLs are those of the server.
    head() {
      return {appendChild: element => {
        const url = element.getAttribute("src") || element.getAttribute("href");
        if (!url) return this === base ? document.head.appendChild(element) : element; // its own styles, once
        const whole = new URL(url, new URL(this.prefix, location.href)).href;
        const loaded = element.rel === "stylesheet" ? addStylesheet(whole, this.css) : addScript(whole);
        const tell = event => element.dispatchEvent(new Event(event));
        loaded.then(() => tell("load"), () => tell("error"));
        return element;
      }};
    }

    listener(target) {
      const {signal} = this.ended;
      return (type, listener, options) => {
        const given = typeof options === "object" ? options : {capture: Boolean(options)};
        target.addEventListener(type, listener, {...given, signal});
      };
    }

    // react is React, with the same contexts for all: by them the components of
    // the shared suites find their store.
    react() {
      const {React} = window;
      return Object.assign(Object.create(React), {createContext: value => {
        if (this.created === null) return React.createContext(value);
        return contexts[this.created++] ??= React.createContext(value);
      }});
    }

    reactDOM() {
      const {React, ReactDOM} = window;
      return Object.assign(Object.create(ReactDOM), {createRoot: (container, options) => {
        this.root = ReactDOM.createRoot(container, options);
        return {
          render: node => this.root.render(React.createElement(Owner.Provider, {value: this}, node)),
          unmount: () => this.root.unmount(),
        };
      }});
    }

    // fetch ends with the app, which then gets no answer.
    async fetch(resource, options) {
      const silent = error => {
        if (this.ended.signal.aborted) return new Promise(() => {});
        throw error;
      };
      try {
        const response = await fetch(resource, {...options, credentials: this.credentials, signal: this.ended.signal});
        const text = response.text.bind(response);
        response.text = () => text().catch(silent);
        response.json = () => text().then(text => this.parse(text)).catch(silent);
        return response;
      } catch (error) {
        return silent(error);
      }
    }

    // parse reads an answer of the server. URLs of the app's assets, which begin
    // at the app's page or at the root of its server, become whole.
    parse(text) {
      const {prefix} = this;
      const path = prefix && new URL(prefix, location.href).pathname + "assets/";
      const isWhole = prefix.startsWith("/");
      if (!text.includes('"assets/') && (isWhole || !text.includes(path))) return JSON.parse(text);
      return JSON.parse(text, (key, value) => {
        if (typeof value !== "string") return value;
        if (value.startsWith("assets/") && URL_PROPERTIES.has(key)) return prefix + value;
        return !isWhole && value.startsWith(path) ? new URL(value, prefix).href : value;
      });
    }
  }

  // ---- What shared suites, scripts of the page and scripts of apps see ----

  const getElementById = document.getElementById.bind(document);
  const clientside = new Map(); // hash -> function that defines an app's own

  // share runs when the wrapped renderer has been loaded, before the suites.
  function share() {
    Owner = window.React.createContext(null);
    for (const hook of ["useEffect", "useLayoutEffect", "useInsertionEffect"]) followEffects(hook);

    const common = window.dash_clientside || {};
    extendOnly(window, "dash_clientside", common);
    Object.defineProperty(common, "no_update", {value: {description: "Return to prevent updating an Output."}});
    Object.defineProperty(common, "PreventUpdate", {value: {description: "Throw to prevent updating all Outputs."}});
    base = new Renderer();
    common.clean_url = base.clientside.clean_url;
    common.Patch = base.clientside.Patch;
    common.set_props = setProps;
    Object.defineProperty(common, "callback_context", {
      configurable: true,
      get() {
        const renderer = current();
        return renderer && Object.hasOwn(renderer.clientside, "callback_context") ? renderer.clientside.callback_context : undefined;
      },
      set(value) { // a Renderer's, which inherits this
        if (this !== common) Object.defineProperty(this, "callback_context", {value, writable: true, enumerable: true, configurable: true});
      },
    });

    window.dash_component_api = {
      ...base.api,
      getLayout: at => {
        const renderer = current() || (Array.isArray(at) ? null : ownersOf(at)[0]);
        return renderer ? renderer.layout(at) : undefined;
      },
      ExternalWrapper: props => window.React.createElement(window.React.useContext(Owner).api.ExternalWrapper, props),
    };
    Object.defineProperty(window, "dash_stores", {configurable: true, get: () => [...renderers].flatMap(({stores}) => stores)});
    for (const area of ["localStorage", "sessionStorage"]) divideStorage(area);
    document.getElementById = id => {
      const element = getElementById(id);
      const renderer = element && renderers.size > 1 && current();
      return renderer && !renderer.mount.contains(element) ? renderer.find(id) : element;
    };
  }

  const ownersOf = id => [...renderers].filter(renderer => renderer.layout(id) !== undefined);

  function setProps(id, props) {
    const renderer = current();
    const owners = renderer && renderer.layout(id) !== undefined ? [renderer] : ownersOf(id);
    if (owners.length > 1) {
      console.warn(`dash-app: set_props: ${owners.length} apps have the id ${JSON.stringify(id)}, and the first is meant; use the element's setProps`);
    }
    owners[0]?.setProps(id, props);
  }

  // divideStorage gives a dcc.Store its app's part: it takes the whole when it
  // is rendered for the first time.
  function divideStorage(area) {
    const property = Object.getOwnPropertyDescriptor(window, area);
    if (!property?.configurable || !property.get) return;
    Object.defineProperty(window, area, {
      configurable: true,
      enumerable: true,
      get: () => rendering()?.storages[area] || property.get.call(window),
    });
  }

  // ---- The element ----

  // An address with a token is good for one load. What the server has given in
  // its place is for the other elements with that address, and for later.
  const exchanged = new Map(); // address -> promise of that in its place

  // describe asks the server what the app at an address needs.
  async function describe(address, signal) {
    if (!/\/embed\/[^/]+\//.test(address)) return ask(address, signal);
    const known = exchanged.get(address);
    if (known) return ask(await known, signal);
    const first = ask(address); // for all: it does not end with this element
    exchanged.set(address, first.then(({config}) => new URL(config.requests_pathname_prefix, address).href));
    exchanged.get(address).catch(() => exchanged.delete(address));
    return first;
  }

  async function ask(address, signal) {
    const options = {headers: {Accept: "application/json"}, credentials: credentialsFor(address), signal};
    let response;
    try {
      response = await fetch(new URL("_dash-embed", address), options);
    } catch (error) {
      throw unreachable(error);
    }
    const answer = await response.json().catch(() => ({}));
    if (!response.ok || !answer.config) throw refusal(response.status, answer);
    return answer;
  }

  // What is said in the place of an app.
  const unreachable = cause => new Error("The server of this app cannot be reached, or does not permit this page to show it.", {cause});
  const refusal = (status, answer) => new Error(answer?.error || `This app cannot be loaded: its server answers with the status ${status}.`);

  // Cookies are no way to sign in from a page of another site.
  const credentialsFor = address => new URL(address).origin === location.origin ? "same-origin" : "omit";

  // formOf puts an app into a form of its own, which is never sent: radio buttons
  // of equal names in two apps would else be one group. Enter in a field would
  // press the first button of the form, so that is one which cannot be pressed.
  function formOf(mount) {
    const form = create("form", {noValidate: true});
    form.addEventListener("submit", event => {
      if (event.target === form) event.preventDefault();
    });
    form.append(create("button", {disabled: true, style: "display: none"}), mount);
    return form;
  }

  class DashApp extends HTMLElement {
    static observedAttributes = ["src", "css", "storage"];

    #isOn = false; // it is in the page
    #start = null; // AbortController of what loads the app
    #renderer = null; // when its files have been loaded

    connectedCallback() {
      if (this.#isOn) return;
      this.#isOn = true;
      this.#begin();
    }

    // An element that is moved stays as it is. This comes before React's next
    // task: some components do not bear being rendered outside of a page.
    disconnectedCallback() {
      queueMicrotask(() => {
        if (this.isConnected) return;
        this.#isOn = false;
        this.#end();
      });
    }

    attributeChangedCallback(name, before, now) {
      if (before === now || !this.#isOn) return;
      this.#end();
      this.#begin();
    }

    setProps(id, props) {
      if (!this.#renderer) throw new Error("This app has not been loaded yet: wait for dash-ready.");
      this.#renderer.setProps(id, props);
    }

    getProps(id) {
      return this.#renderer?.layout(id)?.props;
    }

    #begin() {
      if (!this.hasAttribute("src")) return; // yet
      const start = this.#start = new AbortController();
      this.#load(start.signal).catch(error => {
        if (start.signal.aborted) return;
        this.#end();
        this.replaceChildren(create("div", {className: "dash-app-error", role: "alert", textContent: error.message}));
        this.dispatchEvent(new CustomEvent("dash-error", {bubbles: true, detail: error}));
      });
    }

    async #load(signal) {
      const src = new URL(this.getAttribute("src"), document.baseURI);
      if (!src.pathname.endsWith("/")) src.pathname += "/";
      const {config, scripts, modules, css, clientside: own} = await describe(src.href, signal);
      const at = url => new URL(url, src).href;
      if (src.origin !== location.origin) config.requests_pathname_prefix = at(config.requests_pathname_prefix);
      config.plotlyjs_url = at(config.plotlyjs_url);
      config.live &&= at(config.live);
      config.update_title = "";

      const mode = this.getAttribute("css");
      const loads = css.map(url => addStylesheet(at(url), mode));
      loads.push(...scripts.map(url => addScript(at(url))), ...modules.map(url => addScript(at(url), "module")));
      if (own && !clientside.has(own.hash)) loads.push(addScript(at(own.url)));
      await Promise.all(loads);
      if (signal.aborted) return;

      const renderer = this.#renderer = new Renderer({config, css: mode, storage: this.getAttribute("storage") ?? "", credentials: credentialsFor(src)});
      this.replaceChildren(formOf(renderer.mount));
      if (own) clientside.get(own.hash).call(renderer.window, renderer.window, renderer.document, renderer.clientside);
      await renderer.start();
      this.dispatchEvent(new CustomEvent("dash-ready", {bubbles: true}));
    }

    #end() {
      this.#start?.abort();
      this.#renderer?.end();
      this.#start = this.#renderer = null;
    }
  }

  // dashEmbed is what the server's scripts call.
  window.dashEmbed = Object.freeze({
    // renderer takes the script of Dash's renderer as a function of window,
    // document and fetch.
    renderer(script) {
      if (run) return;
      run = script;
      share();
    },
    // clientside takes the clientside functions and the scripts among the assets
    // of an app, as a function of window, document and dash_clientside.
    clientside(hash, script) {
      clientside.set(hash, script);
    },
  });

  // An element of its own, which any rule of the page overrides.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`@layer dash-app {
    dash-app:not([hidden]) { display: block; }
    .dash-app-error { padding: 1rem; border: 1px solid currentColor; border-radius: 0.5rem; opacity: 0.8; }
  }`);
  document.adoptedStyleSheets.push(sheet);
  customElements.define("dash-app", DashApp);
})();
