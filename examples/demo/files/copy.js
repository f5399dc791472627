// A button that copies the code, where the browser has a clipboard.
for (const summary of navigator.clipboard ? document.querySelectorAll(".source summary") : []) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async event => {
    event.preventDefault();
    await navigator.clipboard.writeText(summary.nextElementSibling.textContent);
    button.textContent = "Copied";
  });
  summary.append(button);
}
