// Column heads of the photo tables sort their table; without this script they are plain text.
const valueOf = (row, column) => row.cells[column].textContent.trim();
for (const table of document.querySelectorAll("#photos-title ~ * table, #photos-title ~ .scroll table")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows].sort((a, b) =>
        valueOf(a, column).localeCompare(valueOf(b, column), undefined, { numeric: true }));
      if (down) rows.reverse();
      table.tBodies[0].append(...rows);
    });
  });
}
