// A server's log as it grows: followed, found in, wrapped.
const log = document.querySelector("[data-log]");

if (log) {
  const state = document.querySelector("[data-log-state]");
  const find = document.querySelector("[data-log-find]");
  const wrap = document.querySelector("[data-log-wrap]");
  const follow = document.querySelector("[data-log-follow]");
  const MOST = 5000;
  let fresh = true;
  let pending = "";

  // As the page itself is written: colours are taken out, what else drives a terminal or turns text around is named.
  const plain = (line) =>
    line
      .replace(/\u001b\[[0-9;]*m/g, "")
      .replace(/[\p{Cc}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu, (c) =>
        c === "\t" ? c : `\\u{${c.codePointAt(0).toString(16)}}`);

  const shown = (line) => {
    const wanted = find.value;
    line.hidden = wanted !== "" && !line.textContent.toLowerCase().includes(wanted.toLowerCase());
  };

  const add = (text) => {
    if (fresh) {
      log.replaceChildren();
      fresh = false;
    }
    const line = document.createElement("div");
    line.textContent = text === "" ? " " : text;
    shown(line);
    log.append(line);
    while (log.childElementCount > MOST) log.firstElementChild.remove();
    if (follow.checked) log.scrollTop = log.scrollHeight;
  };

  const source = new EventSource(log.dataset.log);
  source.onopen = () => {
    state.textContent = "Live";
    state.className = "badge success";
  };
  source.addEventListener("log", (event) => {
    // A piece may end in the middle of a line; the rest of it comes with the next.
    const lines = (pending + JSON.parse(event.data)).split("\n");
    pending = lines.pop();
    lines.map(plain).forEach(add);
  });
  source.addEventListener("gap", () => add("… some lines are missing here …"));
  source.onerror = () => {
    state.textContent = "Reconnecting…";
    state.className = "badge warning";
  };
  find.addEventListener("input", () => [...log.children].forEach(shown));
  wrap.addEventListener("change", () => log.classList.toggle("wrapped", wrap.checked));
  log.scrollTop = log.scrollHeight;
}
