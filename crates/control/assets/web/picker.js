// Finds workspaces while their name is typed, and turns the chosen one into a tag.
for (const input of document.querySelectorAll("input[data-find]")) {
  const list = document.getElementById(input.getAttribute("list"));
  const tags = input.closest("[data-picker]").querySelector(".tags");
  let waiting;

  const find = async () => {
    if (!input.value.trim()) return list.replaceChildren();
    const answer = await fetch(`${input.dataset.find}?limit=20&q=${encodeURIComponent(input.value.trim())}`);
    if (!answer.ok) return;
    const { items } = await answer.json();
    list.replaceChildren(...items.map(({ slug, name }) => new Option(name, slug)));
  };

  const choose = () => {
    const slug = input.value.trim();
    if (!slug || ![...list.options].some((option) => option.value === slug)) return false;
    if (![...tags.querySelectorAll("input")].some((box) => box.value === slug)) {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "workspaces", value: slug, checked: true });
      label.append(box, slug);
      tags.append(label);
    }
    input.value = "";
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  };

  input.addEventListener("input", (event) => {
    // A choice from the list comes as a replacement of the whole text.
    if ((event.inputType === "insertReplacementText" || !event.inputType) && choose()) return;
    clearTimeout(waiting);
    waiting = setTimeout(find, 120);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && choose()) event.preventDefault();
  });
}
