// Point at a token: the same token lights up in every row, and each row says what it cost there.
"use strict";
for (const sentence of document.querySelectorAll(".sentence")) {
  const rows = [...sentence.querySelectorAll(".row")].map((row) => ({
    figure: row.querySelector(".figure"),
    usual: row.querySelector(".figure").textContent,
    tokens: [...row.querySelectorAll(".w")],
  }));
  const even = rows.every((row) => row.tokens.length === rows[0].tokens.length);
  const show = (token) => {
    for (const row of rows) {
      const place = row.tokens.indexOf(token);
      const index = place >= 0 || !even ? place : rows.flatMap((r) => r.tokens).indexOf(token) % row.tokens.length;
      row.tokens.forEach((other, k) => other.classList.toggle("on", k === index));
      const told = index < 0 ? null : row.tokens[index].title.split(" · ");
      const bits = told && told[0].slice(told[0].lastIndexOf(": ") + 2);
      row.figure.textContent = told ? `${bits}, ${told[2].replace("probability ", "p ")}` : row.usual;
    }
  };
  sentence.addEventListener("pointerover", (event) => show(event.target.closest(".w")));
  sentence.addEventListener("pointerleave", () => show(null));
}
