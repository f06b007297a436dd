// The forms of secrets: how long the value is, and what saving will do. The value itself is sent nowhere before Save.
const form = document.querySelector("form[data-effect]");

if (form) {
  const value = form.elements.value;
  const length = form.querySelector("[data-length]");
  const bytes = () => new TextEncoder().encode(value?.value ?? "").length;
  let waiting;
  let asked = 0;

  const show = async () => {
    const sent = new URLSearchParams();
    for (const [name, text] of new FormData(form)) {
      if (name !== "value") sent.append(name, text);
    }
    if (value?.value) sent.set("bytes", bytes());
    const mine = ++asked;
    const answer = await fetch(form.dataset.effect, { method: "POST", body: sent });
    const said = answer.status === 200 ? await answer.text() : "";
    // An answer that was overtaken by the next question's is of no use.
    if (mine !== asked) return;
    const part = new DOMParser().parseFromString(said, "text/html");
    form.querySelector("[data-effect-place]").replaceChildren(...part.body.childNodes);
  };

  const changed = () => {
    if (length) length.textContent = `${bytes().toLocaleString("en")} bytes of ${length.dataset.length} KiB`;
    clearTimeout(waiting);
    waiting = setTimeout(show, 200);
  };

  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  changed();

  // Several lines pasted into the name are a file to import, not a name.
  form.elements.name?.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text");
    const at = text.indexOf("=");
    if (text.includes("\n") && form.dataset.import) {
      event.preventDefault();
      const review = document.createElement("form");
      review.method = "post";
      review.action = form.dataset.import;
      review.hidden = true;
      const sent = [...new FormData(form)].filter(([name]) => ["access", "workspaces", "more"].includes(name));
      for (const [name, said] of [...sent, ["mode", "fail"], ["content", text]]) {
        const field = document.createElement("textarea");
        field.name = name;
        field.value = said;
        review.append(field);
      }
      document.body.append(review);
      review.submit();
    } else if (at > 0 && /^(export\s+)?[A-Za-z_][A-Za-z0-9_]*=/.test(text) && value && !value.value) {
      event.preventDefault();
      event.target.value = text.slice(0, at).replace(/^export\s+/, "").trim();
      value.value = text.slice(at + 1).trim().replace(/^(["'])(.*)\1$/, "$2");
      changed();
    }
  });
}
