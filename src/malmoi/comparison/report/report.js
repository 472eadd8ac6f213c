// Point at a token: the same place lights up in every row, and each row says what it cost there.
"use strict";
for (const sentence of document.querySelectorAll(".sentence")) {
  const rows = [...sentence.querySelectorAll(".row")].map((row) => {
    const figure = row.querySelector(".figure");
    return { figure, usual: figure.textContent, tokens: [...row.querySelectorAll(".w")] };
  });
  const even = rows.every((row) => row.tokens.length === rows[0].tokens.length);
  const show = (token) => {
    const place = token ? rows.map((row) => row.tokens.indexOf(token)).find((k) => k >= 0) : -1;
    for (const { figure, usual, tokens } of rows) {
      const lit = even ? tokens[place] : tokens.find((other) => other === token);
      for (const other of tokens) other.classList.toggle("on", other === lit);
      figure.textContent = lit ? lit.dataset.told : usual;
    }
  };
  sentence.addEventListener("pointerover", (event) => show(event.target.closest(".w")));
  sentence.addEventListener("pointerleave", () => show(null));
}
