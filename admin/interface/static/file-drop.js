// A field for a file that takes it by dragging, too, and says its name and size. Without script it is the plain field.
for (const area of document.querySelectorAll("[data-file-drop]")) {
  const field = area.querySelector("input[type=file]");
  const said = area.querySelector("[data-chosen]");
  const size = (bytes) => {
    const [value, unit] = bytes < 1024 ? [bytes, "byte"] : bytes < 1048576 ? [bytes / 1024, "kilobyte"] : [bytes / 1048576, "megabyte"];
    const style = { style: "unit", unit, unitDisplay: unit === "byte" ? "long" : "short", maximumFractionDigits: 1 };
    return new Intl.NumberFormat(document.documentElement.lang, style).format(value);
  };
  const say = () => {
    said.textContent = [...field.files].map((file) => `${file.name} (${size(file.size)})`).join(", ");
  };
  let depth = 0;
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    area.classList.toggle("dragged", depth > 0);
  };
  area.querySelector("[data-invite]").hidden = false;
  field.addEventListener("change", say);
  area.addEventListener("dragenter", () => mark(1));
  area.addEventListener("dragleave", () => mark(-1));
  area.addEventListener("dragover", (event) => event.preventDefault());
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    mark(0);
    if (event.dataTransfer.files.length) {
      // One file: the field takes no more.
      const one = new DataTransfer();
      one.items.add(event.dataTransfer.files[0]);
      field.files = one.files;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
  say();
}
