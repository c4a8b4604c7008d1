// Keys of the console. Each does what a link or a field of the page does; the page works without them.
"use strict";

(() => {
  const list = document.getElementById("key-list");
  const search = document.getElementById("find");
  const LETTER_WITHIN_MS = 1500;
  let awaitsLetterUntil = 0;

  const isTyping = (target) =>
    target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));

  const focusSearch = (event) => {
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat || list.open) return;
    if ((event.metaKey || event.ctrlKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      focusSearch(event);
      return;
    }
    if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
    if (Date.now() < awaitsLetterUntil) {
      awaitsLetterUntil = 0;
      const link = document.querySelector(`a[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
      if (link) {
        event.preventDefault();
        window.location.assign(link.href);
      }
    } else if (event.key === "g") {
      awaitsLetterUntil = Date.now() + LETTER_WITHIN_MS;
    } else if (event.key === "/") {
      focusSearch(event);
    } else if (event.key === "?") {
      event.preventDefault();
      list.showModal();
    }
  });
})();
