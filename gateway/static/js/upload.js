// Files by choice or by drag and drop.
import { upload } from "./api.js";
import { byId } from "./dom.js";

export function startUploads(documents) {
  const drop = byId("drop");
  const input = byId("files");
  const take = async (files) => {
    // One after the other: a browser sends no faster in parallel, and the bars stay readable.
    for (const [file, row] of [...files].map((file) => [file, documents.addUpload(file.name)])) {
      try {
        row.stored(await upload(file, row.progress));
      } catch (error) {
        row.failed(error);
      }
    }
  };
  input.addEventListener("change", async () => {
    await take(input.files);
    input.value = "";
  });
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", (event) => {
    if (!drop.contains(event.relatedTarget)) drop.classList.remove("over");
  });
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
}
