// Colours as chosen, set before anything is painted; without a choice they follow the system.

const THEMES = ["light", "dark"];

function chosenTheme() {
  try {
    const choice = localStorage.getItem("repute-theme");
    return THEMES.includes(choice) ? choice : "";
  } catch {
    return "";
  }
}

function applyTheme(choice) {
  const root = document.documentElement;
  if (choice) root.dataset.theme = choice;
  else delete root.dataset.theme;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  }
}

applyTheme(chosenTheme());

addEventListener("storage", () => applyTheme(chosenTheme()));

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-choice]");
  if (!button) return;
  const choice = button.dataset.themeChoice;
  try {
    if (choice) localStorage.setItem("repute-theme", choice);
    else localStorage.removeItem("repute-theme");
  } catch {
    // A browser that keeps nothing has it for this page only.
  }
  applyTheme(choice);
});

document.addEventListener("DOMContentLoaded", () => {
  for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;
  applyTheme(chosenTheme());
});
