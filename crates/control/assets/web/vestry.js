// What every page gets; each part looks for the elements it knows and does nothing without them.
import "./effect.js";
import "./import.js";
import "./live.js";
import "./log.js";
import "./picker.js";

// "/" puts the cursor into the filter; Escape closes an open menu.
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const filter = document.querySelector(".filter input");
    if (filter) {
      event.preventDefault();
      filter.select();
    }
  }
  if (event.key === "Escape") {
    const open = document.querySelector("details.menu[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  }
});

// Where tabs don't fit beside each other, the open one is in sight.
for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const { parentElement: tabs } = tab;
  tabs.scrollLeft = tab.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;
}

// A menu closes when something else is clicked.
addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// Light or dark is set at once; the form keeps it for the next page.
for (const form of document.querySelectorAll("form.themes")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const theme = event.submitter.value;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    for (const button of form.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button === event.submitter));
    }
    const sent = new URLSearchParams(new FormData(form));
    sent.set("theme", theme);
    fetch(form.action, { method: "POST", body: sent });
  });
}

// Copies what stands beside the button.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}

// Nothing is sent twice by a second click.
addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  const form = event.target;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
