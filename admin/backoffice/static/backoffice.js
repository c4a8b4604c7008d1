// What stood in `onclick` in Flask-Admin's templates, which a strict policy rightly ignores.
"use strict";
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href="#"]');
  if (!link) return;
  event.preventDefault();
  if (link.dataset.action && window.modelActions) window.modelActions.execute(link.dataset.action);
});
document.addEventListener("submit", (event) => {
  const asked = event.submitter && event.submitter.dataset.confirm;
  if (asked && !window.confirm(asked)) event.preventDefault();
}, true);
