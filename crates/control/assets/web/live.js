// Keeps what a page shows true: after a hint that something changed, the page is read again, and those of its parts that
// may change by themselves (data-live) are replaced where they differ.
const address = document.body.dataset.events;

if (address && "SharedWorker" in window) {
  const worker = new SharedWorker(new URL("./stream.js", import.meta.url), { type: "module", name: "vestry" });
  const notice = document.querySelector("[data-stream-notice]");
  let broken;
  let ticking;
  let waiting;
  let reading = false;
  let again = false;

  // What tells a link or button from the others of its part, before and after.
  const called = (one) => [one.localName, one.getAttribute("href") ?? one.form?.getAttribute("action"), one.textContent].join(" ");

  // What somebody opened stays open.
  const keepOpen = (part, next) => {
    const opened = [...part.querySelectorAll("details[open] > summary")].map(called);
    for (const summary of next.querySelectorAll("details > summary")) {
      if (opened.includes(called(summary))) summary.parentElement.open = true;
    }
  };

  const say = () => {
    const seconds = Math.round((Date.now() - broken) / 1000);
    notice.textContent = `Reconnecting… last update ${seconds} s ago`;
    notice.hidden = false;
  };

  const whole = () => {
    broken = undefined;
    clearInterval(ticking);
    notice.hidden = true;
  };

  const read = async () => {
    if (!document.querySelector("[data-live]")) return;
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.redirected) return location.assign(answer.url);
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const next = page.querySelector(`[data-live="${part.dataset.live}"]`);
        if (!next) continue;
        keepOpen(part, next);
        if (next.innerHTML === part.innerHTML) continue;
        // Nobody's typing is taken away; the next change shows it.
        const at = document.activeElement;
        if (part.contains(at) && at.matches("input, textarea, select")) continue;
        const focused = part.contains(at) ? called(at) : "";
        part.replaceChildren(...next.childNodes);
        if (focused) [...part.querySelectorAll("a, button, summary, [tabindex]")].find((one) => called(one) === focused)?.focus();
      }
    } catch {
      // The control plane is not there; the stream says so, and when it is open again the page is read again.
    } finally {
      reading = false;
      if (again) {
        again = false;
        read();
      }
    }
  };

  worker.port.onmessage = ({ data }) => {
    if (data.state === "broken") {
      if (broken === undefined) {
        broken = Date.now();
        ticking = setInterval(say, 1000);
      }
      return;
    }
    // What happened between the page and its stream, the first time too, nobody tells.
    if (data.state === "open") whole();
    clearTimeout(waiting);
    waiting = setTimeout(read, 60);
  };

  const listen = () => worker.port.postMessage({ address });
  const leave = () => worker.port.postMessage({ leave: true });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      leave();
    } else {
      listen();
      read();
    }
  });
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      listen();
      read();
    }
  });
  if (!document.hidden) listen();
}
