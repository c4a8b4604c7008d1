// A form that was sent and got no answer (no network, a server that failed) has in it what was typed, once its page is
// opened again in this tab.
//
// A browser leaves for an error page of its own then; that one takes the form's place in the history, and the fields
// (autocomplete="off") are filled by nobody. So what was typed waits in this tab until the server says by a cookie that
// it has the form. The form's key goes with it: what did reach the server is answered as it was, and not done once more.
"use strict";

(() => {
  const STORED = "moyai-sent ";
  const ANSWERED = "moyai-answered-";
  const person = document.body.dataset.formsOf;
  const note = document.getElementById("unanswered");

  const stored = () => Object.keys(sessionStorage).filter((name) => name.startsWith(STORED));
  const forget = (name) => sessionStorage.removeItem(name);
  const keyOf = (form) => form.querySelector("input[type=hidden][name=key]");
  const typedFields = (form) =>
    [...form.elements].filter(
      (field) =>
        field.name &&
        field.matches("input, select, textarea") &&
        !["hidden", "file", "password", "submit", "button"].includes(field.type),
    );
  const isTicked = (field) => ["checkbox", "radio"].includes(field.type);
  const actionOf = (form) => new URL(form.getAttribute("action") ?? "", window.location.href).pathname;
  const ownAddress = () => {
    const address = new URL(window.location.href);
    for (const name of ["form", "fresh", "lang"]) address.searchParams.delete(name);
    return address;
  };
  const nameOf = (form) => {
    const { pathname, search } = ownAddress();
    const alike = [...document.forms].filter((other) => keyOf(other) && actionOf(other) === actionOf(form));
    return `${STORED}${pathname}${search} ${actionOf(form)} ${alike.indexOf(form)}`;
  };

  const store = (form) => {
    const typed = {};
    for (const field of typedFields(form)) {
      typed[field.name] ??= [];
      if (!isTicked(field) || field.checked) typed[field.name].push(field.value);
    }
    if (Object.keys(typed).length === 0) return;
    const entry = { person, key: keyOf(form).value, typed };
    try {
      sessionStorage.setItem(nameOf(form), JSON.stringify(entry));
    } catch {
      // No room in the browser, or none given: the form is sent all the same.
    }
  };

  const fill = (form, name) => {
    const { key, typed } = JSON.parse(sessionStorage.getItem(name));
    const fields = typedFields(form);
    // The page may show another step of the form now; what was typed waits for its own.
    if (!Object.keys(typed).every((one) => fields.some((field) => field.name === one))) return;
    for (const field of fields) {
      const given = typed[field.name] ?? [];
      if (isTicked(field)) field.checked = given.includes(field.value);
      else if (given.length > 0) field.value = given.shift();
    }
    keyOf(form).value = key;
    document.getElementById("restored")?.remove();
    note.hidden = false;
    form.before(note);
    note.querySelector("button").addEventListener("click", () => {
      forget(name);
      const empty = ownAddress();
      empty.searchParams.set("fresh", "1");
      window.location.assign(empty);
    });
  };

  const answered = document.cookie
    .split("; ")
    .map((cookie) => cookie.split("=")[0])
    .filter((name) => name.startsWith(ANSWERED));
  for (const name of stored()) {
    const entry = JSON.parse(sessionStorage.getItem(name));
    const cookie = ANSWERED + entry.key;
    if (entry.person !== person || answered.includes(cookie)) forget(name);
    if (answered.includes(cookie)) document.cookie = `${cookie}=; Max-Age=0; Path=/; Secure; SameSite=Strict`;
  }
  for (const form of document.forms) {
    if (keyOf(form) && sessionStorage.getItem(nameOf(form))) fill(form, nameOf(form));
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.matches("[data-ends-session]")) stored().forEach(forget);
    else if (keyOf(form)) store(form);
  });
})();
