// A bar across the top while the next page is on its way.

// A page that has not come by then has failed, and the browser says so.
const LONGEST_LOAD = 30_000;

function loading(isLoading) {
  document.documentElement.toggleAttribute("data-loading", isLoading);
  if (isLoading) setTimeout(() => loading(false), LONGEST_LOAD);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const isPage = link.origin === location.origin && !/^\/(api|charts)\//.test(link.pathname) && !link.getAttribute("href").startsWith("#");
  if (isPage && !link.target && !link.hasAttribute("download")) loading(true);
});

document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented) loading(true);
});

// Back from the browser's history.
addEventListener("pageshow", () => loading(false));
