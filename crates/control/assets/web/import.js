// The form for an import: a file that is chosen or dropped is read into the field.
const form = document.querySelector("form[data-import-form]");

if (form) {
  const text = form.elements.content;
  const file = form.querySelector("[data-import-file]");
  const read = async (chosen) => {
    if (chosen) text.value = await chosen.text();
  };
  file.hidden = false;
  file.addEventListener("change", () => read(file.files[0]));
  text.addEventListener("dragover", (event) => event.preventDefault());
  text.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length === 0) return;
    event.preventDefault();
    read(event.dataTransfer.files[0]);
  });
}
