
// A click on the head of a column sorts the rows by it.
for (const [column, head] of document.querySelectorAll("th").entries()) {
  head.querySelector("button")?.addEventListener("click", () => {
    const body = document.querySelector("tbody");
    const up = head.getAttribute("aria-sort") !== "ascending";
    const key = row => row.cells[column].dataset.key ?? row.cells[column].textContent;
    const number = text => text.trim() === "" ? NaN : Number(text);
    const compare = new Intl.Collator(undefined, {numeric: true}).compare;
    const order = (a, b) => isNaN(number(a)) || isNaN(number(b)) ? compare(a, b) : number(a) - number(b);
    const rows = [...body.rows].sort((a, b) => (up ? 1 : -1) * order(key(a), key(b)));
    for (const other of document.querySelectorAll("th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows);
  });
}
