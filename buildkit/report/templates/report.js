"use strict";
(() => {
  const rows = [...document.querySelectorAll(".grid tbody tr")];
  const form = document.getElementById("filter");
  const words = document.getElementById("words");
  const problems = document.getElementById("problems-only");
  const shown = document.getElementById("shown");

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = wanted.every((word) => text.includes(word));
      row.hidden = !fits || (problems.checked && !row.classList.contains("bad"));
      count += !row.hidden;
    }
    shown.value = count === rows.length ? "" : `${count} of ${rows.length} targets`;
  };

  const key = (row, column) => {
    const text = row.cells[column].dataset.key;
    const number = Number(text);
    return Number.isNaN(number) ? text : number;
  };

  const sort = (head) => {
    const descending = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = head.closest("table").tBodies[0];
    const sorted = [...body.rows].sort((one, other) => {
      const [a, b] = [key(one, head.cellIndex), key(other, head.cellIndex)];
      return (a < b ? -1 : a > b ? 1 : 0) * (descending ? -1 : 1);
    });
    body.append(...sorted);
  };

  for (const head of document.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }

  const open = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.querySelector("summary").focus();
    }
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  form.hidden = false;
  addEventListener("hashchange", open);
  open();
})();
