"use strict";
// Keeps a page alive: takes news from /events, asks before what changes something, tells times in the reader's own zone.
(() => {
  const topic = document.body.dataset.topic;
  const token = document.querySelector('meta[name="token"]')?.content ?? "";
  const stale = document.getElementById("stale");
  const SILENCE_MS = 12000;
  const RETRY_MS = 1500;
  const LINES_MAX = 400;

  // What the server rendered, into the element that is there: only what differs is touched, so focus and selection stay.
  function patch(old, fresh) {
    const there = [...old.childNodes];
    const wanted = [...fresh.childNodes];
    wanted.forEach((node, at) => {
      const known = there[at];
      if (!known) old.append(node);
      else if (known.nodeType !== node.nodeType || known.nodeName !== node.nodeName) known.replaceWith(node);
      else if (node.nodeType === Node.TEXT_NODE) {
        if (known.data !== node.data) known.data = node.data;
      } else {
        for (const { name } of [...known.attributes]) if (!node.hasAttribute(name)) known.removeAttribute(name);
        for (const { name, value } of node.attributes) if (known.getAttribute(name) !== value) known.setAttribute(name, value);
        patch(known, node);
      }
    });
    there.slice(wanted.length).forEach((node) => node.remove());
  }

  function piece(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    tellTimes(template.content);
    return template.content;
  }

  function tellTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.getTime())) {
        time.title = time.dateTime;
        const how = time.className === "clock" ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "medium" };
        time.textContent = at.toLocaleString(document.documentElement.lang, how);
      }
    }
  }

  // Live pages

  let heardAt = Date.now();
  let source = null;

  function heard() {
    heardAt = Date.now();
    if (stale) stale.hidden = true;
  }

  function listen() {
    const place = topic === "driver" ? "/driver/events" : `/events?topic=${encodeURIComponent(topic)}`;
    source = new EventSource(place);
    source.addEventListener("open", heard);
    source.addEventListener("beat", heard);
    source.addEventListener("parts", (event) => {
      heard();
      for (const [id, html] of Object.entries(JSON.parse(event.data))) {
        const element = document.getElementById(id);
        if (element) patch(element, piece(html));
        else return location.reload();
      }
    });
    source.addEventListener("frames", (event) => {
      heard();
      addLines(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) comeBack();
      else setTimeout(() => source.readyState === EventSource.OPEN || sayStale(), RETRY_MS);
    });
  }

  // The page's own process is gone, or knows us no more: as soon as it answers, everything is loaded anew.
  async function comeBack() {
    sayStale();
    for (;;) {
      await new Promise((done) => setTimeout(done, 1500));
      try {
        if ((await fetch("/alive", { cache: "no-store" })).ok) return location.reload();
      } catch {
        sayStale();
      }
    }
  }

  function sayStale() {
    if (stale && stale.hidden) {
      stale.textContent = stale.dataset.lost;
      stale.hidden = false;
    }
  }

  // Lines of the conversation

  const lines = document.getElementById("lines");
  const filter = document.getElementById("filter");
  const pause = document.getElementById("pause");
  let held = [];

  function addLines({ missed, lines: fresh }) {
    if (!lines) return;
    if (pause?.getAttribute("aria-pressed") === "true") {
      held.push(...fresh);
      held = held.slice(-LINES_MAX);
      document.getElementById("held").textContent = held.length ? `(${held.length})` : "";
      return;
    }
    const known = new Set([...lines.children].map((line) => line.dataset.key));
    for (const html of fresh) {
      const line = piece(html).firstElementChild;
      if (!known.has(line.dataset.key)) lines.prepend(line);
    }
    if (missed) lines.firstElementChild?.classList.add("missed");
    while (lines.children.length > LINES_MAX) lines.lastElementChild.remove();
    sift();
  }

  function sift() {
    if (!lines) return;
    const wanted = (filter?.value ?? "").trim().toLowerCase();
    let shown = 0;
    for (const line of lines.children) {
      line.hidden = wanted !== "" && !line.textContent.toLowerCase().includes(wanted);
      shown += line.hidden ? 0 : 1;
    }
    const none = document.getElementById("none");
    if (none) none.hidden = shown > 0;
  }

  filter?.addEventListener("input", sift);
  pause?.addEventListener("click", () => {
    const on = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(on));
    if (!on) {
      document.getElementById("held").textContent = "";
      addLines({ missed: 0, lines: held });
      held = [];
    }
  });

  // Buttons that do something

  function ask(text, yes) {
    const dialog = document.createElement("dialog");
    const words = document.createElement("p");
    const row = document.createElement("form");
    words.textContent = text;
    words.id = "question";
    row.method = "dialog";
    dialog.setAttribute("aria-labelledby", "question");
    for (const [value, label, kind] of [["no", document.body.dataset.no ?? "✕", ""], ["yes", yes, "main"]]) {
      const button = document.createElement("button");
      button.value = value;
      button.textContent = label;
      button.className = kind;
      row.append(button);
    }
    dialog.append(words, row);
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((answer) => {
      dialog.addEventListener("close", () => {
        answer(dialog.returnValue === "yes");
        dialog.remove();
      });
    });
  }

  function toast(text, kind) {
    let place = document.getElementById("toast");
    if (!place) {
      place = document.createElement("div");
      place.id = "toast";
      place.setAttribute("role", "status");
      document.body.append(place);
    }
    const one = document.createElement("p");
    one.textContent = text;
    one.className = kind;
    place.append(one);
    setTimeout(() => one.remove(), 7000);
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-post]");
    if (!button) return;
    if (button.dataset.confirm && !(await ask(button.dataset.confirm, button.textContent))) return;
    const fields = new URLSearchParams(button.dataset.fields ?? "");
    for (const name of (button.dataset.with ?? "").split(" ").filter(Boolean)) {
      fields.set(name, document.getElementById(name)?.value ?? "");
    }
    fields.set("token", token);
    button.disabled = true;
    try {
      const answer = await fetch(button.dataset.post, { method: "POST", body: fields, headers: { Accept: "application/json" } });
      const told = await answer.json();
      toast(told.text, answer.ok ? "good" : "bad");
      if (answer.status === 401) location.reload();
    } catch {
      toast(stale?.dataset.lost ?? "", "bad");
    } finally {
      button.disabled = false;
    }
  });

  // What the station would dial: the address, a slash, the identity.
  const preview = document.getElementById("preview");
  function tellPlace() {
    const [url, identity] = [preview.dataset.url, preview.dataset.identity].map((id) => document.getElementById(id)?.value.trim() ?? "");
    preview.textContent = url ? `${url.replace(/\/+$/, "")}/${encodeURIComponent(identity)}` : "–";
  }
  if (preview) {
    document.addEventListener("input", tellPlace);
    tellPlace();
  }

  // A form that changes something asks first, where it says so.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.confirm || form.dataset.sure) return;
    event.preventDefault();
    if (await ask(form.dataset.confirm, event.submitter?.textContent ?? "OK")) {
      form.dataset.sure = "yes";
      form.requestSubmit(event.submitter);
    }
  });

  // What takes a while says so.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.defaultPrevented || !button?.dataset.busy) return;
    button.textContent = button.dataset.busy;
    setTimeout(() => (button.disabled = true));
  });

  tellTimes(document);
  sift();
  if (topic) {
    listen();
    // A page that nobody sees asks for nothing: it keeps neither the station's process nor one of the browser's few connections.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) source.close();
      else if (source.readyState === EventSource.CLOSED) {
        heardAt = Date.now();
        listen();
      }
    });
    setInterval(() => {
      if (!document.hidden && Date.now() - heardAt > SILENCE_MS) sayStale();
    }, 1000);
  }
})();
