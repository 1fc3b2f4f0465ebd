/// <reference lib="dom" />

/** Finds the element of the page that has an id. */
export function element<E extends HTMLElement>(id: string, type: new () => E): E {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new TypeError(`Cannot find a ${type.name} with the id "${id}"`);
}

/** Writes a text into an element, unless it stands there. */
export function setText(id: string, text: string): void {
  const target = element(id, HTMLElement);
  if (target.textContent !== text) target.textContent = text;
}
