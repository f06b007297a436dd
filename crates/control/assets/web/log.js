// A server's log as it grows: followed, found in, wrapped.
const log = document.querySelector("[data-log]");

// What the program wrote drives nothing here either: colours go, whatever else could turn or hide text is written out.
const COLOUR = /\u001b\[[0-9;]*m/g;
const DISGUISES =
  /[\0-\x08\x0a-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\u{e0000}-\u{e007f}]/gu;
const plain = (line) =>
  line
    .replace(/\r$/, "")
    .replace(COLOUR, "")
    .replace(DISGUISES, (found) => `\\u{${found.codePointAt(0).toString(16)}}`);

if (log) {
  const controls = document.querySelector("[data-log-controls]");
  const state = document.querySelector("[data-log-state]");
  const find = controls.querySelector("input[type=search]");
  const follow = controls.querySelector("[name=follow]");
  const wrap = controls.querySelector("[name=wrap]");
  const MOST = 5000;
  // What is written of a line that has no end yet, and where it stands.
  let pending = "";
  let open;

  const shown = (line) => {
    line.hidden = find.value !== "" && !line.textContent.toLowerCase().includes(find.value.toLowerCase());
  };

  const toEnd = () => {
    if (follow.checked) log.scrollTop = log.scrollHeight;
  };

  const add = (text) => {
    const line = document.createElement("div");
    // A masked value's name stands out, as the page from the server has it.
    for (const [at, part] of plain(text).split(/‹([A-Za-z_][A-Za-z0-9_]*)›/).entries()) {
      if (at % 2 === 0) line.append(part);
      else line.append(Object.assign(document.createElement("span"), { className: "masked", textContent: `‹${part}›` }));
    }
    shown(line);
    log.append(line);
    return line;
  };

  const connect = () => {
    const source = new EventSource(log.dataset.log);
    let fresh = true;
    source.onopen = () => {
      state.textContent = "Live";
      state.className = "badge success";
    };
    source.addEventListener("log", (event) => {
      if (fresh) {
        log.replaceChildren();
        pending = "";
        fresh = false;
      }
      // A piece may end in the middle of a line; the rest of it comes with the next.
      const lines = (pending + JSON.parse(event.data)).split("\n");
      pending = lines.pop();
      open?.remove();
      lines.forEach(add);
      open = pending === "" ? undefined : add(pending);
      while (log.childElementCount > MOST) log.firstElementChild.remove();
      toEnd();
    });
    source.addEventListener("gap", () => add("… some lines are missing here …"));
    source.onerror = () => {
      state.textContent = "Reconnecting…";
      state.className = "badge warning";
      // The browser tries again by itself, unless the answer was a refusal.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
    };
  };

  controls.hidden = false;
  find.addEventListener("input", () => [...log.children].forEach(shown));
  follow.addEventListener("change", toEnd);
  wrap.addEventListener("change", () => log.classList.toggle("wrapped", wrap.checked));
  toEnd();
  connect();
}
